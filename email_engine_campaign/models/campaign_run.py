"""One worker's run over a chunk of a campaign: what it takes, hands over and records."""

import time

from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.const import SENDING_STATUSES
from odoo.addons.email_engine_bridge.exceptions import EngineError, EngineUnavailable, HourIsFull
from odoo.addons.email_engine_bridge.tools.campaign_sender import Addressee
from odoo.addons.email_engine_bridge.tools.smtp_feeder import Outcome
from odoo.addons.lokario_base.tools.transaction import FENCE, Lease, LeaseLost, transaction

FIRST_WINDOW = 100  # recipients handed over between two looks at the pause button
LAST_WINDOW = 500
GROWTH = 4
WINDOW_SECONDS = 0.4  # so that a pause is effective within a second
HOLD_SECONDS = 300  # how long a worker that hangs keeps its chunk: longer than a window can last
MAX_ATTEMPTS = 20  # temporary refusals of one message by the delivery server
RESULT_STATES = {
    Outcome.ACCEPTED: "sent",
    Outcome.REFUSED: "refused",
    Outcome.DEFERRED: "queued",
    Outcome.UNKNOWN: "unknown",
    "failed": "failed",
}

LOOK = """
SELECT c.state, t.is_stopped IS TRUE OR NOT t.active, ip.active AND ip.status IN %(statuses)s, l.state, d.day
  FROM engine_campaign_chunk k
  JOIN engine_campaign c ON c.id = k.campaign_id
  JOIN engine_tenant t ON t.id = c.tenant_id
  JOIN engine_ip ip ON ip.id = k.ip_id
  JOIN engine_lease l ON l.token = k.lease
  JOIN engine_ip_day d ON d.id = l.ip_day_id
 WHERE k.id = %(chunk_id)s
"""
SUPPRESS = """
UPDATE engine_campaign_recipient r SET state = 'suppressed', answer = s.reason
  FROM engine_suppression s
 WHERE r.id = ANY(%(ids)s) AND s.email = r.email
   AND (s.tenant_id = r.tenant_id OR (s.tenant_id IS NULL AND coalesce(s.company_id, r.company_id) = r.company_id))
RETURNING r.id
"""
NEXT = """
SELECT q.id, q.email, c.first_name, c.last_name, c.attributes, q.variant
  FROM engine_campaign_recipient q LEFT JOIN engine_contact c ON c.id = q.contact_id
 WHERE q.chunk_id = %(chunk_id)s AND q.state = 'queued' ORDER BY q.id LIMIT %(limit)s
"""
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


class CampaignRun:
    """A worker with the lease of a chunk; every step is a short transaction of its own.

    Up to whom the chunk is handed over is committed before anything leaves, and what came of it right after, whatever
    becomes of the worker. A worker that was paused, lost its lease and awakens does nothing more: `LeaseLost`.
    """

    def __init__(self, chunk, held: Lease):
        self.chunk = chunk
        self.held = held
        self._quota = chunk.env["engine.quota"]

    def send(self):
        """Send until nobody waits or something forbids it; returns a sentence for the job's log.

        A delivery server that does not answer, or refuses, leaves the chunk waiting with its words and raises them.
        """
        self.set_state("running", None, LEFT_BEHIND)
        try:
            return self._send_windows()
        except (EngineError, UserError) as error:
            self.set_state("pending", str(error))
            raise

    def _send_windows(self):
        limit = FIRST_WINDOW
        self._quota._settle(self.chunk.lease, 0, close=False)  # prolonged, if it is still open
        with self.chunk.tenant_id._get_feeder__() as feeder:
            sender = self.chunk._get_sender(feeder)
            while True:
                start = time.monotonic()
                self.held.renew()
                rows, refusal = self.take_window(limit)
                if refusal:
                    return self._stop(*refusal)
                if not rows:
                    self.set_state("pending", None)
                    return "Sent."
                sent = self.send_window(sender, rows, start + WINDOW_SECONDS)
                speed = sent / max(time.monotonic() - start, 0.001)
                limit = max(1, min(LAST_WINDOW, limit * GROWTH, int(speed * WINDOW_SECONDS)))

    def take_window(self, limit):
        """(recipients marked as being handed over, why not).

        A chunk is no larger than its part of the reservation and hands each recipient over once, so the
        quota holds whatever is reported when; every report prolongs the reservation.
        """
        with transaction(self.chunk.env) as cr:
            cr.execute(LOOK, {"chunk_id": self.chunk.id, "statuses": SENDING_STATUSES})
            refusal = self._find_refusal(*cr.fetchone())
            if refusal:
                return [], refusal
            rows = self._find_next(cr, limit)
            if not rows:
                return [], None
            room = self.chunk._let_leave(len(rows))
            if not room:
                raise HourIsFull("This hour of the IP is full: the rest follows in the next one")
            rows = rows[:room]
            self._change(cr, INTEND, last_id=rows[-1].id)
            return rows, None

    def _find_next(self, cr, limit):
        """The next recipients, without those who are suppressed meanwhile; none: the chunk is done."""
        rows = suppressed = []
        while len(rows) == len(suppressed):
            cr.execute(NEXT, {"chunk_id": self.chunk.id, "limit": limit})
            rows = [Addressee(*row) for row in cr.fetchall()]
            if not rows:
                return []
            cr.execute(SUPPRESS, {"ids": [one.id for one in rows]})
            suppressed = {row_id for (row_id,) in cr.fetchall()}
        return [one for one in rows if one.id not in suppressed]

    def _find_refusal(self, campaign_state, is_stopped, ip_is_sending, lease_state, day):
        """(state of the chunk, why) when nothing may be handed over now."""
        if campaign_state == "cancelled":
            return "returned", "The campaign is cancelled"
        if campaign_state != "sending" or is_stopped:
            return "pending", "Paused"
        if lease_state != "open":
            return "returned", "The reservation ran out"
        if not ip_is_sending or day != self.chunk.tenant_id._get_today():
            return "returned", "The IP may not send, or its day is over"
        return None

    def send_window(self, sender, rows, deadline):
        """How many of the rows were handed over before the deadline (`time.monotonic`); the others wait again."""
        try:
            deliveries = sender.send(rows, deadline)
        except EngineError:
            self.record([], len(rows))
            raise
        handed = [one for one in deliveries if one.outcome != Outcome.UNSENT]
        self.record(handed, len(rows))
        lost = [one for one in deliveries if one.outcome in (Outcome.UNSENT, Outcome.DEFERRED)]
        if lost:
            raise EngineUnavailable(lost[0].answer)
        return len(handed)

    def record(self, handed, taken):
        """Write what became of those who were handed over; the others that were taken wait as they did before."""
        values = {
            "chunk_id": self.chunk.id,
            "ids": [one.id for one in handed],
            "states": [RESULT_STATES[one.outcome] for one in handed],
            "answers": [one.answer for one in handed],
        }
        with transaction(self.chunk.env) as cr:
            cr.execute(RECORD, {"attempts": MAX_ATTEMPTS, **values, **self.held.values})
        left = sum(one.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN) for one in handed)
        if left < taken:
            self.chunk._let_leave(left - taken)
        self._quota._settle(self.chunk.lease, left, close=False)

    def _stop(self, state, reason):
        """Keep what is left for later, or let the campaign plan it anew."""
        self.set_state(state, reason, *([GIVE_BACK] if state == "returned" else []))
        return reason

    def set_state(self, state, note, *statements):
        """Change the chunk's state, and its recipients by the statements, as its holder only."""
        with transaction(self.chunk.env) as cr:
            self._change(cr, SET_STATE, state=state, note=note)
            for statement in statements:
                cr.execute(statement, {"chunk_id": self.chunk.id})
        self.chunk.invalidate_recordset()

    def _change(self, cr, statement, **values):
        """Run a statement with `FENCE`; raises `LeaseLost` when another worker has taken over."""
        cr.execute(statement, {"chunk_id": self.chunk.id, **values, **self.held.values})
        if not cr.rowcount:
            raise LeaseLost(self.held.name)
