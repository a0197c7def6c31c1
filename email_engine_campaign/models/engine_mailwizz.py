import logging

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import EngineError, EngineRejected, EngineUnavailable
from odoo.addons.email_engine_bridge.tools.mailwizz_client import MailWizzClient
from odoo.addons.lokario_base.tools.transaction import transaction
from odoo.addons.queue_job.exception import RetryableJobError

from .engine_mailwizz_part import ON_ITS_WAY

_logger = logging.getLogger(__name__)

RETRY_SECONDS = 120
FOLLOWED_DAYS = 60  # after its start: how long MailWizz is asked who left a campaign's list


class EngineCampaign(models.Model):
    """Campaigns that a tenant's MailWizz sends: it gets the list, the people and the message."""

    _inherit = "engine.campaign"

    mailwizz_part_ids = fields.One2many("engine.mailwizz.part", "campaign_id", "At MailWizz", copy=False)

    def _get_mailwizz_client__(self):
        """The client of the tenant's MailWizz; raises what to fill in when there is none."""
        url, key = self.tenant_id.mailwizz_url, self.tenant_id._reveal_secret__("mailwizz_key")
        if not url or not key:
            raise UserError(
                self.env._("%(tenant)s: fill in the MailWizz address and API key first.", tenant=self.tenant_id.name)
            )
        return MailWizzClient(url, key, self.env["engine.destination"]._get_pin())

    def _start_mailwizz(self):
        """Queue the hand-over to MailWizz, which keeps its own quotas; returns the answer of `send`."""
        self._get_mailwizz_client__()
        waiting = [("campaign_id", "=", self.id), ("state", "=", "queued")]
        variants = self.env["engine.campaign.recipient"]._read_group(waiting, ["variant"], order="variant")
        self.env["engine.mailwizz.part"].create(
            [{"campaign_id": self.id, "variant": variant} for (variant,) in variants]
        )
        self._enqueue_mailwizz()
        return {
            "success": True,
            "campaign_id": self.id,
            "total_recipients": self.waiting_count,
            "sent_today": 0,
            "sent_later": self.waiting_count,
            "suppressed": self.suppressed_count,
        }

    def _enqueue_mailwizz(self):
        self.sudo().with_delay(
            channel="root.email_engine", identity_key=f"email_engine_campaign.mailwizz.{self.id}"
        )._job_mailwizz()

    def _job_mailwizz(self):
        """Hand the campaign over; each step is looked for before it is repeated."""
        client = self._get_mailwizz_client__()
        try:
            for earlier in self._find_followed(self.tenant_id):
                earlier._pull_unsubscribed(client)
            self._push_to_mailwizz(client)
        except EngineUnavailable as error:
            raise RetryableJobError(str(error), seconds=RETRY_SECONDS, ignore_retry=True) from error
        except EngineRejected as error:
            self._refuse_delivery(str(error))
            return str(error)
        return "Handed over to MailWizz."

    def _push_to_mailwizz(self, client):
        """The lists and all of their people, then the campaigns."""
        for part in self.mailwizz_part_ids:
            part._push_list(client)
        if all([part._push_subscribers(client) for part in self.mailwizz_part_ids]):
            for part in self.mailwizz_part_ids:
                part._push_campaign(client)

    def _get_mailwizz_sender(self):
        """(name, address, reply address)."""
        tenant = self.tenant_id
        sender = self.from_email or tenant.from_email
        return self.from_name or tenant.from_name, sender, self.reply_to or tenant.reply_to or sender

    def _is_sending(self):
        with transaction(self.env) as cr:
            cr.execute(
                """SELECT c.state = 'sending' AND t.is_stopped IS NOT TRUE
                     FROM engine_campaign c JOIN engine_tenant t ON t.id = c.tenant_id WHERE c.id = %s""",
                (self.id,),
            )
            return cr.fetchone()[0]

    def _journal(self, statement, **values):
        """Write on a short transaction of its own: it stays whatever becomes of the job."""
        with transaction(self.env) as cr:
            cr.execute(statement, {"campaign_id": self.id, **values})
        self.env.invalidate_all(flush=False)

    # === AFTER THE HAND-OVER === #

    def action_pause(self):
        super().action_pause()
        self._toggle_at_mailwizz(ON_ITS_WAY)

    def action_resume(self):
        super().action_resume()
        self._toggle_at_mailwizz(("paused",))
        for campaign in self.filtered(lambda one: not all(one.mailwizz_part_ids.mapped("campaign_uid"))):
            campaign._enqueue_mailwizz()

    def action_cancel(self):
        super().action_cancel()
        self._toggle_at_mailwizz(ON_ITS_WAY)

    def _toggle_at_mailwizz(self, statuses):
        """Pause or resume, in MailWizz, the campaigns that are in one of its `statuses`."""
        for campaign in self.filtered("mailwizz_part_ids.campaign_uid"):
            client = campaign._get_mailwizz_client__()
            try:
                for part in campaign.mailwizz_part_ids:
                    part._toggle(client, statuses)
            except EngineError as error:
                raise UserError(str(error)) from error

    def _job_halt_at_mailwizz(self):
        """Pause there what the tenant's kill switch stops here; tried again until MailWizz hears it."""
        try:
            self.action_pause()
        except UserError as error:
            raise RetryableJobError(str(error), seconds=RETRY_SECONDS, ignore_retry=True) from error

    def _go_on(self):
        """`_cron_follow_mailwizz` looks after the campaigns of MailWizz."""
        if self.transport != "mailwizz":
            super()._go_on()

    @api.model
    def _find_followed(self, tenants):
        return self.search(
            [
                ("tenant_id", "in", tenants.ids),
                ("mailwizz_part_ids.list_uid", "!=", False),
                ("started_at", ">", f"-{FOLLOWED_DAYS}d"),
            ]
        )

    @api.model
    def _cron_follow_mailwizz(self):
        """Learn from MailWizz which campaigns are sent and who unsubscribed there; it tells nobody by itself."""
        campaigns = self._find_followed(self.env["engine.tenant"].search([("mailwizz_url", "!=", False)]))
        self.env["ir.cron"]._commit_progress(remaining=len(campaigns))
        for campaign in campaigns:
            try:
                campaign._follow_mailwizz(campaign._get_mailwizz_client__())
            except (EngineError, UserError) as error:
                _logger.info("MailWizz cannot be asked about campaign %s: %s", campaign.id, error)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    def _follow_mailwizz(self, client):
        self._pull_unsubscribed(client)
        if self.state == "sending" and all([part._is_sent(client) for part in self.mailwizz_part_ids]):
            self._set_state("sent")
            self.finished_at = fields.Datetime.now()

    def _pull_unsubscribed(self, client):
        for part in self.mailwizz_part_ids.filtered("list_uid"):
            part._pull_unsubscribed(client)
