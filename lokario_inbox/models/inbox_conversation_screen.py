from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import plaintext2html

from .inbox_conversation import OPEN_STATES

COUNTED = ("inbox", "unread", "mine", "unassigned", "urgent", "snoozed")
COUNT_LIMIT = 1000  # a badge says "999+": nobody needs to wait for more
_PAGE = 50
_SIDEBAR = 200  # lines of one kind in the left pane
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
    "claims_id",
)
_OPENED = 3  # mails at the end of a conversation that come with their body
_WRITABLE = {"state", "user_id", "category_id", "is_urgent", "snoozed_until", "partner_id"}


class InboxConversation(models.Model):
    """What the three-pane reader asks: few calls, flat answers, always with the rights of the user."""

    _inherit = "inbox.conversation"

    @api.model
    @api.readonly
    def inbox_sidebar(self):
        """Return views, folders, tags, mailboxes and people of the left pane, with their counters."""
        views = self._view_domains()
        return {
            "views": {key: self.search_count(views[key], limit=COUNT_LIMIT) for key in COUNTED},
            "categories": self._sidebar_categories(),
            "tags": self.env["inbox.tag"].search_read([], ["name", "color", "company_id"], limit=_SIDEBAR),
            "mailboxes": [
                mailbox._sidebar_values() for mailbox in self.env["inbox.integration"].search([], limit=_SIDEBAR)
            ],
            "users": self._assignable_users(),
            "has_project": "project.task" in self.env,
            "is_manager": self.env.user.has_group("lokario_inbox.group_lokario_inbox_manager"),
        }

    @api.model
    def _view_domains(self):
        """Return the views on the left: key -> domain. The inbox is what waits for somebody."""
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

    def _sidebar_categories(self):
        grouped = self._read_group(
            Domain("unread", "=", True) & Domain("state", "in", OPEN_STATES) & Domain("category_id", "!=", False),
            ["category_id"],
            ["__count"],
        )
        counts = {category.id: count for category, count in grouped}
        categories = self.env["inbox.category"].search_read([], ["name", "icon", "color", "company_id"], limit=_SIDEBAR)
        return [{**category, "count": counts.get(category["id"], 0)} for category in categories]

    def _assignable_users(self):
        group = self.env.ref("lokario_inbox.group_lokario_inbox_user")
        users = self.env["res.users"].search(
            [("all_group_ids", "in", group.ids), ("share", "=", False), ("company_ids", "in", self.env.companies.ids)]
        )
        return [{"id": user.id, "name": user.name} for user in users]

    @api.model
    @api.readonly
    def inbox_list(self, view="inbox", search="", offset=0, limit=_PAGE, **filters):
        """Return a page of conversations for the middle pane, newest first.

        :param filters: category_id, tag_id, integration_id
        """
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
        limit = max(1, min(int(limit), 200))
        records = self.search_fetch(domain, _LIST_FIELDS, offset=int(offset), limit=limit + 1)
        page = records[:limit]
        return {"records": page._list_values(), "has_more": len(records) > limit}

    def _list_values(self):
        rows = self.read(_LIST_FIELDS, load=None)
        users = {u.id: u.name for u in self.sudo().user_id}
        categories = {c.id: c.name for c in self.category_id}
        mailboxes = {m.id: m.name for m in self.integration_id}
        for row in rows:
            row["user_name"] = users.get(row["user_id"], "")
            row["category_name"] = categories.get(row["category_id"], "")
            row["mailbox_name"] = mailboxes.get(row["integration_id"], "")
            for name in ("last_message_date", "snoozed_until"):
                row[name] = fields.Datetime.to_string(row[name]) if row[name] else False
        return rows

    # === READER === #

    def inbox_open(self):
        """Return a conversation for the reader: its mails (the last ones with body), notes, links."""
        self.ensure_one()
        self.check_access("read")
        messages = self.env["inbox.message"].search(
            [("conversation_id", "=", self.id), ("deleted_at", "=", False)], order="date, id"
        )
        unread = messages.filtered(lambda m: m.direction == "in" and not m.is_seen)
        opened = messages[-_OPENED:] | unread[:_PAGE]
        return {
            **self._list_values()[0],
            "messages": [message._reader_values(with_body=message in opened) for message in messages],
            "notes": self._reader_notes(),
            "links": self.link_ids.read(["record_name", "model_name", "res_model", "res_id"]),
            "activities": self._reader_activities(),
            "claims": self._reader_claim(),
            "customer": self._customer_values(),
            "filed_by": self._reader_reason(),
        }

    def _reader_notes(self):
        notes = self.env["mail.message"].search(
            [("model", "=", self._name), ("res_id", "=", self.id), ("message_type", "=", "comment")], order="date, id"
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

    def _reader_activities(self):
        return [
            {
                "id": activity.id,
                "summary": activity.summary or activity.activity_type_id.name,
                "date_deadline": fields.Date.to_string(activity.date_deadline),
                "user": activity.user_id.name,
                "state": activity.state,
            }
            for activity in self.activity_ids
        ]

    def _reader_claim(self):
        readable = self.claims_id and self.claims_id._filtered_access("read")
        return {"id": readable.id, "subject": readable.display_name} if readable else False

    def _reader_reason(self):
        if self.rule_id:
            return self.rule_id.sudo().name
        return dict(self._fields["classified_by"]._description_selection(self.env)).get(self.classified_by, "")

    # === CHANGES === #

    def inbox_update(self, values, add_tag=False, remove_tag=False):
        """Change many conversations at once; what the middle pane's bulk actions call."""
        if set(values) - _WRITABLE:
            raise UserError(self.env._("These fields are not changed from the list."))
        if values:
            self.write(values)
        if add_tag:
            self.write({"tag_ids": [fields.Command.link(int(add_tag))]})
        if remove_tag:
            self.write({"tag_ids": [fields.Command.unlink(int(remove_tag))]})
        self._announce_change()
        return self._list_values()

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
        return self._reader_notes()
