import re
import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.email_engine_bridge.tools.campaign_content import prepare
from odoo.addons.email_engine_bridge.tools.campaign_message import CampaignHeaders, MessageBuilder
from odoo.addons.email_engine_bridge.tools.campaign_sender import CampaignSender
from odoo.addons.email_engine_bridge.tools.template_renderer import TemplateRenderer

WEB_LINK = re.compile(r"https?://[^/\\\s]", re.IGNORECASE)
STATES = [
    ("draft", "Draft"),
    ("scheduled", "Scheduled"),
    ("sending", "Sending"),
    ("paused", "Paused"),
    ("sent", "Sent"),
    ("cancelled", "Cancelled"),
]
TRANSITIONS = {
    "scheduled": ("draft",),
    "sending": ("draft", "scheduled", "paused"),
    "paused": ("sending", "scheduled"),
    "sent": ("sending",),
    "cancelled": ("draft", "scheduled", "sending", "paused"),
    "draft": ("scheduled",),
}


class EngineCampaign(models.Model):
    """One message to many people of a tenant, sent as fast as the quotas of its IPs allow."""

    _name = "engine.campaign"
    _description = "Campaign"
    _inherit = ["mail.thread", "lokario.access.mixin"]
    _order = "id desc"

    name = fields.Char(required=True, tracking=True)
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    template_id = fields.Many2one("engine.template", required=True, ondelete="restrict")
    template_version = fields.Integer(readonly=True, copy=False)
    list_ids = fields.Many2many("engine.contact.list", string="Lists")
    tag_ids = fields.Many2many("engine.contact.tag", string="Tags", help="Only contacts with one of these tags")
    subject_b = fields.Char(help="A/B test: this subject for a part of the recipients")
    share_b = fields.Integer("Share of subject B (%)", default=50)
    from_name = fields.Char(help="Empty: the tenant's")
    from_email = fields.Char("From address", help="Empty: the tenant's")
    reply_to = fields.Char("Reply address", help="Empty: the tenant's")
    transport = fields.Selection(
        [("powermta", "PowerMTA (SMTP)"), ("mailwizz", "MailWizz (REST API)")], required=True, default="powermta"
    )
    track_opens = fields.Boolean(
        "Count opens", help="Adds an invisible picture. Ask for consent where the law wants it."
    )
    track_clicks = fields.Boolean("Count clicks", help="Links lead through this server.")
    scheduled_at = fields.Datetime("Send on", copy=False)
    state = fields.Selection(STATES, required=True, default="draft", readonly=True, copy=False, tracking=True)
    started_at = fields.Datetime(readonly=True, copy=False)
    finished_at = fields.Datetime(readonly=True, copy=False)
    fully_sent_on = fields.Date(readonly=True, copy=False, help="Forecast from the quotas of the coming days")
    content = fields.Json(readonly=True, copy=False, help="What is sent: fixed when the campaign starts")
    idempotency_key = fields.Char(readonly=True, copy=False)
    send_answer = fields.Json(readonly=True, copy=False, help="What the first call to send was answered")
    recipient_ids = fields.One2many("engine.campaign.recipient", "campaign_id", "Recipients")
    chunk_ids = fields.One2many("engine.campaign.chunk", "campaign_id", "Chunks")
    link_ids = fields.One2many("engine.campaign.link", "campaign_id", "Links")
    recipient_count = fields.Integer("People", compute="_compute_counts")
    waiting_count = fields.Integer("Waiting", compute="_compute_counts")
    sent_count = fields.Integer("Sent", compute="_compute_counts")
    delivered_count = fields.Integer("Delivered", compute="_compute_counts")
    bounced_count = fields.Integer("Bounced", compute="_compute_counts")
    unknown_count = fields.Integer("Unknown", compute="_compute_counts")
    suppressed_count = fields.Integer("Suppressed", compute="_compute_counts")
    opened_count = fields.Integer("Opened", compute="_compute_counts")
    clicked_count = fields.Integer("Clicked", compute="_compute_counts")
    unsubscribed_count = fields.Integer("Unsubscribed", compute="_compute_counts")

    _share_b = models.Constraint("CHECK(share_b BETWEEN 0 AND 100)", "Share of subject B: from 0 to 100 %.")

    @api.depends("state")
    def _compute_counts(self):
        counted = self.env["engine.campaign.recipient"]._read_group(
            [("campaign_id", "in", self.ids)],
            ["campaign_id", "state"],
            ["__count", "opened_at:count", "clicked_at:count", "unsubscribed_at:count"],
        )
        for campaign in self:
            rows = [row[1:] for row in counted if row[0] == campaign]
            states = {row[0]: row[1] for row in rows}
            campaign.recipient_count = sum(states.values())
            campaign.waiting_count = states.get("queued", 0) + states.get("handing", 0)
            campaign.delivered_count = states.get("delivered", 0)
            campaign.bounced_count = states.get("bounced", 0) + states.get("refused", 0)
            campaign.unknown_count = states.get("unknown", 0)
            campaign.suppressed_count = states.get("suppressed", 0) + states.get("invalid", 0)
            campaign.sent_count = sum(states.get(state, 0) for state in ("sent", "delivered", "bounced", "complained"))
            campaign.opened_count = sum(row[2] for row in rows)
            campaign.clicked_count = sum(row[3] for row in rows)
            campaign.unsubscribed_count = sum(row[4] for row in rows)

    @api.constrains("tenant_id", "template_id", "list_ids", "tag_ids")
    def _check_tenant(self):
        for campaign in self:
            if (
                campaign.template_id.tenant_id | campaign.list_ids.tenant_id | campaign.tag_ids.tenant_id
            ) - campaign.tenant_id:
                raise ValidationError(self.env._("Template, lists and tags must be those of the campaign's tenant."))

    @api.constrains("from_email", "tenant_id")
    def _check_from_email(self):
        for campaign in self.filtered("from_email"):
            domain = campaign.from_email.rpartition("@")[2].lower()
            allowed = campaign.tenant_id.domain_ids.mapped("name")
            allowed.append(campaign.tenant_id.from_email.rpartition("@")[2].lower())
            if not any(domain == name or domain.endswith(f".{name}") for name in allowed):
                raise ValidationError(
                    self.env._("From address: %(domain)s is no domain of this tenant. Add it first.", domain=domain)
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_started(self):
        if self.filtered(lambda campaign: campaign.state not in ("draft", "cancelled")):
            raise UserError(self.env._("Only draft and cancelled campaigns can be deleted."))

    def _set_state(self, state):
        for campaign in self:
            if campaign.state not in TRANSITIONS[state]:
                labels = dict(self._fields["state"]._description_selection(self.env))
                raise UserError(
                    self.env._(
                        "%(campaign)s is “%(state)s”: this cannot be done now.",
                        campaign=campaign.name,
                        state=labels[campaign.state],
                    )
                )
        self.state = state

    def action_schedule(self):
        for campaign in self:
            if not campaign.scheduled_at:
                raise UserError(self.env._("Send on: choose a date and time first."))
            campaign._check_ready()
        self._set_state("scheduled")

    def action_back_to_draft(self):
        self._set_state("draft")

    def action_send(self):
        for campaign in self:
            try:
                campaign._send()
            except ApiProblem as problem:
                raise UserError(problem.detail) from problem

    def action_pause(self):
        self._set_state("paused")

    def action_resume(self):
        self._set_state("sending")
        self._continue()

    def action_cancel(self):
        self._set_state("cancelled")

    def _refuse_delivery(self, why):
        """Pause until a person has mended what the other system refuses, and say so; called by jobs."""
        if self.state == "sending":
            self._set_state("paused")
        self.message_post(body=why)

    def action_view_recipients(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "engine.campaign.recipient",
            "view_mode": "list,pivot,graph",
            "domain": [("campaign_id", "=", self.id)],
            "context": {"search_default_group_state": 1},
        }

    def _check_ready(self):
        """Raise what must be mended before this campaign can be sent."""
        self.ensure_one()
        if not self.list_ids and not self.tag_ids:
            raise UserError(self.env._("Choose the lists or tags this campaign is sent to."))
        if self.template_id.error:
            raise UserError(self.template_id.error)
        if self.subject_b:
            valid, message = TemplateRenderer().validate_template(self.subject_b, "header")
            if not valid:
                raise UserError(self.env._("Subject B: %(why)s", why=message))
        if self.tenant_id.is_stopped:
            raise UserError(self.env._("%(tenant)s is stopped: no mail leaves.", tenant=self.tenant_id.name))
        if not self.tenant_id.active:
            raise UserError(self.env._("%(tenant)s is archived: no mail leaves.", tenant=self.tenant_id.name))
        if self.transport == "powermta":
            self.tenant_id._get_addresses()

    def _freeze_content(self):
        """Fix what is sent, so that a later change of the template changes no campaign on its way."""
        template = self.template_id
        subjects = [template.subject] + ([self.subject_b] if self.subject_b else [])
        counted = self.transport == "powermta"  # MailWizz counts opens and clicks by itself
        tracked = {"track_opens": counted and self.track_opens, "track_clicks": counted and self.track_clicks}
        content = prepare(subjects, template.html, template.text, **tracked)
        self.content = {"subjects": content.subjects, "html": content.html, "text": content.text}
        self.template_version = template.version
        self.sudo().link_ids = [fields.Command.clear()] + [
            fields.Command.create({"position": position, "url": url}) for position, url in enumerate(content.links)
        ]

    def _get_sender(self, feeder, ip, *, job, kind, content):
        """The sender of this campaign's messages through one IP; kind: the mail type of Gmail's Feedback-ID."""
        tenant = self.tenant_id
        addresses = tenant._get_addresses()
        headers = CampaignHeaders(
            vmta=ip.vmta_name,
            job=job,
            from_name=self.from_name or tenant.from_name,
            from_email=self.from_email or tenant.from_email,
            reply_to=self.reply_to or tenant.reply_to or "",
            feedback_id=f"c{self.id}:t{tenant.id}:{kind}:{tenant.feedback_sender or tenant.slug[:15]}",
            list_id=f"t{tenant.id}.{addresses.bounce_domain}",
        )
        builder = MessageBuilder(headers, f"=_lokario_{uuid.uuid4().hex}")
        common, today = self._get_common_values(), tenant._get_today()
        return CampaignSender(content, builder, addresses, common, today, feeder=feeder)

    def _get_common_values(self):
        """What templates may use besides the contact's own values."""
        tenant = self.tenant_id
        return {
            "from_name": self.from_name or tenant.from_name,
            "reply_to": self.reply_to or tenant.reply_to or tenant.from_email,
            "company_name": tenant.name,
            "company_full_address": tenant.postal_address or tenant.name,
            **tenant._get_address_values(),
            "campaign_uid": f"c{self.id}",
            "campaign_name": self.name,
            "list_name": ", ".join(self.list_ids.mapped("name")),
        }


class EngineCampaignLink(models.Model):
    """A target of a campaign whose clicks are counted; nothing else is ever redirected to."""

    _name = "engine.campaign.link"
    _inherit = ["lokario.access.mixin"]
    _description = "Campaign link"
    _order = "campaign_id, position"
    _rec_name = "url"

    campaign_id = fields.Many2one("engine.campaign", required=True, readonly=True, ondelete="cascade")
    position = fields.Integer(required=True, readonly=True)
    url = fields.Char(required=True, readonly=True)
    clicks = fields.Integer(default=0, required=True, readonly=True)

    _position_uniq = models.UniqueIndex("(campaign_id, position)")

    @api.constrains("url")
    def _check_url(self):
        for link in self:
            if not link._is_web():
                raise ValidationError(self.env._("A link of a campaign begins with http:// or https://: %s", link.url))

    def _is_web(self):
        """Whether the click redirect may lead there; asked again at each click, for links older than the check."""
        return bool(WEB_LINK.match(self.url))
