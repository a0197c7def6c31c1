import logging
import time

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import EngineError, EngineRejected, EngineUnavailable
from odoo.addons.email_engine_bridge.tools import verp
from odoo.addons.email_engine_bridge.tools.smtp_feeder import Outcome
from odoo.addons.lokario_base.tools.transaction import LeaseLost, lease
from odoo.addons.queue_job.exception import RetryableJobError

from ..tools.chunk_journal import ChunkJournal

_logger = logging.getLogger(__name__)

RETRY_SECONDS = 60
HOLD_SECONDS = 300  # how long a worker that hangs keeps its chunk: longer than a window can last
FIRST_WINDOW = 100  # recipients handed over between two checks of the pause
LAST_WINDOW = 500
GROWTH = 4
WINDOW_SECONDS = 0.4  # so that a pause is effective within a second


class EngineCampaignChunk(models.Model):
    """A part of a campaign that goes out through one IP, by one worker at a time.

    The journal is written on short transactions of its own: up to whom the chunk is handed over is
    committed before anything leaves and what came of it right after, whatever becomes of the worker.
    """

    _name = "engine.campaign.chunk"
    _inherit = ["lokario.access.mixin"]
    _description = "Campaign chunk"
    _order = "id desc"

    campaign_id = fields.Many2one("engine.campaign", required=True, index=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="campaign_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="campaign_id.company_id", store=True)
    ip_id = fields.Many2one("engine.ip", "IP address", required=True, ondelete="restrict")
    lease = fields.Char(required=True, readonly=True, index=True, help="The reservation it sends from")
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

    _busy_idx = models.Index("(campaign_id) WHERE state IN ('pending', 'running')")

    def _enqueue(self):
        for chunk in self:
            # The job's rights are its own, it sends this chunk and nothing else; its language is that of its readers.
            chunk_sudo = chunk.sudo().with_context(lang=chunk.company_id.sudo().partner_id.lang)
            chunk_sudo.with_delay(
                channel="root.email_engine",
                description=f"{chunk.campaign_id.name}: {chunk.size} / {chunk.ip_id.address}",
                identity_key=f"email_engine_campaign.chunk.{chunk.id}",
            )._job_send()

    def _job_send(self):
        """Send what this chunk still has to send; returns a sentence for the job's log."""
        self.ensure_one()
        if self.campaign_id.is_preparing:
            return "The list of the recipients is still being written."
        with self._hold() as held:
            if not held:
                return "Another worker is sending this chunk."
            try:
                note = self._send(ChunkJournal(self.env, self.id, held))
            except LeaseLost:
                return "Another worker has taken over this chunk."
            except EngineUnavailable as error:
                sentence = self.env["engine.finding"]._say_error(error)
                raise RetryableJobError(sentence, seconds=RETRY_SECONDS, ignore_retry=True) from error
            except EngineRejected as error:
                return self.campaign_id._refuse_delivery(self.env["engine.finding"]._say_error(error))
            except UserError as error:
                return self.campaign_id._refuse_delivery(str(error))
        self.env["engine.transport.powermta"]._after_chunk(self.campaign_id)
        return note

    def _hold(self):
        """The lease of the one worker that sends this chunk; None while another one does."""
        return lease(self.env, f"email_engine_campaign.chunk.{self.id}", HOLD_SECONDS)

    def _send(self, journal):
        """Send until no recipient waits or something forbids it; returns a sentence for the job's log.

        A delivery server that does not answer, or refuses, leaves the chunk waiting with its words and raises them.
        """
        journal.begin()
        try:
            return self._send_windows(journal)
        except (EngineError, UserError) as error:
            journal.set_state("pending", str(error))
            raise
        finally:
            self.invalidate_recordset()

    def _send_windows(self, journal):
        limit = FIRST_WINDOW
        self.env["engine.quota"]._settle(self.lease, 0, close=False)  # prolonged, if it is still open
        with self.tenant_id._get_feeder__() as feeder:
            senders = {}
            while True:
                start = time.monotonic()
                rows, refusal = self._take_window(journal, limit)
                if refusal:
                    return self._stop(journal, *refusal)
                if not rows:
                    journal.set_state("pending", None)
                    return "Sent."
                message_id = rows[0].message_id
                if message_id not in senders:
                    senders = {message_id: self._get_sender(feeder, message_id)}
                sent = self._send_window(journal, senders[message_id], rows, start + WINDOW_SECONDS)
                speed = sent / max(time.monotonic() - start, 0.001)
                limit = max(1, min(LAST_WINDOW, limit * GROWTH, int(speed * WINDOW_SECONDS)))

    def _take_window(self, journal, limit):
        """(recipients marked as being handed over, why not).

        A chunk is no larger than its part of the reservation and hands each recipient over once, so the
        quota holds whatever is reported when; every report prolongs the reservation.
        """
        return journal.take(limit, self._find_refusal, self._consume_hourly_cap)

    def _find_refusal(self, campaign_state, is_stopped, ip_is_sending, reservation_state, day):
        """(state of the chunk, why) when nothing may be handed over now."""
        if campaign_state == "cancelled":
            return "returned", "The campaign is cancelled"
        if campaign_state != "sending" or is_stopped:
            return "pending", "Paused"
        if reservation_state != "open":
            return "returned", "The reservation ran out"
        if not ip_is_sending or day != self.tenant_id._get_today():
            return "returned", "The IP may not send, or its day is over"
        return None

    def _stop(self, journal, state, reason):
        """Keep what is left for later, or let the campaign plan it anew."""
        if state == "returned":
            journal.give_back(reason)
        else:
            journal.set_state(state, reason)
        return reason

    def _consume_hourly_cap(self, emails):
        """How many of them may leave within this hour; a tenant in a hurry has no such limit."""
        if not self.ip_id._has_hourly_cap():
            return emails
        room = self.env["engine.quota"]._consume_hourly_cap(self.ip_id, self.lease, emails)
        if not room and emails > 0:
            raise EngineUnavailable(self.env._("This hour of the IP is full: the rest follows in the next one"))
        return room

    def _send_window(self, journal, sender, rows, deadline):
        """How many of the rows were handed over before the deadline (`time.monotonic`); the others wait again."""
        try:
            deliveries = sender.send(rows, deadline)
        except EngineError:
            self._record(journal, [], len(rows))
            raise
        handed = [one for one in deliveries if one.outcome != Outcome.UNSENT]
        self._record(journal, handed, len(rows))
        lost = [one for one in deliveries if one.outcome in (Outcome.UNSENT, Outcome.DEFERRED)]
        if lost:
            raise EngineUnavailable(lost[0].answer)
        return len(handed)

    def _record(self, journal, handed, taken):
        """Write what became of those who were handed over, and count what left."""
        journal.record(handed)
        left = sum(one.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN) for one in handed)
        if left < taken:
            self._consume_hourly_cap(left - taken)
        self.env["engine.quota"]._settle(self.lease, left, close=False)

    def _get_sender(self, feeder, message_id=None):
        """The sender of the campaign's messages, or of the one message of a stream."""
        job = verp.job_name(self.tenant_id.id, self.campaign_id.id, self.id)
        source = self.env["engine.message"].browse(message_id) if message_id else self.campaign_id
        return source._get_content_sender(feeder, self.ip_id, job)

    @api.model
    def _cron_recover(self):
        """Take up chunks whose worker died or hangs; those that are alive hold their lease."""
        for chunk in self.search([("state", "in", ("pending", "running")), ("campaign_id.state", "=", "sending")]):
            with chunk._hold() as held:
                if held and chunk.state == "running":
                    _logger.info("Chunk %s: its worker ended, taking it up again", chunk.id)
            if held:
                chunk._enqueue()
