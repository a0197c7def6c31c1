from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain

OPEN_STATES = ("new", "in_progress")
# What follows from the mailbox; a person who could write it would move mail between companies.
_DERIVED_FIELDS = frozenset({"integration_id", "company_id", "owner_id", "merged_into_id", "claims_id", "subject_key"})


class InboxConversation(models.Model):
    _name = "inbox.conversation"
    _description = "Conversation"
    _inherit = ["mail.thread", "mail.activity.mixin", "lokario.access.mixin"]
    _order = "last_message_date desc, id desc"
    _rec_name = "subject"
    _mail_post_access = "read"
    _machine_writes_as_sudo = True

    integration_id = fields.Many2one(
        "inbox.integration", string="Mailbox", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, index=True)
    owner_id = fields.Many2one("res.users", string="Private to", index=True)
    active = fields.Boolean(default=True)
    subject = fields.Char()
    state = fields.Selection(
        [
            ("new", "New"),
            ("in_progress", "In progress"),
            ("resolved", "Resolved"),
            ("archived", "Archived"),
            ("spam", "Spam"),
        ],
        required=True,
        default="new",
        index=True,
        tracking=True,
        group_expand=True,
    )
    is_urgent = fields.Boolean(string="Urgent", tracking=True)
    user_id = fields.Many2one(
        "res.users",
        string="Assigned to",
        index=True,
        tracking=True,
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
    )
    partner_id = fields.Many2one("res.partner", string="Customer", index=True, tracking=True)
    category_id = fields.Many2one(
        "inbox.category",
        string="Folder",
        index=True,
        ondelete="set null",
        tracking=True,
        domain="[('company_id', '=', company_id)]",
        group_expand="_read_group_category_ids",
    )
    classified_by = fields.Selection(
        [("rule", "Rule"), ("newsletter", "Newsletter headers"), ("ai", "AI"), ("person", "Person")],
        string="Filed by",
        readonly=True,
    )
    rule_id = fields.Many2one("inbox.rule", string="Filed by rule", readonly=True, ondelete="set null")
    tag_ids = fields.Many2many("inbox.tag", string="Tags", domain="[('company_id', '=', company_id)]")
    snoozed_until = fields.Datetime(index="btree_not_null")
    is_newsletter = fields.Boolean(string="Newsletter", readonly=True)
    email_ids = fields.One2many("inbox.message", "conversation_id", string="E-mails")
    link_ids = fields.One2many("inbox.link", "conversation_id", string="Linked records")
    claims_id = fields.Many2one(
        "inbox.conversation",
        string="Claims to belong to",
        readonly=True,
        ondelete="set null",
        help="Its first mail quotes this conversation, but its author takes no part in it.",
    )
    merged_into_id = fields.Many2one("inbox.conversation", readonly=True, ondelete="set null", index="btree_not_null")

    # Kept by _refresh_from_emails(), one statement a batch.
    subject_key = fields.Char(readonly=True)
    unread = fields.Boolean(readonly=True, index=True)
    message_count = fields.Integer(string="Number of e-mails", readonly=True, aggregator="sum")
    has_attachments = fields.Boolean(readonly=True)
    preview = fields.Char(readonly=True)
    last_author = fields.Char(string="From", readonly=True, help="The last person who wrote to us.")
    last_direction = fields.Selection([("in", "Received"), ("out", "Sent")], readonly=True)
    last_message_date = fields.Datetime(string="Last e-mail", index=True, readonly=True, default=fields.Datetime.now)
    first_message_date = fields.Datetime(string="First e-mail", readonly=True)
    first_inbound_date = fields.Datetime(readonly=True)
    first_response_date = fields.Datetime(readonly=True)
    response_hours = fields.Float(string="Response time (h)", readonly=True, aggregator="avg")
    resolved_date = fields.Datetime(readonly=True, copy=False)
    resolution_hours = fields.Float(string="Resolution time (h)", readonly=True, aggregator="avg")

    search_text = fields.Char(
        string="Search",
        compute="_compute_search_text",
        search="_search_search_text",
        store=False,
        help="Words of subject, text and people; from:, to:, subject:, before:, after:, has:attachment.",
    )
    is_snoozed = fields.Boolean(compute="_compute_is_snoozed", search="_search_is_snoozed")

    _inbox_idx = models.Index("(company_id, state, last_message_date DESC)")
    _unread_idx = models.Index("(company_id, last_message_date DESC) WHERE unread IS TRUE")
    _urgent_idx = models.Index("(company_id, last_message_date DESC) WHERE is_urgent IS TRUE")
    _date_idx = models.Index("(last_message_date DESC, id DESC)")
    _category_date_idx = models.Index("(category_id, last_message_date DESC)")

    def _compute_search_text(self):
        self.search_text = False

    def _search_search_text(self, operator, value):
        if operator not in ("ilike", "=", "in"):
            return NotImplemented
        texts = [value] if isinstance(value, str) else list(value)
        return Domain.OR(self.env["inbox.message"]._conversation_search_domain(text) for text in texts)

    @api.depends("snoozed_until")
    def _compute_is_snoozed(self):
        now = fields.Datetime.now()
        for conversation in self:
            conversation.is_snoozed = bool(conversation.snoozed_until and conversation.snoozed_until > now)

    def _search_is_snoozed(self, operator, value):
        if operator != "in":
            return NotImplemented
        return (
            Domain("snoozed_until", ">", "now")
            if True in value
            else Domain("snoozed_until", "=", False) | Domain("snoozed_until", "<=", "now")
        )

    @api.model
    def _read_group_category_ids(self, categories, domain):
        return categories | categories.search([("company_id", "in", self.env.companies.ids)])

    @api.depends("subject")
    @api.depends_context("uid", "lang")
    def _compute_display_name(self):
        for conversation in self:
            conversation.display_name = conversation.subject or self.env._("(no subject)")
        self._hide_unreadable_names()

    # === WRITING === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            integration = self.env["inbox.integration"].browse(vals.get("integration_id"))
            integration.check_access("read")
            vals["company_id"] = integration.sudo().company_id.id
            vals["owner_id"] = integration.sudo().owner_id.id
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su and _DERIVED_FIELDS & set(vals):
            raise AccessError(self.env._("This follows from the mailbox of the conversation and cannot be changed."))
        if "state" in vals:
            if not self.env.context.get("inbox_never_waited"):
                self._stamp_resolution(vals["state"])
            self._push_state(vals["state"])
        result = super().write(vals)
        if "category_id" in vals and "classified_by" not in vals:
            super(InboxConversation, self.sudo()).write({"classified_by": "person", "rule_id": False})
        return result

    def _push_state(self, state):
        """Where the mailbox is two-way, what is archived or spam here moves there, too."""
        folder = {"archived": "archive", "spam": "junk"}.get(state)
        if not folder or self.env.context.get("inbox_is_filed_at_server"):
            return
        moved = self.sudo().filtered(lambda c: c.state != state and c.integration_id.is_two_way)
        moved.email_ids.filtered(lambda m: m.direction == "in")._push_move(folder)

    @api.constrains("category_id", "user_id")
    def _check_same_company(self):
        for conversation in self.sudo():
            company, category, user = conversation.company_id, conversation.category_id, conversation.user_id
            if category and category.company_id != company:
                raise ValidationError(self.env._("The folder %s belongs to another company.", category.name))
            if user and company not in user.company_ids.parent_ids:
                raise ValidationError(self.env._("%s does not work for the company of this mailbox.", user.name))

    def _stamp_resolution(self, state):
        now = fields.Datetime.now()
        for conversation in self:
            closed = state in ("resolved", "archived")
            if closed and not conversation.resolved_date:
                start = conversation.first_inbound_date or conversation.first_message_date or now
                hours = max(0.0, (now - start).total_seconds() / 3600)
                super(InboxConversation, conversation.sudo()).write({"resolved_date": now, "resolution_hours": hours})
            elif not closed and conversation.resolved_date:
                super(InboxConversation, conversation.sudo()).write({"resolved_date": False, "resolution_hours": 0})

    # === ACTIONS === #

    def action_take(self):
        self.write({"user_id": self.env.uid})
        self.filtered(lambda c: c.state == "new").write({"state": "in_progress"})

    def action_resolve(self):
        self.write({"state": "resolved"})

    def action_reopen(self):
        self.write({"state": "in_progress", "snoozed_until": False})

    def action_archive_conversation(self):
        self.write({"state": "archived"})

    def action_spam(self):
        self.write({"state": "spam"})

    def action_toggle_urgent(self):
        for conversation in self:
            conversation.is_urgent = not conversation.is_urgent

    def action_snooze(self, days=1):
        self.write({"snoozed_until": fields.Datetime.now() + timedelta(days=days)})

    def action_mark_read(self, read=True):
        """Mark the received mails read (or the last one unread), here and, if wanted, at the server."""
        self.check_access("read")
        domain = [("conversation_id", "in", self.ids), ("direction", "=", "in"), ("deleted_at", "=", False)]
        messages = self.env["inbox.message"].sudo().search([*domain, ("is_seen", "=", not read)])
        if not read:
            latest = {message.conversation_id: message for message in messages.sorted("date")}
            messages = messages.browse([message.id for message in latest.values()])
        messages.write({"is_seen": read})
        messages._push_seen(read)
        self._refresh_from_emails()
        self._announce_change()

    def action_open_inbox(self):
        """Open the reader of the inbox on this conversation."""
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "lokario_inbox.inbox",
            "name": self.env._("Inbox"),
            "params": {"conversation_id": self.id},
        }

    def action_join_claimed(self):
        """A person vouches: the conversation joins the one that it claims to belong to."""
        self.ensure_one()
        self.check_access("write")
        target = self.claims_id
        if not target:
            raise UserError(self.env._("This conversation claims to belong to no other one."))
        target.check_access("write")
        target.sudo()._absorb(self.sudo())
        return target.id

    def action_create_task(self):
        """Return the action that creates a task from the conversation."""
        self.ensure_one()
        self.check_access("read")
        if "project.task" not in self.env:
            raise UserError(self.env._("Install the Project application to create tasks from conversations."))
        task = self.env["project.task"].create(
            {"name": self.subject or self.display_name, "partner_id": self.partner_id.id, "description": self.preview}
        )
        link = self.env["inbox.link"].create({"conversation_id": self.id, "res_model": task._name, "res_id": task.id})
        return link.action_open()

    def action_follow_up(self):
        """Return the action that plans a follow-up; an addon with richer follow-ups extends it."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": "mail.activity.schedule",
            "name": self.env._("Plan a follow-up"),
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_res_model": self._name,
                "active_model": self._name,
                "active_ids": self.ids,
                "default_summary": self.env._("Follow up: %(subject)s", subject=self.subject or ""),
                "default_activity_user_id": self.user_id.id or self.env.uid,
            },
        }

    # === CRON === #

    @api.model
    def _cron_wake(self):
        """Bring snoozed conversations back, unread."""
        domain = Domain("snoozed_until", "<=", "now")
        due = self.sudo().search(domain, limit=500).try_lock_for_update()
        due.write({"snoozed_until": False, "unread": True})
        due._announce_change()
        self.env["ir.cron"]._commit_progress(len(due), remaining=self.sudo().search_count(domain))
