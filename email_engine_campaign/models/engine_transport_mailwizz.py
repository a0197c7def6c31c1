import logging

from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import EngineError, EngineRejected, EngineUnavailable
from odoo.addons.queue_job.exception import RetryableJobError

from .engine_mailwizz_part import ON_ITS_WAY

_logger = logging.getLogger(__name__)

RETRY_SECONDS = 120
FOLLOWED_DAYS = 60  # after its start: how long MailWizz is asked who left a campaign's list


class EngineTransportMailwizz(models.AbstractModel):
    """The tenant's MailWizz sends: it gets the list, the people and the message, and keeps its own quotas."""

    _name = "engine.transport.mailwizz"
    _inherit = "engine.transport"
    _description = "Transport: MailWizz"

    @api.model
    def _check_ready(self, campaign):
        campaign.tenant_id._get_mailwizz_client__()

    @api.model
    def _start(self, campaign, waiting):
        self.env["engine.campaign.audience"]._populate(campaign)
        queued = [("campaign_id", "=", campaign.id), ("state", "=", "queued")]
        variants = self.env["engine.campaign.recipient"]._read_group(queued, ["variant"], order="variant")
        parts = [{"campaign_id": campaign.id, "variant": variant} for (variant,) in variants]
        self.env["engine.mailwizz.part"].sudo().create(parts)
        self._advance(campaign)
        return {
            "success": True,
            "campaign_id": campaign.id,
            "total_recipients": campaign.waiting_count,
            "sent_today": 0,
            "sent_later": campaign.waiting_count,
            "suppressed": campaign.suppressed_count,
        }

    @api.model
    def _advance(self, campaign):
        """Queue the hand-over, also again when its job was lost; MailWizz itself is asked by `_cron_follow`."""
        if not all(campaign.mailwizz_part_ids.mapped("campaign_uid")):
            key = f"email_engine_campaign.mailwizz.{campaign.id}"
            self.sudo().with_delay(channel="root.email_engine", identity_key=key)._job_hand_over(campaign.sudo())

    @api.model
    def _pause(self, campaign):
        self._toggle(campaign, ON_ITS_WAY)

    @api.model
    def _resume(self, campaign):
        self._toggle(campaign, ("paused",))
        self._advance(campaign)

    @api.model
    def _stop(self, campaign):
        if any(campaign.mailwizz_part_ids.mapped("campaign_uid")):
            self.sudo().with_delay(channel="root.email_engine")._job_stop(campaign.sudo())

    def _toggle(self, campaign, statuses):
        """Pause or resume, in MailWizz, the campaigns that are in one of its `statuses`."""
        parts = campaign.mailwizz_part_ids.filtered("campaign_uid")
        if not parts:
            return
        client = campaign.tenant_id._get_mailwizz_client__()
        try:
            for part in parts:
                part._toggle(client, statuses)
        except EngineError as error:
            raise UserError(str(error)) from error

    # === JOBS === #

    @api.model
    def _job_hand_over(self, campaign):
        """Hand the campaign over; each step is searched for before it is repeated."""
        client = campaign.tenant_id._get_mailwizz_client__()
        try:
            for earlier in self._find_followed(campaign.tenant_id):
                earlier.mailwizz_part_ids._pull_unsubscribed(client)
            campaign.mailwizz_part_ids._push(client)
        except EngineUnavailable as error:
            raise RetryableJobError(str(error), seconds=RETRY_SECONDS, ignore_retry=True) from error
        except EngineRejected as error:
            campaign._refuse_delivery(str(error))
            return str(error)
        return "Handed over to MailWizz."

    @api.model
    def _job_stop(self, campaign):
        """Pause there what the tenant's kill switch stops here; tried again until MailWizz hears it."""
        try:
            campaign.action_pause()
        except UserError as error:
            raise RetryableJobError(str(error), seconds=RETRY_SECONDS, ignore_retry=True) from error

    # === WHAT MAILWIZZ SAYS === #

    @api.model
    def _find_followed(self, tenants):
        return self.env["engine.campaign"].search(
            [
                ("tenant_id", "in", tenants.ids),
                ("mailwizz_part_ids.list_uid", "!=", False),
                ("started_at", ">", f"-{FOLLOWED_DAYS}d"),
            ]
        )

    @api.model
    def _cron_follow(self):
        """Learn from MailWizz which campaigns are sent and who unsubscribed there; it sends no notification."""
        campaigns = self._find_followed(self.env["engine.tenant"].search([("mailwizz_url", "!=", False)]))
        self.env["ir.cron"]._commit_progress(remaining=len(campaigns))
        for campaign in campaigns:
            try:
                self._follow(campaign, campaign.tenant_id._get_mailwizz_client__())
            except (EngineError, UserError) as error:
                _logger.info("MailWizz cannot be asked about campaign %s: %s", campaign.id, error)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    def _follow(self, campaign, client):
        campaign.mailwizz_part_ids._pull_unsubscribed(client)
        if campaign.state == "sending" and all([part._is_sent(client) for part in campaign.mailwizz_part_ids]):
            campaign._set_sent()
