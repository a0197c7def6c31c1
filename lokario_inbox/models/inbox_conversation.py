"""A conversation: its mails, who answers, where it stands, and what the three panes of the reader show of it."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, plaintext2html

from ..tools.message_ids import mint_message_id, verify_message_id
from .inbox_reader import MAX_PAGE, PAGE

# What follows from the mailbox; a person who could write it would move mail between companies.
_DERIVED_FIELDS = frozenset(
    {"integration_id", "company_id", "owner_id", "merged_into_id", "suspected_thread_id", "subject_key"}
)
CLOSED_STATES = ("resolved", "archived")
_REFRESH = """
UPDATE inbox_conversation c
   SET last_message_date = t.last_date, first_message_date = t.first_date, message_count = t.number,
       unread = t.unread, has_attachments = t.attachments, first_inbound_date = t.first_in,
       first_response_date = t.first_out,
       response_hours = EXTRACT(EPOCH FROM t.first_out - t.first_in) / 3600,
       preview = l.preview, last_direction = l.direction, last_author = coalesce(t.author, l.email_to, l.email_from)
  FROM (
        SELECT m.conversation_id, max(m.date) AS last_date, min(m.date) AS first_date, count(*) AS number,
               bool_or(m.direction = 'in' AND m.is_seen IS NOT TRUE) AS unread,
               bool_or(m.has_attachments IS TRUE) AS attachments,
               min(m.date) FILTER (WHERE m.direction = 'in') AS first_in,
               (array_agg(m.email_from ORDER BY m.date DESC, m.id DESC) FILTER (WHERE m.direction = 'in'))[1] AS author,
               min(m.date) FILTER (WHERE m.direction = 'out' AND EXISTS (
                   SELECT FROM inbox_message q WHERE q.conversation_id = m.conversation_id
                      AND q.direction = 'in' AND q.deleted_at IS NULL AND q.date <= m.date)) AS first_out
          FROM inbox_message m
         WHERE m.conversation_id IN %(ids)s AND m.deleted_at IS NULL
      GROUP BY m.conversation_id
       ) t
  CROSS JOIN LATERAL (
        SELECT m.preview, m.direction, m.email_from, left(m.email_to, 200) AS email_to FROM inbox_message m
         WHERE m.conversation_id = t.conversation_id AND m.deleted_at IS NULL
      ORDER BY m.date DESC, m.id DESC LIMIT 1
       ) l
 WHERE c.id = t.conversation_id
RETURNING c.id
"""
_TAKE_OVER = (
    "UPDATE inbox_message SET conversation_id = %(target)s WHERE conversation_id IN %(ids)s",
    "UPDATE mail_message SET res_id = %(target)s WHERE model = 'inbox.conversation' AND res_id IN %(ids)s",
    "UPDATE mail_activity SET res_id = %(target)s WHERE res_model = 'inbox.conversation' AND res_id IN %(ids)s",
)
_WRITABLE = {"state", "user_id", "category_id", "is_urgent", "snoozed_until", "partner_id"}
SHOWN = ("kind", "state", "subject", "email_to", "send_at", "is_scheduled", "is_automatic")
WRITING = timedelta(minutes=2)  # a user seen writing so recently is still at it


class InboxConversation(models.Model):
    _name = "inbox.conversation"
    _description = "Conversation"
    _inherit = ["lokario.chatter.mixin", "mail.thread", "mail.activity.mixin", "lokario.access.mixin"]
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
        [("rule", "Rule"), ("newsletter", "Newsletter headers"), ("person", "Person")],
        string="Filed by",
        readonly=True,
    )
    rule_id = fields.Many2one("inbox.rule", string="Filed by rule", readonly=True, ondelete="set null")
    tag_ids = fields.Many2many("inbox.tag", string="Tags", domain="[('company_id', '=', company_id)]")
    snoozed_until = fields.Datetime(index="btree_not_null")
    is_newsletter = fields.Boolean(string="Newsletter", readonly=True)
    email_ids = fields.One2many("inbox.message", "conversation_id", string="E-mails")
    link_ids = fields.One2many("inbox.link", "conversation_id", string="Linked records")
    suspected_thread_id = fields.Many2one(
        "inbox.conversation",
        string="May belong to",
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
    outgoing_ids = fields.One2many("inbox.outgoing", "conversation_id")
    median_response_hours = fields.Float(
        related="response_hours",
        string="Median response time (h)",
        aggregator="median",
        help="Half of the answered conversations were answered sooner.",
    )
    resolved_share = fields.Float(
        string="Resolved (%)", compute="_compute_resolved_share", aggregator="avg", help="Resolved or archived ones."
    )

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
        return Domain.OR(self.env["inbox.search"]._domain(text) for text in texts)

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

    @api.depends("state")
    def _compute_resolved_share(self):
        for conversation in self:
            conversation.resolved_share = 100 if conversation.state in CLOSED_STATES else 0

    @api.model
    def _read_group_category_ids(self, categories, domain):
        return categories | categories.search([("company_id", "in", self.env.companies.ids)])

    @api.depends("subject")
    @api.depends_context("uid", "lang")
    def _compute_display_name(self):
        for conversation in self:
            conversation.display_name = conversation.subject or self.env._("(no subject)")
        self._hide_unreadable_names()

    def _read_group_select(self, aggregate_spec, query):
        if aggregate_spec == "median_response_hours:median":
            hours = self._field_to_sql(self._table, "response_hours", query)
            return SQL("percentile_cont(0.5) WITHIN GROUP (ORDER BY %s)", hours)
        if aggregate_spec == "resolved_share:avg":
            state = self._field_to_sql(self._table, "state", query)
            return SQL("100 * avg((%s IN %s)::int)", state, CLOSED_STATES)
        if aggregate_spec == "resolution_hours:avg":  # a reopened conversation counts again once it is closed again
            hours = super()._read_group_select(aggregate_spec, query)
            return SQL(
                "%s FILTER (WHERE %s IS NOT NULL)", hours, self._field_to_sql(self._table, "resolved_date", query)
            )
        return super()._read_group_select(aggregate_spec, query)

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
            self._stamp_resolution(vals["state"])
            self._push_state(vals["state"])
        result = super().write(vals)
        if "category_id" in vals and "classified_by" not in vals:
            super(InboxConversation, self.sudo()).write({"classified_by": "person", "rule_id": False})
        return result

    def _set_state(self, state, *, is_synchronised=False, is_timed=True):
        """Change the state: every change of the program goes through here, those of users through `write`.

        is_synchronised: the mailbox shows it already. is_timed: False for what never waited for an answer.
        """
        if is_timed:
            self._stamp_resolution(state)
        if not is_synchronised:
            self._push_state(state)
        return super().write({"state": state})

    def _push_state(self, state):
        """Where the mailbox is two-way, what is archived or spam here moves there, too, and stays when taken back."""
        folder = {"archived": "archive", "spam": "junk"}.get(state)
        changed = self.sudo().filtered(lambda c: c.state != state and c.integration_id.is_two_way)
        received = changed.email_ids.filtered(lambda m: m.direction == "in")
        if folder:
            received._push_move(folder)
        else:
            received.filtered("push_move")._push_move("inbox")

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
        self.filtered(lambda c: c.state == "new")._set_state("in_progress")

    def action_resolve(self):
        self._set_state("resolved")

    def action_reopen(self):
        self.write({"snoozed_until": False})
        self._set_state("in_progress")

    def action_archive_conversation(self):
        self._set_state("archived")

    def action_spam(self):
        self._set_state("spam")

    def action_toggle_urgent(self):
        for conversation in self:
            conversation.is_urgent = not conversation.is_urgent

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

    def action_join_suspected(self):
        """A person vouches: the conversation is merged into the one that it may belong to."""
        self.ensure_one()
        self.check_access("write")
        target = self.suspected_thread_id
        if not target:
            raise UserError(self.env._("No other conversation is suspected for this one."))
        target.check_access("write")
        target.sudo()._merge(self.sudo())
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

    # === UPKEEP === #

    @api.model
    def _cron_wake(self):
        """Bring snoozed conversations back, unread."""
        domain = Domain("snoozed_until", "<=", "now")
        due = self.sudo().search(domain, limit=500).try_lock_for_update()
        due.write({"snoozed_until": False, "unread": True})
        due._announce_change()
        self.env["ir.cron"]._commit_progress(len(due), remaining=self.sudo().search_count(domain))

    def _refresh_from_emails(self):
        """Bring what the lists show in line with the stored mails, in one statement."""
        if not self:
            return
        self.env.flush_all()
        self.env.cr.execute(_REFRESH, {"ids": tuple(self.ids)})
        emptied = set(self.ids) - {row[0] for row in self.env.cr.fetchall()}
        if emptied:
            self.env.cr.execute(
                "UPDATE inbox_conversation SET message_count = 0, unread = FALSE WHERE id IN %s", [tuple(emptied)]
            )
        self.invalidate_recordset()

    def _merge(self, others):
        """Take over the mails, notes, links and activities of other conversations.

        The merged ones stay, archived, and name their target: Message-IDs minted for them lead here.
        """
        self.ensure_one()
        others -= self
        if not others:
            return
        self.env.flush_all()
        for statement in _TAKE_OVER:
            self.env.cr.execute(statement, {"target": self.id, "ids": tuple(others.ids)})
        self._take_over_links(others)
        first = others.sorted("id")
        values = {
            "tag_ids": [fields.Command.link(tag.id) for tag in first.tag_ids],
            "is_urgent": self.is_urgent or any(first.mapped("is_urgent")),
            "user_id": (self.user_id or first.user_id[:1]).id,
            "partner_id": (self.partner_id or first.partner_id[:1]).id,
        }
        self.env.invalidate_all()
        quiet = {"tracking_disable": True, "mail_auto_subscribe_no_notify": True}
        self.with_context(**quiet).write(values)
        others.with_context(**quiet).write({"active": False, "merged_into_id": self.id, "suspected_thread_id": False})
        self._refresh_from_emails()

    def _take_over_links(self, others):
        known = {(link.res_model, link.res_id) for link in self.link_ids}
        for link in others.link_ids:
            if (link.res_model, link.res_id) not in known:
                self.env.cr.execute("UPDATE inbox_link SET conversation_id = %s WHERE id = %s", [self.id, link.id])
                known.add((link.res_model, link.res_id))

    def _merge_targets(self):
        """Follow the targets of merged conversations to the living ones."""
        living = self.browse()
        for conversation in self.exists():
            seen = set()
            while conversation.merged_into_id and conversation.id not in seen:
                seen.add(conversation.id)
                conversation = conversation.merged_into_id
            living |= conversation
        return living

    # === IDENTIFIERS === #

    def _message_id_key__(self):
        """Return the key of the MAC in our Message-IDs; derived, so that it is no second use of the secret."""
        secret = self.env["ir.config_parameter"].sudo().get_param("database.secret")
        return f"lokario_inbox message id {secret}".encode()

    def _mint_message_id(self, domain):
        """Return a fresh Message-ID that lets the answers find this conversation."""
        self.ensure_one()
        return mint_message_id(self._message_id_key__(), self.id, domain)

    def _named_by(self, message_ids):
        """Return message id -> conversation id for the Message-IDs that are provably ours."""
        key = self._message_id_key__()
        named = {ref: verify_message_id(key, ref) for ref in message_ids}
        return {ref: conversation_id for ref, conversation_id in named.items() if conversation_id}

    # === LIVE === #

    def _announce_change(self, new_mail=False):
        for integration, conversations in self.grouped("integration_id").items():
            integration._announce(conversations, new_mail)

    # === WHAT THE PANES SHOW === #

    @api.model
    @api.readonly
    def inbox_sidebar(self):
        """Return views, folders, tags, mailboxes and people of the left pane, with their counters."""
        return self.env["inbox.reader"]._sidebar()

    @api.model
    @api.readonly
    def inbox_list(self, view="inbox", search="", offset=0, limit=PAGE, **filters):
        """Return a page of conversations for the middle pane, newest first.

        :param filters: category_id, tag_id, integration_id
        """
        return self.env["inbox.reader"]._page(view, search, int(offset), max(1, min(int(limit), MAX_PAGE)), filters)

    def inbox_open(self):
        """Return a conversation for the reader: its mails (the last ones with body), notes, links."""
        self.ensure_one()
        self.check_access("read")
        return self.env["inbox.reader"]._opened(self)

    def _first_received(self):
        return self.env["inbox.message"].search(
            [("conversation_id", "=", self.id), ("direction", "=", "in")], order="date, id", limit=1
        )

    # === CHANGES FROM THE READER === #

    def inbox_update(self, values, add_tag=False, remove_tag=False):
        """Change many conversations together; what the middle pane's bulk actions call."""
        if set(values) - _WRITABLE:
            raise UserError(self.env._("These fields are not changed from the list."))
        if values:
            self.write(values)
        if add_tag:
            self.write({"tag_ids": [fields.Command.link(int(add_tag))]})
        if remove_tag:
            self.write({"tag_ids": [fields.Command.unlink(int(remove_tag))]})
        self._announce_change()
        return self.env["inbox.reader"]._rows(self)

    def inbox_snooze(self, until):
        """Hide the conversations until ``until`` (UTC, "YYYY-MM-DD HH:MM:SS"); False brings them back."""
        moment = fields.Datetime.to_datetime(until) if until else False
        if moment and not fields.Datetime.now() < moment < fields.Datetime.now() + timedelta(days=3660):
            raise UserError(self.env._("Choose a moment in the future."))
        return self.inbox_update({"snoozed_until": moment})

    def inbox_note(self, body):
        """Add an internal note: never mailed to the customer."""
        self.ensure_one()
        if not (body or "").strip():
            raise UserError(self.env._("Write the note first."))
        self.message_post(body=plaintext2html(body), message_type="comment", subtype_xmlid="mail.mt_note")
        self._announce_change()
        return self.env["inbox.reader"]._notes(self)

    def inbox_create_customer(self):
        """Create the contact of an unknown author and link it to the conversation."""
        self.ensure_one()
        self.check_access("write")
        first = self._first_received()
        if not first.from_address:
            raise UserError(self.env._("No mail of this conversation has an author's address."))
        known = (
            self.env["inbox.customer"]
            ._partners_by_address(self.company_id, {first.from_address})
            .get(first.from_address)
        )
        partner = self.env["res.partner"].browse(known) or self.env["res.partner"].create(
            {"name": first._author_name(), "email": first.from_address, "company_id": self.company_id.id}
        )
        self.partner_id = partner
        first.sudo().partner_id = partner
        return self.env["inbox.customer"]._values(self)

    # === ANSWERING === #

    def action_compose(self, kind="reply", message_id=None):
        """Return the id of the user's draft of this kind, made when he has none; ``message_id``: what it answers."""
        self.ensure_one()
        self.check_access("read")
        parent = self.env["inbox.message"].browse(message_id or ()) or self._last_message(kind)
        parent.check_access("read")
        outgoing = self.env["inbox.outgoing"]
        mine = [("conversation_id", "=", self.id), ("author_id", "=", self.env.uid), ("state", "=", "draft")]
        draft = outgoing.search([*mine, ("kind", "=", kind), ("parent_id", "=", parent.id)], limit=1)
        if not draft:
            answer = self.env["inbox.composition"]._prepare_answer
            values = answer(parent, kind) if parent else {"integration_id": self.integration_id.id}
            draft = outgoing.create({**values, "conversation_id": self.id, "kind": kind if parent else "new"})
            if kind == "forward":
                draft._attach_originals()
        draft.action_ping()
        return draft.id

    def _last_message(self, kind):
        """The mail to answer: the last one that came in, else the last one."""
        mails = self.env["inbox.message"].search(
            [("conversation_id", "=", self.id), ("deleted_at", "=", False)], order="date desc, id desc"
        )
        return mails.filtered(lambda mail: mail.direction == "in")[:1] or mails[:1]

    def get_collisions(self, outgoing_id=None):
        """Say who else is answering, and whether a colleague answered since the draft was begun.

        :return: ``{"writing": [names], "answered_by": [names]}``
        """
        self.ensure_one()
        self.check_access("read")
        others = self.sudo().outgoing_ids.filtered(lambda item: item.author_id != self.env.user)
        recent = fields.Datetime.now() - WRITING
        writing = others.filtered(
            lambda item: item.state == "draft" and item.edit_ping_at and item.edit_ping_at >= recent
        )
        draft = self.env["inbox.outgoing"].browse(outgoing_id or ()).exists()
        answered = others.filtered(
            lambda item: (
                draft
                and item.state in ("scheduled", "sending", "verifying", "sent")
                and (item.written_at or item.create_date) >= draft.create_date
            )
        )
        return {"writing": writing.author_id.mapped("name"), "answered_by": answered.author_id.mapped("name")}

    def get_outgoing(self):
        """Return what the reader shows below the mails: what is written, waits, or needs a person; newest last."""
        self.ensure_one()
        self.check_access("read")
        mails = self.env["inbox.message"].search([("conversation_id", "=", self.id)])
        stored = set(mails.mapped("message_id_header")) - {False}  # mails of others may have none
        shown = self.outgoing_ids.sorted("id").filtered(
            lambda item: item.message_id_header not in stored and item._is_shown_in_reader()
        )
        return [
            {**row, "label": mail._shown_label(), **mail._shown_reason()}
            for row, mail in zip(shown.read(SHOWN), shown, strict=True)
        ]
