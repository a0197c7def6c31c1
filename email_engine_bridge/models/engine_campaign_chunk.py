import logging
import time
from contextlib import contextmanager

from odoo import api, fields, models

from odoo.addons.queue_job.exception import RetryableJobError

from ..const import SENDING_STATUSES
from ..exceptions import EngineUnavailable, HourIsFull
from ..tools import verp
from ..tools.campaign_content import Content
from ..tools.campaign_sender import Addressee
from ..tools.smtp_feeder import Outcome

_logger = logging.getLogger(__name__)

FIRST_WINDOW = 100  # recipients handed over between two looks at the pause button
LAST_WINDOW = 500
GROWTH = 4
WINDOW_SECONDS = 0.4  # so that a pause is effective within a second
RETRY_SECONDS = 60
MAX_ATTEMPTS = 20  # temporary refusals of one message by the delivery server
LOCK_SPACE = 0x656E6763  # "engc", the first key of the advisory locks of chunks
RESULT_STATES = {
    Outcome.ACCEPTED: "sent",
    Outcome.REFUSED: "refused",
    Outcome.DEFERRED: "queued",
    Outcome.UNKNOWN: "unknown",
    "failed": "failed",
}

LOOK = """
SELECT c.state, t.is_stopped IS TRUE, ip.status, l.state, d.day
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
INTEND = """
UPDATE engine_campaign_chunk SET handing_to = %(last_id)s, handed_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE id = %(chunk_id)s
"""
# A record of PowerMTA that came first is not overwritten.
RECORD = """
WITH intent AS (
    UPDATE engine_campaign_chunk SET handing_to = NULL WHERE id = %(chunk_id)s RETURNING handed_at
)
UPDATE engine_campaign_recipient r
   SET state = CASE WHEN done.state = 'queued' AND r.attempts + 1 >= %(attempts)s THEN 'refused' ELSE done.state END,
       attempts = r.attempts + 1, handed_at = intent.handed_at,
       doubt_since = CASE WHEN done.state = 'unknown' THEN intent.handed_at END, answer = done.answer
  FROM unnest(%(ids)s::int[], %(states)s::text[], %(answers)s::text[]) AS done (id, state, answer), intent
 WHERE r.id = done.id AND r.state = 'queued'
"""
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
OPEN_LEASES = """
SELECT DISTINCT l.token FROM engine_lease l JOIN engine_campaign_chunk c ON c.lease = l.token
 WHERE c.campaign_id = %(campaign_id)s AND l.state = 'open'
   AND NOT EXISTS (SELECT FROM engine_campaign_chunk k
                    WHERE k.lease = l.token
                      AND (k.state IN ('pending', 'running')
                           OR EXISTS (SELECT FROM engine_campaign_recipient r
                                       WHERE r.chunk_id = k.id AND r.state = 'unknown')))
"""
SET_STATE = """
UPDATE engine_campaign_chunk
   SET state = CASE WHEN %(state)s = 'returned'
                      OR EXISTS (SELECT FROM engine_campaign_recipient r
                                  WHERE r.chunk_id = %(chunk_id)s AND r.state = 'queued')
                    THEN %(state)s ELSE 'done' END,
       note = %(note)s
 WHERE id = %(chunk_id)s RETURNING state
"""


class EngineCampaignChunk(models.Model):
    """A part of a campaign that goes out through one IP, by one worker at a time.

    The journal is written on short transactions of its own: up to whom the chunk is handed over is
    committed before anything leaves and what came of it right after, whatever becomes of the worker.
    """

    _name = "engine.campaign.chunk"
    _description = "Campaign chunk"
    _order = "id desc"

    campaign_id = fields.Many2one("engine.campaign", required=True, index=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="campaign_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="campaign_id.company_id", store=True)
    ip_id = fields.Many2one("engine.ip", "IP address", required=True, ondelete="restrict")
    lease = fields.Char(required=True, readonly=True, help="The reservation it sends from")
    size = fields.Integer(required=True)
    reason = fields.Char("Why this IP")
    state = fields.Selection(
        [("pending", "Waiting"), ("running", "Sending"), ("returned", "Given back"), ("done", "Done")],
        required=True,
        default="pending",
    )
    note = fields.Char("Last event")
    handing_to = fields.Integer(readonly=True, copy=False, help="The last recipient of the window in hand, if any")
    handed_at = fields.Datetime(readonly=True, copy=False, help="When the last window was begun")

    def _enqueue(self):
        for chunk in self:
            chunk.with_delay(
                channel="root.email_engine",
                description=f"{chunk.campaign_id.name}: {chunk.size} / {chunk.ip_id.address}",
                identity_key=f"email_engine_bridge.chunk.{chunk.id}",
            )._job_send()

    def _job_send(self):
        """Send what this chunk still has to send; returns a sentence for the job's log."""
        self.ensure_one()
        with self._exclusive() as acquired:
            if not acquired:
                return "Another worker is sending this chunk."
            self._execute(LEFT_BEHIND)
            self._set_state("running", None)
            try:
                note = self._send_windows()
            except EngineUnavailable as error:
                self._set_state("pending", str(error))
                raise RetryableJobError(str(error), seconds=RETRY_SECONDS, ignore_retry=True) from error
        self.campaign_id._after_chunk()
        return note or "Sent."

    def _send_windows(self):
        limit = FIRST_WINDOW
        self.env["engine.quota"]._settle(self.lease, 0, close=False)  # prolonged, if it is still open
        with self.tenant_id._get_feeder__() as feeder:
            sender = self._get_sender(feeder)
            while True:
                start = time.monotonic()
                rows, refusal = self._take_window(limit)
                if refusal:
                    return self._stop(*refusal)
                if not rows:
                    return self._set_state("pending", None)
                sent = self._send_window(sender, rows, start + WINDOW_SECONDS)
                speed = sent / max(time.monotonic() - start, 0.001)
                limit = max(1, min(LAST_WINDOW, limit * GROWTH, int(speed * WINDOW_SECONDS)))

    def _take_window(self, limit):
        """(recipients marked as being handed over, why not).

        A chunk is no larger than its part of the reservation and hands each recipient over once, so the
        quota holds whatever is reported when; every report prolongs the reservation.
        """
        with self._transaction() as cr:
            values = {"chunk_id": self.id}
            cr.execute(LOOK, values)
            refusal = self._find_refusal(*cr.fetchone())
            if refusal:
                return [], refusal
            rows = self._find_next(cr, limit)
            if not rows:
                return [], None
            room = self._let_leave(len(rows))
            if not room:
                raise HourIsFull("This hour of the IP is full: the rest follows in the next one")
            rows = rows[:room]
            cr.execute(INTEND, {**values, "last_id": rows[-1].id})
            return rows, None

    def _find_next(self, cr, limit):
        """The next recipients, without those who are suppressed meanwhile; none: the chunk is done."""
        rows = suppressed = []
        while len(rows) == len(suppressed):
            cr.execute(NEXT, {"chunk_id": self.id, "limit": limit})
            rows = [Addressee(*row) for row in cr.fetchall()]
            if not rows:
                return []
            cr.execute(SUPPRESS, {"ids": [one.id for one in rows]})
            suppressed = {row_id for (row_id,) in cr.fetchall()}
        return [one for one in rows if one.id not in suppressed]

    def _let_leave(self, emails):
        """How many of them may leave within this hour; a tenant in a hurry has no such limit."""
        if not self.tenant_id.spread_over_day and not self.ip_id._get_plan_hourly():
            return emails
        return self.env["engine.quota"]._let_leave(self.ip_id, self.lease, emails)

    def _find_refusal(self, campaign_state, is_stopped, ip_status, lease_state, day):
        """(state of the chunk, why) when nothing may be handed over now."""
        if campaign_state == "cancelled":
            return "returned", "The campaign is cancelled"
        if campaign_state != "sending" or is_stopped:
            return "pending", "Paused"
        if lease_state != "open":
            return "returned", "The reservation ran out"
        if ip_status not in SENDING_STATUSES or day != self.tenant_id._get_today():
            return "returned", "The IP may not send, or its day is over"
        return None

    def _send_window(self, sender, rows, deadline):
        """How many of the rows were handed over before the deadline (`time.monotonic`); the others wait again."""
        try:
            deliveries = sender.send(rows, deadline)
        except EngineUnavailable:
            self._record([], len(rows))
            raise
        handed = [one for one in deliveries if one.outcome != Outcome.UNSENT]
        self._record(handed, len(rows))
        lost = [one for one in deliveries if one.outcome in (Outcome.UNSENT, Outcome.DEFERRED)]
        if lost:
            raise EngineUnavailable(lost[0].answer)
        return len(handed)

    def _record(self, handed, taken):
        """Write what became of those who were handed over; the others that were taken wait as they did before."""
        values = {
            "ids": [one.id for one in handed],
            "states": [RESULT_STATES[one.outcome] for one in handed],
            "answers": [one.answer for one in handed],
        }
        self._execute(RECORD, attempts=MAX_ATTEMPTS, **values)
        left = sum(one.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN) for one in handed)
        if left < taken:
            self._let_leave(left - taken)
        self.env["engine.quota"]._settle(self.lease, left, close=False)

    def _stop(self, state, reason):
        """Keep what is left for later, or let the campaign plan it anew."""
        if state == "returned":
            self._execute(GIVE_BACK)
        self._set_state(state, reason)
        return reason

    def _set_state(self, state, note):
        self._execute(SET_STATE, state=state, note=note)
        self.invalidate_recordset()

    def _get_sender(self, feeder):
        campaign = self.campaign_id
        content = Content(tuple(campaign.content["subjects"]), campaign.content["html"], campaign.content["text"])
        job = verp.job_name(self.tenant_id.id, campaign.id, self.id)
        return campaign._get_sender(feeder, self.ip_id, job=job, kind="campaign", content=content)

    @contextmanager
    def _exclusive(self):
        """Hold the chunk for this worker; PostgreSQL lets go of it when the worker dies."""
        with self.env.registry.cursor() as cr:
            cr.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (LOCK_SPACE, self.id))
            yield cr.fetchone()[0]

    def _transaction(self):
        self.env.flush_all()
        return self.env["engine.quota"]._counter_cursor__()

    def _execute(self, statement, **values):
        with self._transaction() as cr:
            cr.execute(statement, {"chunk_id": self.id, **values})

    @api.model
    def _cron_recover(self):
        """Take up chunks whose worker died; those that are alive hold their lock."""
        for chunk in self.search([("state", "in", ("pending", "running")), ("campaign_id.state", "=", "sending")]):
            with chunk._exclusive() as acquired:
                if acquired and chunk.state == "running":
                    _logger.info("Chunk %s: its worker ended, taking it up again", chunk.id)
                    chunk._execute(LEFT_BEHIND)
            if acquired:
                chunk._enqueue()
