from odoo import api, fields, models
from odoo.fields import Domain

from .inbox_customer import COUNT_LIMIT

OPEN_STATES = ("new", "in_progress")
PAGE, MAX_PAGE = 50, 200
COUNTED = ("inbox", "unread", "mine", "unassigned", "urgent", "snoozed")
_SIDEBAR = 200  # lines of one kind in the left pane
_OPENED = 3  # mails at the end of a conversation that come with their body
_LIST_FIELDS = (
    "subject",
    "state",
    "is_urgent",
    "unread",
    "message_count",
    "has_attachments",
    "preview",
    "last_author",
    "last_direction",
    "last_message_date",
    "snoozed_until",
    "is_newsletter",
    "user_id",
    "category_id",
    "tag_ids",
    "integration_id",
    "partner_id",
    "suspected_thread_id",
)


class InboxReader(models.AbstractModel):
    """What the three panes of the reader show: views and counters, pages of conversations, a conversation."""

    _name = "inbox.reader"
    _description = "Reader of the Inbox"

    # === THE LISTS === #

    @api.model
    def _sidebar(self):
        """Return views, folders, tags, mailboxes and people of the left pane, with their counters."""
        conversations, views = self.env["inbox.conversation"], self._view_domains()
        return {
            "views": {key: conversations.search_count(views[key], limit=COUNT_LIMIT) for key in COUNTED},
            "categories": self._categories(),
            "tags": self.env["inbox.tag"].search_read([], ["name", "color", "company_id"], limit=_SIDEBAR),
            "mailboxes": [
                mailbox._sidebar_values() for mailbox in self.env["inbox.integration"].search([], limit=_SIDEBAR)
            ],
            "users": self._users(),
            "has_project": "project.task" in self.env,
            "is_manager": self.env.user.has_group("lokario_inbox.group_lokario_inbox_manager"),
        }

    @api.model
    def _view_domains(self):
        """Return the views on the left: key -> domain. The inbox is what waits for an answer."""
        awake, received = Domain("is_snoozed", "=", False), Domain("first_inbound_date", "!=", False)
        waiting = Domain("state", "in", OPEN_STATES) & awake
        personal, clean = Domain("is_newsletter", "=", False), Domain("state", "!=", "spam")
        views = {
            "inbox": waiting & received & personal,
            "unread": Domain("unread", "=", True) & awake & clean,
            "mine": waiting & Domain("user_id", "=", self.env.uid),
            "unassigned": waiting & received & personal & Domain("user_id", "=", False),
            "urgent": Domain("state", "in", OPEN_STATES) & Domain("is_urgent", "=", True),
            "waiting": waiting & personal & Domain("last_direction", "=", "in"),
            "snoozed": Domain("is_snoozed", "=", True),
            "sent": Domain("last_direction", "=", "out"),
            "newsletters": Domain("is_newsletter", "=", True) & clean,
            "resolved": Domain("state", "=", "resolved"),
            "archived": Domain("state", "=", "archived"),
            "spam": Domain("state", "=", "spam"),
            "all": clean,
        }
        return {key: domain & Domain("message_count", ">", 0) for key, domain in views.items()}

    def _categories(self):
        grouped = self.env["inbox.conversation"]._read_group(
            Domain("unread", "=", True) & Domain("state", "in", OPEN_STATES) & Domain("category_id", "!=", False),
            ["category_id"],
            ["__count"],
        )
        counts = {category.id: count for category, count in grouped}
        categories = self.env["inbox.category"].search_read([], ["name", "icon", "color", "company_id"], limit=_SIDEBAR)
        return [{**category, "count": counts.get(category["id"], 0)} for category in categories]

    def _users(self):
        group = self.env.ref("lokario_inbox.group_lokario_inbox_user")
        users = self.env["res.users"].search(
            [("all_group_ids", "in", group.ids), ("share", "=", False), ("company_ids", "in", self.env.companies.ids)]
        )
        return [{"id": user.id, "name": user.name} for user in users]

    @api.model
    def _page(self, view, search, offset, limit, filters):
        """Return a page of conversations for the middle pane; see `inbox.conversation.inbox_list`."""
        views = self._view_domains()
        domain = views.get(view, views["all"])
        for name, field in (
            ("category_id", "category_id"),
            ("tag_id", "tag_ids"),
            ("integration_id", "integration_id"),
        ):
            if filters.get(name):
                domain &= Domain(field, "in", [int(filters[name])])
        if (search or "").strip():
            domain &= Domain("search_text", "ilike", search)
        records = self.env["inbox.conversation"].search_fetch(domain, _LIST_FIELDS, offset=offset, limit=limit + 1)
        page = records[:limit]
        return {"records": self._rows(page), "has_more": len(records) > limit}

    @api.model
    def _rows(self, conversations):
        rows = conversations.read(_LIST_FIELDS, load=None)
        users = {u.id: u.name for u in conversations.sudo().user_id}
        categories = {c.id: c.name for c in conversations.category_id}
        mailboxes = {m.id: m.name for m in conversations.integration_id}
        for row in rows:
            row["user_name"] = users.get(row["user_id"], "")
            row["category_name"] = categories.get(row["category_id"], "")
            row["mailbox_name"] = mailboxes.get(row["integration_id"], "")
            for name in ("last_message_date", "snoozed_until"):
                row[name] = fields.Datetime.to_string(row[name]) if row[name] else False
        return rows

    # === THE READER === #

    def _opened(self, conversation):
        """Return a conversation with its mails, notes, links; see `inbox.conversation.inbox_open`."""
        messages = self.env["inbox.message"].search(
            [("conversation_id", "=", conversation.id), ("deleted_at", "=", False)], order="date, id"
        )
        unread = messages.filtered(lambda m: m.direction == "in" and not m.is_seen)
        opened = messages[-_OPENED:] | unread[:PAGE]
        return {
            **self._rows(conversation)[0],
            "messages": [message._reader_values(with_body=message in opened) for message in messages],
            "notes": self._notes(conversation),
            "links": conversation.link_ids.read(["record_name", "model_name", "res_model", "res_id"]),
            "activities": self._activities(conversation),
            "suspected": self._suspicion(conversation),
            "customer": self.env["inbox.customer"]._values(conversation),
            "filed_by": self._reason(conversation),
        }

    def _notes(self, conversation):
        notes = self.env["mail.message"].search(
            [("model", "=", conversation._name), ("res_id", "=", conversation.id), ("message_type", "=", "comment")],
            order="date, id",
        )
        return [
            {
                "id": note.id,
                "author": note.author_id.name or "",
                "author_id": note.author_id.id,
                "date": fields.Datetime.to_string(note.date),
                "body": note.body or "",
            }
            for note in notes
        ]

    def _activities(self, conversation):
        return [
            {
                "id": activity.id,
                "summary": activity.summary or activity.activity_type_id.name,
                "date_deadline": fields.Date.to_string(activity.date_deadline),
                "user": activity.user_id.name,
                "state": activity.state,
            }
            for activity in conversation.activity_ids
        ]

    def _suspicion(self, conversation):
        readable = conversation.suspected_thread_id and conversation.suspected_thread_id._filtered_access("read")
        return {"id": readable.id, "subject": readable.display_name} if readable else False

    def _reason(self, conversation):
        if conversation.rule_id:
            return conversation.rule_id.sudo().name
        return dict(conversation._fields["classified_by"]._description_selection(self.env)).get(
            conversation.classified_by, ""
        )
