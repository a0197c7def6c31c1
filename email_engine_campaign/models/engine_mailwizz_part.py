import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models

from odoo.addons.email_engine_bridge.exceptions import EngineRejected, SubscriberRejected
from odoo.addons.email_engine_bridge.tools.addresses import normalise_address
from odoo.addons.email_engine_bridge.tools.campaign_content import COMPANY_ADDRESS, before_body_end
from odoo.addons.email_engine_bridge.tools.template_renderer import TemplateRenderer
from odoo.addons.lokario_base.tools.transaction import transaction

from ..tools.refusal import refusal_of

ON_ITS_WAY = ("pending-sending", "processing", "sending")  # MailWizz's words
BATCH = 200  # subscribers sent between two checks of the pause
# Variables of a person, and those MailWizz demands as tags, are left to MailWizz.
TAGS = {"first_name": "FNAME", "last_name": "LNAME", "email": "EMAIL", "unsubscribe_url": "UNSUBSCRIBE_URL"}
TAGS |= {"preferences_url": "UPDATE_PROFILE_URL", "to_name": "CAMPAIGN_TO_NAME", "web_version_url": "WEB_VERSION_URL"}
TAGS |= {"company_full_address": "COMPANY_FULL_ADDRESS"}
HELD = re.compile("⟦([A-Z_]+)⟧")

TAKE = f"""
SELECT r.id, r.email, c.first_name, c.last_name
  FROM engine_campaign_recipient r LEFT JOIN engine_contact c ON c.id = r.contact_id
 WHERE r.mailwizz_part_id = %(part_id)s AND r.state = 'queued'
   AND NOT EXISTS ({refusal_of("r", "c")})
 ORDER BY r.id LIMIT %(limit)s
"""  # noqa: S608 constants
STORE_LIST = "UPDATE engine_mailwizz_part SET list_uid = %(uid)s WHERE id = %(part_id)s"
STORE_PEOPLE = """
UPDATE engine_campaign_recipient r SET state = pushed.state, answer = pushed.answer
  FROM unnest(%(ids)s::int[], %(states)s::text[], %(answers)s::text[]) AS pushed (id, state, answer)
 WHERE r.id = pushed.id
"""
# Who still waits when all are handed over was suppressed meanwhile.
HANDED_OVER = """
UPDATE engine_mailwizz_part SET campaign_uid = %(uid)s, is_handed_over = true WHERE id = %(part_id)s;
UPDATE engine_campaign_recipient SET state = 'suppressed' WHERE mailwizz_part_id = %(part_id)s AND state = 'queued'
"""
HOLD = "UPDATE engine_mailwizz_part SET is_held = %(is_held)s WHERE id = %(part_id)s"
SENT = """
UPDATE engine_campaign_recipient SET state = 'sent', handed_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE mailwizz_part_id = %(part_id)s AND state = 'handing'
"""
COUNT_HANDED = """
SELECT count(*) FROM engine_campaign_recipient WHERE mailwizz_part_id = ANY(%(part_ids)s) AND state = 'handing'
"""


class EngineMailwizzPart(models.Model):
    """What MailWizz has of a campaign: one list and one campaign for each subject of each day.

    MailWizz's API knows no A/B test: the people of subject B are a list of their own. It knows no daily quota of a
    campaign either: who may be written to tomorrow is handed over tomorrow.
    """

    _name = "engine.mailwizz.part"
    _inherit = ["lokario.access.mixin"]
    _description = "Campaign at MailWizz"
    _order = "campaign_id, number, variant"
    _rec_name = "campaign_uid"

    campaign_id = fields.Many2one("engine.campaign", required=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="campaign_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="campaign_id.company_id", store=True)
    number = fields.Integer(required=True, default=0, help="Counts the days on which people were handed over, from 0")
    variant = fields.Integer(required=True, help="0: subject A, 1: subject B")
    subject = fields.Char(compute="_compute_subject")
    list_uid = fields.Char("MailWizz list")
    campaign_uid = fields.Char("MailWizz campaign", index="btree_not_null")
    is_held = fields.Boolean("Waits for quota", readonly=True, help="Paused there until the IPs may send again")
    is_handed_over = fields.Boolean(help="MailWizz has all of its people; without a campaign: none was left")

    _variant_uniq = models.UniqueIndex("(campaign_id, number, variant)")

    @api.depends("campaign_id.content", "variant")
    def _compute_subject(self):
        for part in self:
            subjects = (part.campaign_id.content or {}).get("subjects", [])
            part.subject = dict(enumerate(subjects)).get(part.variant)

    def _get_name(self):
        """Carries our number, so that what a crash left unsaid is found again."""
        letter = f" {'AB'[self.variant]}" if self.campaign_id.subject_b else ""
        day = f" #{self.number + 1}" if self.number else ""
        return f"{self.campaign_id.name} (c{self.campaign_id.id}{letter}{day})"

    def _get_uids(self):
        """(list, campaign) at MailWizz as they are committed: the snapshot of a job is older than what it stored."""
        with transaction(self.env) as cr:
            cr.execute("SELECT list_uid, campaign_uid FROM engine_mailwizz_part WHERE id = %s", (self.id,))
            return cr.fetchone()

    def _push_people(self, client):
        """Hand over the lists and their people; returns whether all are there and the campaign may go on."""
        for part in self:
            part._push_list(client)
        return all([part._push_subscribers(client) for part in self])

    def _count_handed(self):
        """Return how many people of these parts MailWizz has."""
        with transaction(self.env) as cr:
            cr.execute(COUNT_HANDED, {"part_ids": self.ids})
            return cr.fetchone()[0]

    def _push_list(self, client):
        list_uid, _campaign_uid = self._get_uids()
        if list_uid:
            return
        sender = self.campaign_id._get_sender_names()
        name = self._get_name()
        uid = client.create_list(name, name, *sender, self.tenant_id._get_mailwizz_company())
        self._journal(STORE_LIST, uid=uid)

    def _push_subscribers(self, client):
        """Whether all of them are there; a subscriber sent twice is updated, so a crash doubles no one."""
        list_uid, _campaign_uid = self._get_uids()
        while self.campaign_id._is_sending() and (rows := self._take_subscribers()):
            self._push_batch(client, list_uid, rows)
        return self.campaign_id._is_sending()

    def _push_batch(self, client, list_uid, rows):
        """Hand over one after the other; what was done is written also when MailWizz fails in between."""
        done = []
        try:
            for row_id, *person in rows:
                done.append((row_id, *self._push_subscriber(client, list_uid, *person)))
        finally:
            names = ("ids", "states", "answers")
            self._journal(STORE_PEOPLE, **{name: [one[place] for one in done] for place, name in enumerate(names)})

    def _push_subscriber(self, client, list_uid, email, first_name, last_name):
        """(state, answer): one whom MailWizz does not take is refused; the others are handed over all the same."""
        try:
            client.upsert_subscriber(list_uid, email, {"FNAME": first_name or "", "LNAME": last_name or ""})
        except SubscriberRejected as error:
            return "refused", str(error)
        return "handing", None

    def _take_subscribers(self):
        with transaction(self.env) as cr:
            cr.execute(TAKE, {"part_id": self.id, "limit": BATCH})
            return cr.fetchall()

    def _push_campaign(self, client):
        """Create the campaign, unless a try before a crash did or no recipient is left."""
        campaign, name = self.campaign_id, self._get_name()
        list_uid, uid = self._get_uids()
        uid = uid or client.find_campaign(name)
        if not uid and self._count_handed():
            subject, html, text = self._render()
            from_name, from_email, reply_to = campaign._get_sender_names()
            values = {"name": name, "subject": subject, "send_at": self._get_send_time()}
            values |= {"from_name": from_name, "from_email": from_email, "reply_to": reply_to}
            template_uid = self._push_template(client, html)
            uid = client.create_campaign(list_uid, values, template_uid, text, track_clicks=campaign.track_clicks)
        self._journal(HANDED_OVER, uid=uid)
        if not campaign._is_sending():  # paused or cancelled while it was created
            self._toggle(client, ON_ITS_WAY)

    def _push_template(self, client, html):
        """uid of the template both subjects share; the version in its name distinguishes later changes."""
        template = self.campaign_id.template_id
        name = f"{template.name} v{self.campaign_id.template_version} (c{self.campaign_id.id})"
        return client.find_template(name) or client.create_template(name, html)

    def _get_send_time(self):
        """In a minute, on the clock of MailWizz's customer: taken to be the tenant's."""
        moment = datetime.now(ZoneInfo(self.tenant_id.tz)) + timedelta(minutes=1)
        return moment.strftime("%Y-%m-%d %H:%M:%S")

    def _render(self):
        """(subject, html, text) with our own values filled in and the person's as MailWizz tags."""
        content = self.campaign_id.content
        values = {**self.campaign_id._get_common_values(), **{name: f"⟦{tag}⟧" for name, tag in TAGS.items()}}
        html = content["html"]
        if "company_full_address" not in html and "[COMPANY_FULL_ADDRESS]" not in html:
            html = before_body_end(html, COMPANY_ADDRESS)
        texts, errors = TemplateRenderer(keep_tags=True).render_batch(self.subject, html, content["text"], [values])
        if errors:
            raise EngineRejected(errors[0]["message"])
        return tuple(HELD.sub(r"[\1]", text) for text in texts[0])

    def _journal(self, statement, **values):
        """Write on a short transaction of its own: it stays whatever becomes of the job."""
        with transaction(self.env) as cr:
            cr.execute(statement, {"part_id": self.id, **values})
        self.env.invalidate_all(flush=False)

    def _toggle(self, client, statuses):
        """Pause or resume the campaign when it is in one of MailWizz's `statuses`."""
        _list_uid, uid = self._get_uids()
        if uid and client.campaign_status(uid) in statuses:
            client.pause_or_resume(uid)

    def _hold(self, client):
        """Pause there what still has people to write to."""
        for part in self:
            status, is_complete = client.campaign_progress(part.campaign_uid)
            if status in ON_ITS_WAY and not is_complete:
                client.pause_or_resume(part.campaign_uid)
                part._journal(HOLD, is_held=True)

    def _let_go(self, client):
        for part in self:
            part._toggle(client, ("paused",))
            part._journal(HOLD, is_held=False)

    def _is_sent(self, client):
        """Whether MailWizz says so; its people are sent then. A part without a campaign had no recipient."""
        if not self.is_handed_over:
            return False
        if self.campaign_uid:
            if client.campaign_status(self.campaign_uid) != "sent":
                return False
            self._journal(SENT)
        return True

    def _pull_unsubscribed(self, client):
        """Suppress for the tenant who left the lists."""
        for part in self.filtered("list_uid"):
            emails = {normalise_address(email) for email in client.unsubscribed(part.list_uid)}
            new = [("campaign_id", "=", part.campaign_id.id), ("unsubscribed_at", "=", False)]
            for recipient in self.env["engine.campaign.recipient"].search([*new, ("email", "in", list(emails))]):
                recipient._unsubscribe()
