"""The journal of a chunk of a campaign, as the one worker writes it who sends the chunk."""

from odoo.addons.email_engine_bridge.const import SENDING_STATUSES
from odoo.addons.email_engine_bridge.tools.campaign_sender import Addressee
from odoo.addons.email_engine_bridge.tools.smtp_feeder import Outcome
from odoo.addons.lokario_base.tools.transaction import FENCE, Lease, LeaseLost, transaction

from .refusal import refusal_of

MAX_ATTEMPTS = 20  # temporary refusals of one message by the delivery server
RESULT_STATES = {
    Outcome.ACCEPTED: "sent",
    Outcome.REFUSED: "refused",
    Outcome.DEFERRED: "queued",
    Outcome.UNKNOWN: "unknown",
    "failed": "failed",
}

STATUS = """
SELECT c.state, t.is_stopped IS TRUE OR NOT t.active, ip.active AND ip.status IN %(statuses)s, l.state, d.day
  FROM engine_campaign_chunk k
  JOIN engine_campaign c ON c.id = k.campaign_id
  JOIN engine_tenant t ON t.id = c.tenant_id
  JOIN engine_ip ip ON ip.id = k.ip_id
  JOIN engine_lease l ON l.token = k.lease
  JOIN engine_ip_day d ON d.id = l.ip_day_id
 WHERE k.id = %(chunk_id)s
"""
REFUSE = f"""
UPDATE engine_campaign_recipient r SET state = refusal.state, answer = refusal.reason
  FROM engine_campaign_recipient q LEFT JOIN engine_contact c ON c.id = q.contact_id
 CROSS JOIN LATERAL ({refusal_of("q", "c")}) refusal
 WHERE q.id = ANY(%(ids)s) AND r.id = q.id AND r.state = 'queued'
RETURNING r.id
"""  # noqa: S608 constants
ADDRESSEE = """
SELECT q.id, q.email, coalesce(m.data ->> 'first_name', c.first_name), coalesce(m.data ->> 'last_name', c.last_name),
       CASE WHEN m.id IS NULL THEN c.attributes ELSE coalesce(c.attributes, '{}') || coalesce(m.data, '{}') END,
       q.variant, q.message_id
  FROM engine_campaign_recipient q LEFT JOIN engine_contact c ON c.id = q.contact_id
  LEFT JOIN engine_message m ON m.id = q.message_id
"""
NEXT = f"{ADDRESSEE} WHERE q.chunk_id = %(chunk_id)s AND q.state = 'queued' ORDER BY q.id LIMIT %(limit)s"
# The intent is one line: everybody of the chunk who waits, up to this recipient, may be handed over from now on.
INTEND = f"""
UPDATE engine_campaign_chunk SET handing_to = %(last_id)s, handed_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE id = %(chunk_id)s AND {FENCE}
"""  # noqa: S608 constants
# A record of PowerMTA that came first is not overwritten. A worker that lost its lease meanwhile records what it handed
# over all the same: its successor found those recipients in doubt.
RECORD = f"""
WITH ended AS (
    UPDATE engine_campaign_chunk SET handing_to = NULL WHERE id = %(chunk_id)s AND {FENCE}
)
UPDATE engine_campaign_recipient r
   SET state = CASE WHEN done.state = 'queued' AND r.attempts + 1 >= %(attempts)s THEN 'refused' ELSE done.state END,
       attempts = r.attempts + 1,
       handed_at = CASE r.state WHEN 'unknown' THEN r.handed_at ELSE k.handed_at END,
       doubt_since = CASE WHEN done.state = 'unknown' THEN coalesce(r.doubt_since, k.handed_at) END,
       answer = done.answer
  FROM unnest(%(ids)s::int[], %(states)s::text[], %(answers)s::text[]) AS done (id, state, answer),
       engine_campaign_chunk k
 WHERE r.id = done.id AND k.id = %(chunk_id)s
   AND (r.state = 'queued' OR (r.state = 'unknown' AND r.chunk_id = k.id AND done.state <> 'queued'))
"""  # noqa: S608 constants
LEFT_BEHIND = """
WITH doubtful AS (
    UPDATE engine_campaign_recipient r
       SET state = 'unknown', handed_at = k.handed_at, doubt_since = k.handed_at,
           answer = 'The worker ended while handing over'
      FROM engine_campaign_chunk k
     WHERE k.id = %(chunk_id)s AND r.chunk_id = k.id AND r.state = 'queued' AND r.id <= k.handing_to
)
UPDATE engine_campaign_chunk SET handing_to = NULL WHERE id = %(chunk_id)s AND handing_to IS NOT NULL
"""
GIVE_BACK = """
UPDATE engine_campaign_recipient SET chunk_id = NULL WHERE chunk_id = %(chunk_id)s AND state = 'queued'
"""
SET_STATE = f"""
UPDATE engine_campaign_chunk
   SET state = CASE WHEN %(state)s IN ('running', 'returned')
                      OR EXISTS (SELECT FROM engine_campaign_recipient r
                                  WHERE r.chunk_id = %(chunk_id)s AND r.state = 'queued')
                    THEN %(state)s ELSE 'done' END,
       note = %(note)s
 WHERE id = %(chunk_id)s AND {FENCE}
"""  # noqa: S608 constants


class ChunkJournal:
    """What is committed about a chunk while its worker sends it; every step is a short transaction of its own.

    Up to whom the chunk is handed over is written before anything leaves, and what came of it right after, whatever
    becomes of the worker. A worker that was paused, lost its lease and awakens writes nothing more: `LeaseLost`.
    """

    def __init__(self, env, chunk_id: int, held: Lease):
        self._env = env
        self._chunk_id = chunk_id
        self._held = held

    def begin(self) -> None:
        """Note that the chunk is being sent; what a worker that died was handing over is in doubt."""
        self.set_state("running", None, LEFT_BEHIND)

    def give_back(self, reason: str) -> None:
        """Let the campaign plan anew those who wait."""
        self.set_state("returned", reason, GIVE_BACK)

    def set_state(self, state, note, *statements) -> None:
        """Change the chunk's state; `pending` is `done` when no recipient waits."""
        with transaction(self._env) as cr:
            self._change(cr, SET_STATE, state=state, note=note)
            for statement in statements:
                cr.execute(statement, {"chunk_id": self._chunk_id})

    def take(self, limit, find_refusal, consume_hourly_cap):
        """Return (the next recipients, marked as being handed over; why not).

        :param find_refusal: called with the row of `STATUS`
        :param consume_hourly_cap: called with a number of mails, returns how many may leave within this hour
        """
        self._held.renew()
        with transaction(self._env) as cr:
            cr.execute(STATUS, {"chunk_id": self._chunk_id, "statuses": SENDING_STATUSES})
            if refusal := find_refusal(*cr.fetchone()):
                return [], refusal
            rows = self._find_next(cr, limit)
            if rows:
                rows = rows[: consume_hourly_cap(len(rows))]
                self._change(cr, INTEND, last_id=rows[-1].id)
            return rows, None

    def _find_next(self, cr, limit):
        """The next recipients, all of one message, who may be written to still; none: the chunk is done."""
        rows = refused = []
        while len(rows) == len(refused):
            cr.execute(NEXT, {"chunk_id": self._chunk_id, "limit": limit})
            rows = [Addressee(*row) for row in cr.fetchall()]
            if not rows:
                return []
            rows = [one for one in rows if one.message_id == rows[0].message_id]
            cr.execute(REFUSE, {"ids": [one.id for one in rows]})
            refused = {row_id for (row_id,) in cr.fetchall()}
        return [one for one in rows if one.id not in refused]

    def record(self, handed) -> None:
        """Write what became of those who were handed over; the others that were taken wait as they did before."""
        values = {
            "chunk_id": self._chunk_id,
            "attempts": MAX_ATTEMPTS,
            "ids": [one.id for one in handed],
            "states": [RESULT_STATES[one.outcome] for one in handed],
            "answers": [one.answer for one in handed],
        }
        with transaction(self._env) as cr:
            cr.execute(RECORD, {**values, **self._held.values})

    def _change(self, cr, statement, **values):
        """Run a statement with `FENCE`; raises `LeaseLost` when another worker has taken over."""
        cr.execute(statement, {"chunk_id": self._chunk_id, **values, **self._held.values})
        if not cr.rowcount:
            raise LeaseLost(self._held.name)
