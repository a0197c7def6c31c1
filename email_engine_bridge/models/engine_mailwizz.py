import logging
import re
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.queue_job.exception import RetryableJobError

from ..exceptions import EngineError, EngineRejected, EngineUnavailable
from ..tools.mailwizz_client import MailWizzClient
from ..tools.template_renderer import TemplateRenderer

_logger = logging.getLogger(__name__)

BATCH = 200  # subscribers sent between two looks at the pause button
RETRY_SECONDS = 120
FOLLOWED_DAYS = 60  # after its start: how long MailWizz is asked who left a campaign's list
ON_ITS_WAY = ("pending-sending", "processing", "sending")  # MailWizz's words
# Variables of a person are left to MailWizz, which knows the person.
TAGS = {"first_name": "FNAME", "last_name": "LNAME", "email": "EMAIL", "unsubscribe_url": "UNSUBSCRIBE_URL"}
TAGS |= {"preferences_url": "UPDATE_PROFILE_URL", "to_name": "CAMPAIGN_TO_NAME"}
HELD = re.compile("⟦([A-Z_]+)⟧")


class EngineCampaign(models.Model):
    """Campaigns that a tenant's MailWizz sends: it gets the list, the people and the message."""

    _inherit = "engine.campaign"

    mailwizz_list_uid = fields.Char("MailWizz list", readonly=True, copy=False)

    def _get_mailwizz_client__(self):
        """The client of the tenant's MailWizz; raises what to fill in when there is none."""
        url, key = self.tenant_id.mailwizz_url, self.tenant_id._reveal_secret__("mailwizz_key")
        if not url or not key:
            raise UserError(
                self.env._("%(tenant)s: fill in the MailWizz address and API key first.", tenant=self.tenant_id.name)
            )
        return MailWizzClient(url, key)

    def _start_mailwizz(self):
        """Queue the hand-over to MailWizz, which keeps its own quotas; returns the answer of `send`."""
        self._get_mailwizz_client__()
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
        self.with_delay(
            channel="root.email_engine", identity_key=f"email_engine_bridge.mailwizz.{self.id}"
        )._job_mailwizz()

    def _job_mailwizz(self):
        """List, subscribers, campaign, in this order; each step is looked for before it is repeated."""
        client = self._get_mailwizz_client__()
        try:
            for earlier in self._find_followed(self.tenant_id):
                earlier._pull_unsubscribed(client)
            self._push_list(client)
            if self._push_subscribers(client):
                self._push_campaign(client)
        except EngineUnavailable as error:
            raise RetryableJobError(str(error), seconds=RETRY_SECONDS, ignore_retry=True) from error
        except EngineRejected as error:
            self._journal(
                "UPDATE engine_campaign SET state = 'paused' WHERE id = %(campaign_id)s AND state = 'sending'"
            )
            self.message_post(body=str(error))
            return str(error)
        return "Handed over to MailWizz."

    def _push_list(self, client):
        if self.mailwizz_list_uid:
            return
        tenant = self.tenant_id
        sender = self.from_email or tenant.from_email
        company = {
            "name": tenant.name,
            "country": tenant.company_id.country_id.name or "France",
            "address_1": tenant.postal_address or tenant.name,
            "city": tenant.company_id.city or "-",
            "zip_code": tenant.company_id.zip or "-",
        }
        name = f"{self.name} (c{self.id})"
        uid = client.create_list(name, name, self.from_name or tenant.from_name, sender, sender, company)
        self._journal("UPDATE engine_campaign SET mailwizz_list_uid = %(uid)s WHERE id = %(campaign_id)s", uid=uid)

    def _push_subscribers(self, client):
        """Whether all of them are there; a subscriber sent twice is updated, so a crash doubles nobody."""
        while rows := self._take_subscribers():
            for row_id, email, first_name, last_name, _attributes in rows:
                values = {"FNAME": first_name or "", "LNAME": last_name or ""}
                client.upsert_subscriber(self.mailwizz_list_uid, email, values)
                self._journal("UPDATE engine_campaign_recipient SET state = 'handing' WHERE id = %(id)s", id=row_id)
        return self._is_sending()

    def _is_sending(self):
        with self.env["engine.quota"]._counter_cursor__() as cr:
            cr.execute(
                """SELECT c.state = 'sending' AND t.is_stopped IS NOT TRUE
                     FROM engine_campaign c JOIN engine_tenant t ON t.id = c.tenant_id WHERE c.id = %s""",
                (self.id,),
            )
            return cr.fetchone()[0]

    def _take_subscribers(self):
        if not self._is_sending():
            return []
        with self.env["engine.quota"]._counter_cursor__() as cr:
            cr.execute(
                """SELECT r.id, r.email, c.first_name, c.last_name, c.attributes
                     FROM engine_campaign_recipient r LEFT JOIN engine_contact c ON c.id = r.contact_id
                    WHERE r.campaign_id = %s AND r.chunk_id IS NULL AND r.state = 'queued'
                      AND NOT EXISTS (SELECT FROM engine_suppression s
                                       WHERE s.email = r.email AND (s.tenant_id = r.tenant_id OR (s.tenant_id IS NULL
                                             AND coalesce(s.company_id, r.company_id) = r.company_id)))
                    ORDER BY r.id LIMIT %s""",
                (self.id, BATCH),
            )
            return cr.fetchall()

    def _push_campaign(self, client):
        """Create the campaign, unless a try before a crash did; its name carries our number."""
        tenant, name = self.tenant_id, f"{self.name} (c{self.id})"
        uid = self.mailwizz_uid or client.find_campaign(name)
        if not uid:
            sender = self.from_email or tenant.from_email
            subject, html, text = self._render_for_mailwizz()
            values = {
                "name": name,
                "from_name": self.from_name or tenant.from_name,
                "from_email": sender,
                "subject": subject,
                "reply_to": self.reply_to or tenant.reply_to or sender,
                "send_at": fields.Datetime.to_string(fields.Datetime.now() + timedelta(minutes=1)),
            }
            uid = client.create_campaign(self.mailwizz_list_uid, values, html, text)
        self._journal(
            """UPDATE engine_campaign SET mailwizz_uid = %(uid)s WHERE id = %(campaign_id)s;
               UPDATE engine_campaign_recipient SET state = CASE state WHEN 'handing' THEN 'sent' ELSE 'suppressed' END
                WHERE campaign_id = %(campaign_id)s AND state IN ('handing', 'queued')""",
            uid=uid,
        )

    def _render_for_mailwizz(self):
        """(subject, html, text) with our own values filled in and the person's as MailWizz tags."""
        held = {name: f"⟦{tag}⟧" for name, tag in TAGS.items()}
        renderer = TemplateRenderer(keep_tags=True)
        subject, content = self.content["subjects"][0], self.content
        texts, errors = renderer.render_batch(
            subject, content["html"], content["text"], [{**self._get_common_values(), **held}]
        )
        if errors:
            raise EngineRejected(errors[0]["message"])
        return tuple(HELD.sub(r"[\1]", text) for text in texts[0])

    def _journal(self, statement, **values):
        """Write on a short transaction of its own: it stays whatever becomes of the job."""
        self.env.flush_all()
        with self.env["engine.quota"]._counter_cursor__() as cr:
            cr.execute(statement, {"campaign_id": self.id, **values})
        self.invalidate_recordset()

    # === AFTER THE HAND-OVER === #

    def action_pause(self):
        super().action_pause()
        self._toggle_at_mailwizz(ON_ITS_WAY)

    def action_resume(self):
        super().action_resume()
        self._toggle_at_mailwizz(("paused",))
        for campaign in self.filtered(lambda one: one.transport == "mailwizz" and not one.mailwizz_uid):
            campaign._enqueue_mailwizz()

    def action_cancel(self):
        super().action_cancel()
        self._toggle_at_mailwizz(ON_ITS_WAY)

    def _toggle_at_mailwizz(self, statuses):
        """Pause or resume, in MailWizz, the campaigns that are in one of its `statuses`."""
        for campaign in self.filtered("mailwizz_uid"):
            client = campaign._get_mailwizz_client__()
            try:
                if client.campaign_status(campaign.mailwizz_uid) in statuses:
                    client.pause_or_resume(campaign.mailwizz_uid)
            except EngineError as error:
                raise UserError(str(error)) from error

    def _job_halt_at_mailwizz(self):
        """Pause there what the tenant's kill switch stops here; tried again until MailWizz hears it."""
        try:
            self.action_pause()
        except UserError as error:
            raise RetryableJobError(str(error), seconds=RETRY_SECONDS, ignore_retry=True) from error

    def _after_chunk(self):
        """MailWizz has no chunks: `_cron_follow_mailwizz` looks after its campaigns."""
        if self.transport != "mailwizz":
            super()._after_chunk()

    @api.model
    def _find_followed(self, tenants):
        return self.search(
            [
                ("tenant_id", "in", tenants.ids),
                ("mailwizz_list_uid", "!=", False),
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
        if self.state == "sending" and self.mailwizz_uid and client.campaign_status(self.mailwizz_uid) == "sent":
            self._set_state("sent")
            self.finished_at = fields.Datetime.now()

    def _pull_unsubscribed(self, client):
        """Suppress for the tenant who left this campaign's list."""
        emails = {email.strip().lower() for email in client.unsubscribed(self.mailwizz_list_uid)}
        for recipient in self.env["engine.campaign.recipient"].search(
            [("campaign_id", "=", self.id), ("email", "in", list(emails)), ("unsubscribed_at", "=", False)]
        ):
            recipient._unsubscribe()
