import logging
import re
import uuid
from datetime import timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, UserError, ValidationError
from odoo.tools import formatLang
from psycopg2.errors import UniqueViolation

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.email_engine_bridge.tools.campaign_content import Content
from odoo.addons.email_engine_bridge.tools.campaign_message import CampaignHeaders, MessageBuilder
from odoo.addons.email_engine_bridge.tools.campaign_sender import CampaignSender
from odoo.addons.email_engine_bridge.tools.template_renderer import TemplateRenderer
from odoo.addons.lokario_base.tools.transaction import LOST_RACES, lease, own_transaction, transaction

from ..tools.recurrence import local_date, next_moment

_logger = logging.getLogger(__name__)

STATES = [
    ("draft", "Draft"),
    ("scheduled", "Scheduled"),
    ("sending", "Sending"),
    ("paused", "Paused"),
    ("sent", "Sent"),
    ("cancelled", "Cancelled"),
]
PERIODS = [("day", "Every day"), ("week", "Every week"), ("month", "Every month")]
PLACED = ("chunk_id:count", "mailwizz_part_id:count")  # who has a place in what leaves today
PREPARE_SECONDS = 120  # how long a worker that hangs keeps the others from writing the journal
LEFT = ("sent", "delivered", "bounced", "complained")  # states of recipients whose message left


class NoRecipient(ApiProblem):
    """Nobody of a campaign's lists, tags and segments may be written to."""


class EngineCampaign(models.Model):
    """One message to many people of a tenant, sent as fast as the quotas of its IPs allow."""

    _name = "engine.campaign"
    _description = "Campaign"
    _inherit = ["lokario.chatter.mixin", "mail.thread", "lokario.state.mixin", "lokario.access.mixin"]
    _machine_writes_as_sudo = True
    _order = "id desc"
    _transitions = {
        "draft": {"scheduled", "sending", "cancelled"},
        "scheduled": {"draft", "sending", "paused", "cancelled"},
        "sending": {"paused", "sent", "cancelled"},
        "paused": {"scheduled", "sending", "cancelled"},
        "sent": {"sending"},  # a message that never arrived is queued again
        "cancelled": set(),
    }

    name = fields.Char(required=True, tracking=True)
    kind = fields.Selection(
        [("campaign", "Campaign"), ("transactional", "Stream of messages")],
        required=True,
        default="campaign",
        readonly=True,
        copy=False,
        help="A stream never ends: what programs send to single people leaves by it (engine.message).",
    )
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    template_id = fields.Many2one("engine.template", ondelete="restrict")
    template_version = fields.Integer(readonly=True, copy=False)
    list_ids = fields.Many2many("engine.contact.list", string="Lists")
    tag_ids = fields.Many2many("engine.contact.tag", string="Tags", help="Only contacts with one of these tags")
    segment_ids = fields.Many2many("engine.segment", string="Segments", help="Only contacts of one of these segments")
    subject_b = fields.Char(help="A/B test: this subject for a part of the recipients")
    share_b = fields.Integer("Share of subject B (%)", default=50)
    winner_by = fields.Selection(
        [("opened", "More opens"), ("clicked", "More clicks")],
        "The winner has",
        help="Both subjects go to a part of the people; the others wait and get the better one. Empty: no winner.",
    )
    test_share = fields.Integer("Test with (%)", default=20, help="Share of the people who get one of both subjects")
    winner_after = fields.Integer("Decide after (hours)", default=4)
    winner = fields.Selection([("a", "Subject A"), ("b", "Subject B")], readonly=True, copy=False)
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
    repeat_every = fields.Selection(PERIODS, "Repeat", help="When it starts, the next one is scheduled.")
    repeat_until = fields.Date("Repeat until", help="The last day; empty: until the next one is cancelled")
    repeat_from = fields.Datetime(readonly=True, copy=False, help="When the first of the series was due")
    next_id = fields.Many2one("engine.campaign", "Next one", readonly=True, copy=False, ondelete="set null")
    state = fields.Selection(STATES, required=True, default="draft", readonly=True, copy=False, tracking=True)
    started_at = fields.Datetime(readonly=True, copy=False)
    finished_at = fields.Datetime(readonly=True, copy=False)
    fully_sent_on = fields.Date(readonly=True, copy=False, help="Forecast from the quotas of the coming days")
    content = fields.Json(readonly=True, copy=False, help="What is sent: fixed when the campaign starts")
    idempotency_key = fields.Char(readonly=True, copy=False)
    is_preparing = fields.Boolean(readonly=True, copy=False, help="The list of the recipients is still being written.")
    send_answer = fields.Json(readonly=True, copy=False, help="What the first call to send was answered")
    recipient_ids = fields.One2many("engine.campaign.recipient", "campaign_id", "Recipients")
    chunk_ids = fields.One2many("engine.campaign.chunk", "campaign_id", "Chunks")
    mailwizz_part_ids = fields.One2many("engine.mailwizz.part", "campaign_id", "At MailWizz", copy=False)
    placement_ids = fields.One2many("engine.seed.placement", "campaign_id", "Seed tests", copy=False)
    link_ids = fields.One2many("engine.campaign.link", "campaign_id", "Links")
    recipient_count = fields.Integer("People", compute="_compute_counts")
    waiting_count = fields.Integer("Waiting", compute="_compute_counts")
    held_count = fields.Integer("Waiting for the winner", compute="_compute_counts")
    later_count = fields.Integer("Waiting for quota", compute="_compute_counts")
    winner_due_at = fields.Datetime("Winner decided on", compute="_compute_winner_due_at")
    sent_count = fields.Integer("Sent", compute="_compute_counts")
    delivered_count = fields.Integer("Delivered", compute="_compute_counts")
    bounced_count = fields.Integer("Bounced", compute="_compute_counts")
    unknown_count = fields.Integer("Unknown", compute="_compute_counts")
    suppressed_count = fields.Integer("Suppressed", compute="_compute_counts")
    opened_count = fields.Integer("Opened", compute="_compute_counts")
    clicked_count = fields.Integer("Clicked", compute="_compute_counts")
    unsubscribed_count = fields.Integer("Unsubscribed", compute="_compute_counts")
    result_a = fields.Char("With subject A", compute="_compute_results")
    result_b = fields.Char("With subject B", compute="_compute_results")

    _stream_uniq = models.UniqueIndex("(tenant_id, transport) WHERE kind = 'transactional'")
    _template_given = models.Constraint(
        "CHECK(kind = 'transactional' OR template_id IS NOT NULL)", "Choose the template of the campaign."
    )
    _winner_limits = models.Constraint(
        "CHECK(test_share BETWEEN 1 AND 99 AND winner_after BETWEEN 1 AND 168)",
        "A test goes to 1 to 99 % of the people and takes 1 to 168 hours.",
    )
    _share_b = models.Constraint("CHECK(share_b BETWEEN 0 AND 100)", "Share of subject B: from 0 to 100 %.")

    @api.depends("state")
    def _compute_counts(self):
        counted = self.env["engine.campaign.recipient"]._read_group(
            [("campaign_id", "in", self.ids)],
            ["campaign_id", "state"],
            ["__count", "opened_at:count", "clicked_at:count", "unsubscribed_at:count", *PLACED],
        )
        for campaign in self:
            rows = [row[1:] for row in counted if row[0] == campaign]
            states = {row[0]: row[1] for row in rows}
            campaign.recipient_count = sum(states.values())
            campaign.waiting_count = sum(states.get(state, 0) for state in ("queued", "held", "handing"))
            campaign.held_count = states.get("held", 0)
            campaign.later_count = sum(row[1] - sum(row[5:]) for row in rows if row[0] == "queued")
            campaign.delivered_count = states.get("delivered", 0)
            campaign.bounced_count = states.get("bounced", 0) + states.get("refused", 0)
            campaign.unknown_count = states.get("unknown", 0)
            campaign.suppressed_count = states.get("suppressed", 0) + states.get("invalid", 0)
            campaign.sent_count = sum(states.get(state, 0) for state in LEFT)
            campaign.opened_count = sum(row[2] for row in rows)
            campaign.clicked_count = sum(row[3] for row in rows)
            campaign.unsubscribed_count = sum(row[4] for row in rows)

    @api.depends("started_at", "winner_by", "winner_after")
    def _compute_winner_due_at(self):
        for campaign in self:
            decided = campaign.winner_by and campaign.started_at
            campaign.winner_due_at = decided and campaign.started_at + timedelta(hours=campaign.winner_after)

    @api.depends("state")
    @api.depends_context("lang")
    def _compute_results(self):
        left = [("campaign_id", "in", self.ids), ("state", "in", LEFT)]
        figures = ["__count", "opened_at:count", "clicked_at:count"]
        counted = self.env["engine.campaign.recipient"]._read_group(left, ["campaign_id", "variant"], figures)
        rows = {(campaign, variant): counts for campaign, variant, *counts in counted}
        for campaign in self:
            campaign.result_a, campaign.result_b = (
                self._describe_result(*rows.get((campaign, variant), (0, 0, 0))) for variant in (0, 1)
            )

    def _describe_result(self, sent, opened, clicked):
        def rate(part):
            return formatLang(self.env, 100 * part / sent if sent else 0, digits=1)

        return self.env._(
            "%(sent)s sent, %(opened)s opened (%(open_rate)s %%), %(clicked)s clicked (%(click_rate)s %%)",
            sent=sent,
            opened=opened,
            open_rate=rate(opened),
            clicked=clicked,
            click_rate=rate(clicked),
        )

    @api.constrains("tenant_id", "template_id", "list_ids", "tag_ids", "segment_ids")
    def _check_tenant(self):
        for campaign in self:
            of_tenants = campaign.template_id.tenant_id | campaign.list_ids.tenant_id | campaign.tag_ids.tenant_id
            if (of_tenants | campaign.segment_ids.tenant_id) - campaign.tenant_id:
                raise ValidationError(
                    self.env._("Template, lists, tags and segments must be those of the campaign's tenant.")
                )

    @api.onchange("winner_by")
    def _onchange_winner_by(self):
        """What decides is counted; the person sees it ticked."""
        if self.winner_by:
            self["track_clicks" if self.winner_by == "clicked" else "track_opens"] = True

    @api.constrains("winner_by", "subject_b", "transport", "track_opens", "track_clicks")
    def _check_winner(self):
        for campaign in self.filtered("winner_by"):
            counts = campaign.track_clicks if campaign.winner_by == "clicked" else campaign.track_opens
            if not (campaign.subject_b and counts and campaign._get_transport()._counts_engagement):
                raise ValidationError(
                    self.env._(
                        "The winner of a test: give subject B, let the opens or clicks be counted that decide, and"
                        " send by PowerMTA."
                    )
                )

    @api.constrains("from_email", "reply_to", "tenant_id")
    def _check_author(self):
        for campaign in self:
            campaign.tenant_id._check_author(campaign.from_email, campaign.reply_to)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_started(self):
        if self.filtered(lambda campaign: campaign.state not in ("draft", "cancelled")):
            raise UserError(self.env._("Only draft and cancelled campaigns can be deleted."))

    # === STATE === #

    def _set_state(self, state, **values):
        """The machine writes the state, for whoever may write the campaign."""
        self.check_access("write")
        super(EngineCampaign, self.sudo())._set_state(state, **values)

    def _set_draft(self):
        self._set_state("draft")

    def _set_scheduled(self):
        self._set_state("scheduled")

    def _set_sending(self, **values):
        self._set_state("sending", finished_at=False, **values)

    def _set_paused(self):
        self._set_state("paused")

    def _set_sent(self):
        """All that is to leave has left, as far as is known."""
        self._set_state("sent", finished_at=fields.Datetime.now(), fully_sent_on=False)

    def _set_cancelled(self):
        self._set_state("cancelled")

    # === BUTTONS === #

    def action_schedule(self):
        for campaign in self:
            if not campaign.scheduled_at:
                raise UserError(self.env._("Send on: choose a date and time first."))
            campaign._check_ready()
        self._set_scheduled()

    def action_back_to_draft(self):
        self._set_draft()

    def action_send(self):
        for campaign in self:
            try:
                campaign._send()
            except ApiProblem as problem:
                raise UserError(problem.detail) from problem

    def action_test_seeds(self):
        """Send the message to the tenant's seed mailboxes; where it arrives is recorded on the page “Seed test”."""
        self.ensure_one()
        self.check_access("write")
        seeds = self.env["engine.seed"].search([("tenant_id", "=", self.tenant_id.id)])
        if not seeds:
            raise UserError(self.env._("%s has no seed mailbox yet: add some first.", self.tenant_id.name))
        try:
            self.env["engine.campaign.trial"]._send(self, seeds.mapped("email"), {})
        except ApiProblem as problem:
            raise UserError(problem.detail) from problem
        self.env["engine.seed.placement"].sudo().create(
            [
                {"campaign_id": self.id, "seed_id": seed.id, "email": seed.email, "provider": seed.provider}
                for seed in seeds
            ]
        )

    def action_pause(self):
        self._set_paused()
        for campaign in self:
            campaign._get_transport()._pause(campaign)

    def action_resume(self):
        """Go on; one that was paused before its time came waits for it again."""
        if other := self.filtered(lambda campaign: campaign.state != "paused")[:1]:
            raise UserError(other._transition_problem("sending"))
        started = self.filtered("started_at")
        (self - started)._set_scheduled()
        started._set_sending()
        for campaign in started:
            campaign._get_transport()._resume(campaign)

    def action_cancel(self):
        if stream := self.filtered(lambda campaign: campaign.kind == "transactional")[:1]:
            raise UserError(self.env._("%s never ends: pause it.", stream.name))
        self._set_cancelled()
        for campaign in self:
            campaign._get_transport()._pause(campaign)

    def _refuse_delivery(self, why):
        """Pause until a person has mended what the other system refuses, and say so; called by jobs."""
        if self.state == "sending":
            self._set_paused()
        self.message_post(body=why)
        return why

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
        if not self.list_ids and not self.tag_ids and not self.segment_ids:
            raise UserError(self.env._("Choose the lists, tags or segments this campaign is sent to."))
        if self.template_id.error:
            raise UserError(self.template_id.error)
        self._check_subject_b()
        self.tenant_id._check_sending()
        self._get_transport()._check_ready(self)

    @api.constrains("subject_b")
    def _check_subject_b(self):
        for campaign in self.filtered("subject_b"):
            valid, message = TemplateRenderer().validate_template(campaign.subject_b, "header")
            if not valid:
                why = self.env["engine.template.error"]._say(message)
                raise ValidationError(self.env._("Subject B: %(why)s", why=why))

    def _freeze_content(self):
        """Fix what is sent, so that a later change of the template changes no campaign on its way."""
        template = self.template_id
        subjects = [template.subject] + ([self.subject_b] if self.subject_b else [])
        counted = self._get_transport()._counts_engagement
        tracked = {"track_opens": counted and self.track_opens, "track_clicks": counted and self.track_clicks}
        content = template._prepare(subjects, **tracked)
        links = [{"position": position, "url": url} for position, url in enumerate(content.links)]
        self.sudo().write(
            {
                "content": {"subjects": content.subjects, "html": content.html, "text": content.text},
                "template_version": template.version,
                "link_ids": [fields.Command.clear(), *map(fields.Command.create, links)],
            }
        )

    def _get_content_sender(self, feeder, ip, job):
        """The sender of what was fixed when the campaign started."""
        content = Content(tuple(self.content["subjects"]), self.content["html"], self.content["text"])
        return self._get_sender(feeder, ip, job=job, kind="campaign", content=content)

    def _get_sender(self, feeder, ip, *, job, kind, content):
        """The sender of this campaign's messages through one IP; kind: the mail type of Gmail's Feedback-ID."""
        from_name, from_email, _reply_to = self._get_sender_names()
        author = {"from_name": from_name, "from_email": from_email}
        author["reply_to"] = self.reply_to or self.tenant_id.reply_to or ""
        list_id = f"t{self.tenant_id.id}.{self.tenant_id._get_bounce_domain()}"
        common = self._get_common_values()
        return self._make_sender(feeder, ip, content, common, job=job, kind=kind, list_id=list_id, **author)

    def _make_sender(self, feeder, ip, content, common, *, kind, **headers):
        """The sender of a content; headers: further ones of `CampaignHeaders`."""
        tenant = self.tenant_id
        addresses = tenant._get_addresses()
        feedback_id = f"c{self.id}:t{tenant.id}:{kind}:{tenant.feedback_sender or tenant.slug[:15]}"
        headers = CampaignHeaders(vmta=ip.vmta_name, feedback_id=feedback_id, **headers)
        builder = MessageBuilder(headers, f"=_lokario_{uuid.uuid4().hex}")
        return CampaignSender(content, builder, addresses, common, tenant._get_today(), feeder=feeder)

    def _get_sender_names(self):
        """(name, address, reply address) that the message shows."""
        tenant = self.tenant_id
        from_email = self.from_email or tenant.from_email
        return self.from_name or tenant.from_name, from_email, self.reply_to or tenant.reply_to or from_email

    def _get_common_values(self):
        """What templates may use besides the contact's own values."""
        tenant = self.tenant_id
        return {
            "from_name": self.from_name or tenant.from_name,
            "from_email": self.from_email or tenant.from_email,
            "reply_to": self.reply_to or tenant.reply_to or tenant.from_email,
            "company_name": tenant.name,
            "company_full_address": tenant.postal_address or tenant.name,
            **tenant._get_address_values(),
            "campaign_uid": f"c{self.id}",
            "campaign_name": self.name,
            "campaign_subject": self._get_plain_subject(),
            "list_uid": "-".join(f"l{one.id}" for one in self.list_ids),
            "list_name": ", ".join(self.list_ids.mapped("name")),
        }

    def _get_plain_subject(self):
        """The subject for [CAMPAIGN_SUBJECT]; the campaign's name where the subject differs from person to person."""
        subject = self.template_id.subject or ""
        return self.name if re.search(r"\{\{|\{%|\[[A-Z]", subject) else subject

    def _get_link(self, position):
        """The address whose clicks are counted at this position, if any."""
        return self.link_ids.filtered(lambda one: one.position == position and one._is_web()).url

    def _describe(self):
        """Return the campaign as the API lists it."""
        self.ensure_one()
        counted = ("waiting", "sent", "delivered", "bounced", "unknown", "suppressed")
        engaged = ("opened", "clicked", "unsubscribed")
        return {
            "id": self.id,
            "tenant_id": self.tenant_id.id,
            "name": self.name,
            "template_id": self.template_id.id,
            "transport": self.transport,
            "state": self.state,
            "scheduled_at": self.scheduled_at or None,
            "recipients": self.recipient_count,
            **{name: self[f"{name}_count"] for name in (*counted, *engaged)},
            "fully_sent_on": self.fully_sent_on or None,
            "winner": self.winner or None,
            "repeat_every": self.repeat_every or None,
            "next_campaign_id": self.next_id.id or None,
        }

    # === STREAMS === #

    @api.model
    def _get_stream(self, tenant, transport):
        """The campaign, never ending, by which the tenant's single messages leave."""
        found = self.search(
            [("kind", "=", "transactional"), ("tenant_id", "=", tenant.id), ("transport", "=", transport)]
        )
        ours = self.with_context(lang=tenant.company_id.sudo().partner_id.lang)  # a program opens it, people read it
        return found or ours._open_stream(tenant, transport).with_env(self.env)

    @api.model
    def _open_stream(self, tenant, transport):
        name = self.env._("Messages of %(tenant)s", tenant=tenant.name)
        values = {"name": name, "kind": "transactional", "tenant_id": tenant.id, "transport": transport}
        try:
            with self.env.cr.savepoint():
                stream = self.create(values)
        except UniqueViolation as error:  # another call was first: Odoo makes this one again, which finds it
            raise ConcurrencyError("The stream was opened meanwhile") from error
        stream._set_sending(started_at=fields.Datetime.now())
        return stream

    # === SENDING === #

    def _get_transport(self):
        """The model by which this campaign's messages leave; see `engine.transport`."""
        self.ensure_one()
        return self.env[f"engine.transport.{self.transport}"]

    def _send(self, idempotency_key=None):
        """Start the campaign and return the documented answer; a repeated call changes nothing.

        Raises ApiProblem 409 when nothing may leave today.
        """
        self.ensure_one()
        self._wait_for_lock()
        if self.send_answer:
            return self._repeat_answer(idempotency_key)
        self._check_ready()
        self._freeze_content()
        counted = self._count_audience()
        self._set_sending(started_at=fields.Datetime.now(), idempotency_key=idempotency_key)
        self._plan_next()
        self.sudo().send_answer = self._get_transport()._start(self, counted)
        return self.send_answer

    def _wait_for_lock(self):
        """Let calls at the same time come one after another: who waited is repeated by Odoo and finds the answer."""
        self.flush_recordset()
        lock = "SELECT 1 FROM engine_campaign WHERE id = %s FOR NO KEY UPDATE"
        self.env.cr.execute(lock, (self.id,), log_exceptions=False)
        self.invalidate_recordset()

    def _repeat_answer(self, idempotency_key):
        if idempotency_key and self.idempotency_key and idempotency_key != self.idempotency_key:
            raise ApiProblem(409, "This campaign was sent already, with another Idempotency-Key.")
        return self.send_answer

    def _count_audience(self):
        """The `Counted` people this is for; raises 409 when nobody may be written to."""
        counted = self.env["engine.campaign.audience"]._count(self)
        if not counted.waiting:
            sentence = self.env._("No recipient of these lists, tags and segments may be written to.")
            raise NoRecipient(409, sentence, extra={"success": False})
        return counted

    def _prepare_later(self):
        """Have the journal written by a job, in short transactions: nobody waits for a long list."""
        self.sudo().is_preparing = True
        campaign_sudo = self.sudo()._in_company_language()
        key = f"email_engine_campaign.prepare.{self.id}"
        campaign_sudo.with_delay(channel="root.email_engine", identity_key=key)._job_prepare()

    def _job_prepare(self):
        """Write what is missing of the journal, then let the transport begin."""
        with lease(self.env, f"email_engine_campaign.prepare.{self.id}", PREPARE_SECONDS) as held:
            if not held:
                return "Another worker writes the list of the recipients."
            if self.is_preparing and self.state != "cancelled":
                chunks = self.chunk_ids.sorted("id")
                self.env["engine.campaign.audience"]._populate_by_pieces(self, chunks, held.renew)
            with own_transaction(self) as mine:  # it sees what was written
                mine._set_prepared()
        return "The list of the recipients is written."

    def _set_prepared(self):
        if self.is_preparing:
            self.sudo().is_preparing = False
            if self.state != "cancelled":
                self._get_transport()._begin(self)

    # === SERIES === #

    def _plan_next(self):
        """Schedule the next campaign of a series, at the same time of the tenant's day; once."""
        if not self.repeat_every or self.next_id:
            return
        tz, now = ZoneInfo(self.tenant_id.tz), fields.Datetime.now()
        first = self.repeat_from or self.scheduled_at or now
        moment = next_moment(first, self.repeat_every, max(now, self.scheduled_at or now), tz)
        if self.repeat_until and local_date(moment, tz) > self.repeat_until:
            return
        following = self.sudo().copy({"name": self.name, "scheduled_at": moment, "repeat_from": first})
        following._set_scheduled()
        self.sudo().next_id = following

    def _skip(self, why):
        """One of a series for whom nobody is there today gives way to the next one."""
        self._plan_next()
        self._set_cancelled()
        self.message_post(body=why)

    # === WINNER OF A TEST === #

    def _decide_winner(self):
        """After the time of the test, give those who wait the subject that did better; a tie is subject A's."""
        is_due = self.winner_due_at and self.winner_due_at <= fields.Datetime.now()
        if not is_due or self.winner or self.is_preparing:
            return
        with own_transaction(self) as mine:
            rates = mine._read_rates()
            winner = max((0, 1), key=lambda variant: (rates.get(variant, 0), -variant))
            mine.sudo().winner = "ab"[winner]
            mine.env["engine.campaign.audience"]._release_held(mine, winner)
            mine.message_post(
                body=mine.env._("The test is over. A: %(a)s. B: %(b)s.", a=mine.result_a, b=mine.result_b)
            )

    def _read_rates(self):
        """{variant: share of its mails that were opened or clicked}."""
        counted = self.env["engine.campaign.recipient"]._read_group(
            [("campaign_id", "=", self.id), ("state", "in", LEFT)],
            ["variant"],
            ["__count", f"{self.winner_by}_at:count"],
        )
        return {variant: engaged / sent for variant, sent, engaged in counted}

    def _is_sending(self):
        """Whether the campaign may still hand over, as it is committed now."""
        with transaction(self.env) as cr:
            cr.execute(
                """SELECT c.state = 'sending' AND t.is_stopped IS NOT TRUE
                     FROM engine_campaign c JOIN engine_tenant t ON t.id = c.tenant_id WHERE c.id = %s""",
                (self.id,),
            )
            return cr.fetchone()[0]

    def _continue(self):
        """Queue what may leave now, after a pause, a stop or a day without quota."""
        for campaign in self.filtered(lambda one: one.state == "sending" and not one.tenant_id.is_stopped):
            if campaign.is_preparing:
                campaign._prepare_later()
            else:
                campaign._get_transport()._continue(campaign)

    def _job_continue(self):
        self._continue()

    @api.model
    def _cron_continue(self):
        """Start what is due, go on with what waits for quota, finish what is done."""
        due = self.search([("state", "=", "scheduled"), ("scheduled_at", "<=", fields.Datetime.now())])
        sending = self.search([("state", "=", "sending")], order="started_at, id")  # who waits longest comes first
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(due) + len(sending))
        for campaign in due + sending:
            campaign._in_company_language()._take_up()
            if not commit_progress(1):
                break

    def _take_up(self):
        """One step of the cron; a refusal is shown on the campaign and tried again at the next turn."""
        try:
            with self.env.cr.savepoint():
                if self.state == "scheduled":
                    self._send()
                elif self.is_preparing:  # its job was lost, or waits for its turn
                    self._prepare_later()
                else:
                    self._decide_winner()
                    self._get_transport()._advance(self)
        except NoRecipient as problem:
            if self.repeat_every:
                self._skip(problem.detail)
            else:
                self.message_post(body=problem.detail)
        except ApiProblem as problem:
            if self.state == "scheduled":
                self.message_post(body=problem.detail)
        except LOST_RACES:
            _logger.info("Campaign %s is being changed by another worker", self.id)
