import logging

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import EngineRejected, EngineUnavailable
from odoo.addons.email_engine_bridge.tools import verp
from odoo.addons.email_engine_bridge.tools.campaign_content import Content
from odoo.addons.lokario_base.tools.transaction import LeaseLost, lease
from odoo.addons.queue_job.exception import RetryableJobError

from .campaign_run import HOLD_SECONDS, CampaignRun

_logger = logging.getLogger(__name__)

RETRY_SECONDS = 60

OPEN_LEASES = """
SELECT DISTINCT l.token FROM engine_lease l JOIN engine_campaign_chunk c ON c.lease = l.token
 WHERE c.campaign_id = %(campaign_id)s AND l.state = 'open'
   AND NOT EXISTS (SELECT FROM engine_campaign_chunk k
                    WHERE k.lease = l.token
                      AND (k.state IN ('pending', 'running')
                           OR EXISTS (SELECT FROM engine_campaign_recipient r
                                       WHERE r.chunk_id = k.id AND r.state = 'unknown')))
"""


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
            chunk.sudo().with_delay(  # the job's rights are its own: it sends this chunk and nothing else
                channel="root.email_engine",
                description=f"{chunk.campaign_id.name}: {chunk.size} / {chunk.ip_id.address}",
                identity_key=f"email_engine_campaign.chunk.{chunk.id}",
            )._job_send()

    def _job_send(self):
        """Send what this chunk still has to send; returns a sentence for the job's log."""
        self.ensure_one()
        with self._hold() as held:
            if not held:
                return "Another worker is sending this chunk."
            try:
                note = CampaignRun(self, held).send()
            except LeaseLost:
                return "Another worker has taken over this chunk."
            except EngineUnavailable as error:
                raise RetryableJobError(str(error), seconds=RETRY_SECONDS, ignore_retry=True) from error
            except (EngineRejected, UserError) as error:
                self.campaign_id._refuse_delivery(str(error))
                return str(error)
        self.campaign_id._after_chunk()
        return note

    def _hold(self):
        """The lease of the one worker that sends this chunk; None while another one does."""
        return lease(self.env, f"email_engine_campaign.chunk.{self.id}", HOLD_SECONDS)

    def _let_leave(self, emails):
        """How many of them may leave within this hour; a tenant in a hurry has no such limit."""
        if not self.tenant_id.spread_over_day and not self.ip_id._get_plan_hourly():
            return emails
        return self.env["engine.quota"]._let_leave(self.ip_id, self.lease, emails)

    def _get_sender(self, feeder):
        campaign = self.campaign_id
        content = Content(tuple(campaign.content["subjects"]), campaign.content["html"], campaign.content["text"])
        job = verp.job_name(self.tenant_id.id, campaign.id, self.id)
        return campaign._get_sender(feeder, self.ip_id, job=job, kind="campaign", content=content)

    @api.model
    def _cron_recover(self):
        """Take up chunks whose worker died or hangs; those that are alive hold their lease."""
        for chunk in self.search([("state", "in", ("pending", "running")), ("campaign_id.state", "=", "sending")]):
            with chunk._hold() as held:
                if held and chunk.state == "running":
                    _logger.info("Chunk %s: its worker ended, taking it up again", chunk.id)
            if held:
                chunk._enqueue()
