import logging

from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import EngineError, EngineRejected, EngineUnavailable
from odoo.addons.lokario_base.tools.transaction import lease
from odoo.addons.queue_job.exception import RetryableJobError

from .engine_campaign_audience import IN_REQUEST
from .engine_mailwizz_part import ON_ITS_WAY
from .engine_transport import NO_QUOTA

_logger = logging.getLogger(__name__)

RETRY_SECONDS = 120
HOLD_SECONDS = 300  # how long a worker that hangs keeps a message
FOLLOWED_EMAILS = 500  # of transactional emails, at each turn
FOLLOWED_DAYS = 60  # after its start: how long MailWizz is asked who left a campaign's list


class EngineTransportMailwizz(models.AbstractModel):
    """The tenant's MailWizz sends: every day it gets as many people as the IPs' quotas allow, and the message."""

    _name = "engine.transport.mailwizz"
    _inherit = "engine.transport"
    _description = "Transport: MailWizz"

    @api.model
    def _check_ready(self, campaign):
        campaign.tenant_id._get_mailwizz_client__()

    @api.model
    def _start(self, campaign, counted):
        """Reserve today's part here and now, and queue its hand-over."""
        grants = self._reserve(campaign, 0, counted.waiting)
        self._check_granted(campaign.tenant_id, grants)
        if sum(counted) > IN_REQUEST:
            campaign._prepare_later()
        else:
            self.env["engine.campaign.audience"]._populate(campaign)
            self._create_parts(campaign, 0, sum(grant["granted"] for grant in grants))
            self._enqueue(campaign)
        return self._build_answer(campaign, counted, grants)

    @api.model
    def _begin(self, campaign):
        """Give the first day's people to its parts: as many as are still reserved."""
        purpose = [("purpose", "=", self._get_purpose(campaign, 0)), ("state", "=", "open")]
        granted = sum(self.env["engine.lease"].sudo().search(purpose).mapped("quantity"))
        if granted:
            self._create_parts(campaign, 0, granted)
        self._enqueue(campaign)

    @api.model
    def _continue(self, campaign):
        """Hand over what is released, also when its job was lost; else release what fits today."""
        if campaign.kind == "transactional":
            for message in self.env["engine.message"]._find_waiting(campaign):
                self._enqueue_message(message)
        elif not all(campaign.mailwizz_part_ids.mapped("is_handed_over")) or self._release(campaign):
            self._enqueue(campaign)

    @api.model
    def _advance(self, campaign):
        """MailWizz itself is asked by `_cron_follow`."""
        self._continue(campaign)

    def _enqueue(self, campaign):
        key = f"email_engine_campaign.mailwizz.{campaign.id}"
        campaign_sudo = campaign.sudo()._in_company_language()
        job = self.with_env(campaign_sudo.env).with_delay(channel="root.email_engine", identity_key=key)
        job._job_hand_over(campaign_sudo)

    @api.model
    def _pause(self, campaign):
        self._toggle(campaign, campaign.mailwizz_part_ids, ON_ITS_WAY)

    @api.model
    def _resume(self, campaign):
        """Those that wait for quota go on automatically."""
        self._toggle(campaign, campaign.mailwizz_part_ids.filtered(lambda part: not part.is_held), ("paused",))
        self._continue(campaign)

    @api.model
    def _stop(self, campaign):
        if any(campaign.mailwizz_part_ids.mapped("campaign_uid")):
            self.sudo().with_delay(channel="root.email_engine")._job_stop(campaign.sudo())

    def _toggle(self, campaign, parts, statuses):
        """Pause or resume, in MailWizz, the parts that are in one of its `statuses`."""
        parts = parts.filtered("campaign_uid")
        if not parts:
            return
        client = campaign.tenant_id._get_mailwizz_client__()
        try:
            for part in parts:
                part._toggle(client, statuses)
        except EngineError as error:
            raise UserError(self.env["engine.finding"]._say_error(error)) from error

    # === QUOTA === #

    def _release(self, campaign):
        """Reserve what fits today of those who wait and give them to new parts; returns the grants."""
        if not (waiting := self.env["engine.campaign.audience"]._count_waiting(campaign)):
            return []
        number = max(campaign.mailwizz_part_ids.mapped("number"), default=-1) + 1
        grants = self._reserve(campaign, number, waiting)
        if granted := sum(grant["granted"] for grant in grants):
            self._create_parts(campaign, number, granted)
        return grants

    def _reserve(self, campaign, number, waiting):
        """Reserve what fits today of those who wait for the parts of this number; returns the grants."""
        quota, purpose = self.env["engine.quota"], self._get_purpose(campaign, number)
        grants = quota._reserve(campaign.tenant_id, waiting, partial=True, purpose=purpose)
        quota._release_on_rollback(grants)
        self._note_forecast(campaign, waiting, grants)
        return grants

    def _create_parts(self, campaign, number, granted):
        """Give so many of those who wait to new parts, one a subject."""
        audience = self.env["engine.campaign.audience"]
        variants = audience._find_variants(campaign, granted)
        values = [{"campaign_id": campaign.id, "number": number, "variant": variant} for variant in variants]
        parts = self.env["engine.mailwizz.part"].sudo().create(values)
        audience._assign_parts(campaign, parts, granted)

    def _get_purpose(self, campaign, number):
        """What the reservations of a day's parts are found by."""
        return f"campaign/{campaign.id}/mailwizz/{number}"

    def _report(self, tenant, purpose, handed):
        """Report, before MailWizz may send, what it was handed; what a lapsed reservation lost is reserved again.

        MailWizz's mails come back in PowerMTA's records: the larger of the two numbers counts, as for scripts. What was
        reported before a crash is not reported twice.
        """
        quota = self.env["engine.quota"]
        for reservation in self.env["engine.lease"].search([("purpose", "=", purpose)], order="quantity desc, id"):
            if reservation.state == "settled":
                handed -= reservation.sent
            elif quota._settle(reservation.token, min(handed, reservation.quantity)):
                handed -= min(handed, reservation.quantity)
        if handed > 0:
            grants = quota._reserve(tenant, handed, purpose=purpose)
            if not grants:
                raise EngineUnavailable(NO_QUOTA)
            for grant in grants:
                quota._settle(grant["reservation"], grant["granted"])

    # === MESSAGES === #

    @api.model
    def _start_message(self, message, waiting):
        """Reserve what it needs and queue its hand-over: one transactional email of MailWizz's a person."""
        message.tenant_id._get_mailwizz_client__()
        self._reserve_message(message, waiting)
        self._enqueue_message(message)

    def _enqueue_message(self, message):
        message_sudo = message.sudo().with_env(message.campaign_id.sudo()._in_company_language().env)
        key = f"email_engine_campaign.message.{message.id}"
        job = self.with_env(message_sudo.env).with_delay(channel="root.email_engine", identity_key=key)
        job._job_hand_over_message(message_sudo)

    @api.model
    def _job_hand_over_message(self, message):
        """Hand a message over; before a try is repeated, MailWizz is asked whether the last one arrived."""
        with lease(self.env, f"email_engine_campaign.message.{message.id}", HOLD_SECONDS) as held:
            if not held:
                return "Another worker hands this message over."
            try:
                return self._hand_over_message(message, held)
            except EngineUnavailable as error:
                sentence = self.env["engine.finding"]._say_error(error)
                raise RetryableJobError(sentence, seconds=RETRY_SECONDS, ignore_retry=True) from error
            except EngineRejected as error:
                return message.campaign_id._refuse_delivery(self.env["engine.finding"]._say_error(error))

    def _hand_over_message(self, message, held):
        client = message.tenant_id._get_mailwizz_client__()
        waiting, taken = message._take_waiting()
        self._report(message.tenant_id, f"message/{message.id}", taken)
        for recipient in waiting:
            held.renew()
            if not message.campaign_id._is_sending():
                return "Paused"
            recipient._hand_to_mailwizz(client)
        return "Handed over to MailWizz."

    # === JOBS === #

    @api.model
    def _job_hand_over(self, campaign):
        """Hand the campaign over; each step is searched for before it is repeated."""
        client = campaign.tenant_id._get_mailwizz_client__()
        try:
            for earlier in self._find_followed(campaign.tenant_id):
                earlier.mailwizz_part_ids._pull_unsubscribed(client)
            for number, parts in campaign.mailwizz_part_ids.grouped("number").items():
                self._hand_over(campaign, number, parts.filtered(lambda part: not part.is_handed_over), client)
        except EngineUnavailable as error:
            sentence = self.env["engine.finding"]._say_error(error)
            raise RetryableJobError(sentence, seconds=RETRY_SECONDS, ignore_retry=True) from error
        except EngineRejected as error:
            return campaign._refuse_delivery(self.env["engine.finding"]._say_error(error))
        return "Handed over to MailWizz."

    def _hand_over(self, campaign, number, parts, client):
        """The lists and people of a day, then, within the quota, the campaigns that send to them."""
        if parts and parts._push_people(client):
            self._report(campaign.tenant_id, self._get_purpose(campaign, number), parts._count_handed())
            for part in parts:
                part._push_campaign(client)

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
        self._follow_messages()

    def _follow_messages(self):
        """Learn which transactional emails have left; those of a MailWizz that does not answer are asked for later."""
        handed = [("state", "=", "handing"), ("mailwizz_uid", "!=", False)]
        recipients = self.env["engine.campaign.recipient"].search(handed, order="id", limit=FOLLOWED_EMAILS)
        for tenant, of_tenant in recipients.grouped("tenant_id").items():
            try:
                client = tenant._get_mailwizz_client__()
                for recipient in of_tenant:
                    recipient._follow_at_mailwizz(client)
            except (EngineError, UserError) as error:
                _logger.info("MailWizz cannot be asked about messages of tenant %s: %s", tenant.id, error)

    def _keep_within_quota(self, campaign, client):
        """Whoever else used it up, whatever IP was paused: MailWizz waits, and goes on when quota is free again."""
        parts = campaign.mailwizz_part_ids.filtered("campaign_uid")
        if self.env["engine.quota"]._is_used_up(campaign.tenant_id):
            parts._hold(client)
        else:
            parts.filtered("is_held")._let_go(client)

    def _follow(self, campaign, client):
        campaign.mailwizz_part_ids._pull_unsubscribed(client)
        if campaign._is_sending():
            self._keep_within_quota(campaign, client)
        is_sent = all([part._is_sent(client) for part in campaign.mailwizz_part_ids])
        waiting = self.env["engine.campaign.audience"]._count_waiting(campaign)
        if campaign.state == "sending" and is_sent and not waiting and not campaign.is_preparing:
            campaign._set_sent()
