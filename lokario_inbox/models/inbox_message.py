"""One stored mail: what it says, how it stands in its mailbox, and what the reader shows of it."""

import base64
import sys
from datetime import timedelta

import pytz
from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, email_normalize, plaintext2html

from ..const import EXPUNGED_DAYS
from ..tools.invitation import ANSWERS, answer_invitation, read_invitation
from ..tools.mail_addresses import pairs
from ..tools.message_ids import parse_ids
from ..tools.mime_html import beginning, without_own_links
from ..tools.protection import protection
from ..tools.quoted_html import fold_html
from ..tools.quoted_text import fold_text
from ..tools.rule_match import RuleMail
from .inbox_reader import OPEN_STATES

CALENDAR = ("text/calendar", "application/ics")
SHOWN = 300_000  # characters of a long mail that are shown at first
PURGED = 1000  # mails whose content is erased at a time
RECENT = timedelta(days=1)  # older mail belongs to a first synchronisation: users are not notified of it


class InboxMessage(models.Model):
    """One mail of one mailbox, stored once whatever the number of folders it is in.

    Rows are written in bulk by the synchronisation: no stored computed field here, and few indexes,
    because each costs time with every mail that arrives.
    """

    _name = "inbox.message"
    _inherit = ["lokario.access.mixin"]
    _description = "Synchronised e-mail"
    _order = "date desc, id desc"
    _rec_name = "subject"

    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    integration_id = fields.Many2one(
        "inbox.integration",
        required=True,
        ondelete="cascade",  # indexed by _identity_uniq
    )
    owner_id = fields.Many2one("res.users", string="Private to", index="btree_not_null")
    conversation_id = fields.Many2one("inbox.conversation", ondelete="set null")
    partner_id = fields.Many2one("res.partner", index="btree_not_null", ondelete="set null")
    identity = fields.Char(required=True, help="SHA-256 of the mail as the server holds it: its identity for ever.")
    server_ref = fields.Char(
        string="Identity at the server",
        help="The server's own name of the content: X-GM-MSGID of Gmail, EMAILID (RFC 8474).",
    )
    message_id_header = fields.Char(string="Message-ID")
    in_reply_to = fields.Char(string="In-Reply-To")
    references = fields.Text(help="Message-IDs of the ancestors, oldest first, one space between.")
    subject = fields.Char()
    email_from = fields.Char(string="From")
    from_address = fields.Char(help="Bare address of the author, lower case.", index=True)
    email_to = fields.Text(string="To")
    email_cc = fields.Text(string="Cc")
    reply_to = fields.Char(string="Reply-To")
    date = fields.Datetime(index=True, help="Date of arrival at the server (INTERNALDATE).")
    date_header = fields.Datetime(string="Date header")
    body_text = fields.Text()
    body_html = fields.Html(sanitize=False)  # sanitised by tools.mime_html before it is stored
    preview = fields.Char()
    has_attachments = fields.Boolean()
    size = fields.Integer(help="Bytes of the mail at the server.")
    direction = fields.Selection([("in", "Received"), ("out", "Sent")], required=True, default="in")
    is_seen = fields.Boolean(string="Read")
    is_answered = fields.Boolean(string="Answered")
    is_flagged = fields.Boolean(string="Flagged")
    deleted_at = fields.Datetime(index="btree_not_null", help="No folder of the mailbox holds the mail any more.")
    # What loop protection needs (RFC 3834, RFC 2919).
    auto_submitted = fields.Char(string="Auto-Submitted")
    list_id = fields.Char(string="List-Id")
    precedence = fields.Char()
    return_path = fields.Char(string="Return-Path", help="“<>” for a bounce.")
    headers = fields.Text(help="The header block as received, at most 64 KB.")
    location_ids = fields.One2many("inbox.message.location", "message_id")
    attachment_ids = fields.One2many("inbox.attachment", "message_id", string="Attachments")

    # Threading
    message_ref = fields.Char(help="Message-ID, case folded: what References are compared with.")
    thread_key = fields.Char(help="Subject without prefixes, case and accents.")
    is_own = fields.Boolean(help="Verified as ours: in Sent or Drafts, or our MAC in its Message-ID.")
    authentication = fields.Selection([("pass", "Verified"), ("none", "Unknown"), ("fail", "Forged")])
    # What a machine wrote
    is_newsletter = fields.Boolean()
    is_automatic = fields.Boolean(help="Written by a machine: robot, list, bounce.")
    automatic_kind = fields.Selection(
        [
            ("failure", "Delivery failure"),
            ("delayed", "Delayed delivery"),
            ("delivered", "Delivery confirmation"),
            ("receipt", "Read receipt"),
            ("vacation", "Automatic answer"),
            ("list", "List or newsletter"),
            ("notification", "Notification"),
        ],
        readonly=True,
        help="What a machine wrote; empty when a person may have written it.",
    )
    report_address = fields.Char(readonly=True, help="The recipient that a delivery report is about.")
    report_reason = fields.Char(readonly=True, help="What the delivery report says: status and the server's words.")
    returned_ref = fields.Char(
        readonly=True, index="btree_not_null", help="Message-ID, case folded, of the mail a delivery report is about."
    )
    # Changes made here that wait to be sent to the server (two-way mailboxes only).
    is_push_pending = fields.Boolean(readonly=True)
    push_add = fields.Char(readonly=True)
    push_remove = fields.Char(readonly=True)
    push_move = fields.Char(readonly=True)
    purged_at = fields.Datetime(readonly=True, index="btree_not_null", help="Its content was erased by the policy.")

    _identity_uniq = models.Constraint("UNIQUE(integration_id, identity)", "This mail is already stored.")
    _server_ref_idx = models.Index("(integration_id, server_ref) WHERE server_ref IS NOT NULL")
    _conversation_date_idx = models.Index("(conversation_id, date)")
    _ref_idx = models.Index("(integration_id, message_ref)")
    _thread_key_idx = models.Index("(integration_id, thread_key, date DESC)")
    _push_idx = models.Index("(integration_id) WHERE is_push_pending IS TRUE")

    def init(self):
        """Columns that are no fields, and how the bodies are stored."""
        super().init()
        self._choose_compression()
        for statement in (
            "ALTER TABLE inbox_message ADD COLUMN IF NOT EXISTS reference_ids text[]",
            "ALTER TABLE inbox_message ADD COLUMN IF NOT EXISTS search_vector tsvector",
            "CREATE INDEX IF NOT EXISTS inbox_message_reference_ids_idx ON inbox_message USING gin (reference_ids)",
            "CREATE INDEX IF NOT EXISTS inbox_message_search_idx ON inbox_message USING gin (search_vector)",
            "CREATE INDEX IF NOT EXISTS inbox_message_unindexed_idx ON inbox_message (id) WHERE search_vector IS NULL",
        ):
            self.env.cr.execute(statement)

    def _choose_compression(self):
        """Bodies are compressed by lz4 where it is offered, else not at all.

        PostgreSQL's own compression takes as long as all the rest of storing a mail.
        """
        self.env.cr.execute(
            "SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"
        )
        setting = SQL("SET COMPRESSION lz4" if self.env.cr.rowcount else "SET STORAGE EXTERNAL")
        for column in ("body_text", "body_html"):
            self.env.cr.execute(SQL("ALTER TABLE inbox_message ALTER COLUMN %s %s", SQL.identifier(column), setting))

    @api.depends_context("uid")
    def _compute_display_name(self):
        super()._compute_display_name()
        self._hide_unreadable_names()

    # === AFTER STORING === #

    def _after_store(self):
        """What follows once a batch is stored, in its transaction and in this order.

        ``self``: the new messages, sudoed, oldest first, of ONE mailbox; they have their conversation and customer.
        """
        for step in (
            self._refresh_conversations,
            self._index,
            self._file,
            self._cancel_overtaken_answers,
            self._note_bounces,
            self._announce_arrival,
            self._call_addons,
        ):
            step()

    def _refresh_conversations(self):
        self.conversation_id.sudo()._refresh_from_emails()

    def _index(self):
        self.env["inbox.search"]._index_soon(self)

    def _file(self):
        self.env["inbox.filing"]._follow_new_mail(self)
        self.env["inbox.filing"]._apply_rules(self)

    def _cancel_overtaken_answers(self):
        """What waits for its moment in a conversation is cancelled as soon as the customer writes in it."""
        conversations = self.filtered(lambda mail: mail.direction == "in").conversation_id
        self.env["inbox.outgoing"].sudo()._cancel_answered(conversations)

    def _note_bounces(self):
        """A mail of ours came back: its sender hears of it, also when the server had said 250."""
        outbox = self.env["mailbox.outgoing"].sudo()
        for report in self.filtered(lambda mail: mail.automatic_kind == "failure"):
            named = parse_ids(report.returned_ref, report.in_reply_to, report.references)
            mails = outbox._find_returned(report.integration_id, named, report.report_address)
            mails._note_return(report.report_address, report.report_reason or report.preview or report.subject or "")

    def _announce_arrival(self):
        since = fields.Datetime.now() - RECENT
        recent = self.filtered(lambda message: message.date and message.date > since)
        recent.conversation_id.sudo()._announce_change(new_mail=True)

    def _call_addons(self):
        self.env["inbox.hooks"]._mails_stored(self)

    def _after_change(self):
        """What follows once the synchronisation changed the read, answered or deleted state of stored messages."""
        self._refresh_conversations()
        self.conversation_id.sudo()._announce_change()

    # === STATES === #

    def _refresh_states(self):
        """Read, answered, flagged and deleted as the present locations say; calls _after_change.

        A one-way mailbox never hears what was read here: there, an unread mail changes nothing.
        """
        if not self:
            return
        self.flush_recordset()
        self.env.cr.execute(
            r"""UPDATE inbox_message m
                   SET is_seen = s.seen, is_answered = s.answered, is_flagged = s.flagged,
                       deleted_at = s.deleted_at
                  FROM (SELECT m.id,
                               COALESCE(bool_or(position('\Seen' in p.flags) > 0
                                                OR m.is_seen AND i.is_two_way IS NOT TRUE),
                                        m.is_seen, FALSE) AS seen,
                               COALESCE(bool_or(position('\Answered' in p.flags) > 0
                                                OR m.is_answered AND i.is_two_way IS NOT TRUE),
                                        m.is_answered, FALSE) AS answered,
                               COALESCE(bool_or(position('\Flagged' in p.flags) > 0), m.is_flagged, FALSE) AS flagged,
                               CASE WHEN count(p.id) = 0
                                    THEN COALESCE(m.deleted_at, (now() AT TIME ZONE 'UTC')::timestamp(0))
                               END AS deleted_at
                          FROM inbox_message m
                          JOIN inbox_integrations i ON i.id = m.integration_id
                     LEFT JOIN inbox_message_location p ON p.message_id = m.id AND p.expunged_at IS NULL
                         WHERE m.id = ANY(%s) GROUP BY m.id) s
                 WHERE m.id = s.id AND m.is_push_pending IS NOT TRUE
                   AND (m.is_seen, m.is_answered, m.is_flagged, m.deleted_at)
                       IS DISTINCT FROM (s.seen, s.answered, s.flagged, s.deleted_at)
             RETURNING m.id""",
            [self.ids],
        )
        changed = self.browse([row[0] for row in self.env.cr.fetchall()])
        changed.invalidate_recordset()
        if changed:
            changed._after_change()

    # === TWO WAYS === #

    def _follow_moves(self):
        """The locations of these mails changed: their states follow and, in a two-way mailbox, their conversations."""
        self._refresh_states()
        moved_there = self._two_way().filtered(lambda message: not message.push_move)
        self.env["inbox.filing"]._file_by_server(moved_there, OPEN_STATES)

    def _push_seen(self, seen):
        """Remember to send the server what was (un)read here, where the mailbox is two-way."""
        self._queue_push("push_add" if seen else "push_remove", "\\Seen")

    def _push_answered(self):
        """Mark these mails as answered, here and, where the mailbox is two-way, at the server."""
        self.write({"is_answered": True})
        self._queue_push("push_add", "\\Answered")

    def _push_move(self, special_use):
        """Remember to move these mails into the folder of that use ("archive", "junk", "inbox")."""
        self._two_way().write({"push_move": special_use, "is_push_pending": True})

    def _two_way(self):
        return self.sudo().filtered("integration_id.is_two_way")

    def _queue_push(self, column, flag):
        opposite = {"push_add": "push_remove", "push_remove": "push_add"}[column]
        for message in self._two_way():
            flags = set((message[column] or "").split()) | {flag}
            other = set((message[opposite] or "").split()) - {flag}
            message.write(
                {
                    column: " ".join(sorted(flags)),
                    opposite: " ".join(sorted(other)) or False,
                    "is_push_pending": True,
                }
            )

    def _store_pushed(self, push):
        """The server said OK: nothing waits any more, unless a person changed it again meanwhile."""
        self.env.cr.execute(
            """UPDATE inbox_message
                  SET is_push_pending = FALSE, push_add = NULL, push_remove = NULL, push_move = NULL
                WHERE id = ANY(%s) AND COALESCE(push_add, '') = %s AND COALESCE(push_remove, '') = %s
                  AND COALESCE(push_move, '') = %s""",
            [list(push.message_ids), push.add, push.remove, push.move],
        )
        self.browse(push.message_ids).invalidate_recordset()
        return False

    # === RULES === #

    def _as_rule_mail(self):
        names = (
            self.env["inbox.attachment"].sudo().search([("message_id", "=", self.id)]).mapped("name")
            if self.has_attachments
            else []
        )
        return RuleMail(
            sender=self.email_from or "",
            recipient=f"{self.email_to or ''} {self.email_cc or ''}",
            subject=self.subject or "",
            content=self.body_text or "",
            headers=self.headers or "",
            attachment="\n".join(names),
        )

    # === THE READER === #

    def _author_name(self):
        people = pairs(self.email_from)
        return (people[0][0] if people else self.email_from) or self.from_address or ""

    def _reader_values(self, *, with_body):
        values = {
            "id": self.id,
            "subject": self.subject or "",
            "author": self._author_name(),
            "from_address": self.from_address or "",
            "email_to": self.email_to or "",
            "email_cc": self.email_cc or "",
            "date": fields.Datetime.to_string(self.date) if self.date else False,
            "direction": self.direction,
            "is_seen": self.is_seen,
            "preview": self.preview or "",
            "forged": self.authentication == "fail",
            "attachments": [
                {"id": a.id, "name": a.name, "mimetype": a.mimetype or "", "size": a.size}
                for a in self.attachment_ids
                if not a.is_inline
            ],
            "inline": {a.content_id.strip("<>"): a.id for a in self.attachment_ids if a.content_id},
            "invitation": self._invitation_values(),
            "protection": protection(self.headers, self.attachment_ids.mapped("mimetype"), self.body_text),
            "body": False,
        }
        if with_body:
            values["body"] = self._reader_body()
        return values

    def _reader_body(self, size=SHOWN):
        """Return the body in its parts; signature and quotation are folded, never dropped.

        ``is_cut``: of a long one the first ``size`` characters are shown, until a person asks for all of it.
        """
        if self.body_html:
            kind, folded, cut = "html", fold_html(without_own_links(str(self.body_html))), beginning
        else:
            kind, folded, cut = "text", fold_text(self.body_text), lambda text, most: text[:most]
        parts = vars(folded)
        if all(len(part) <= size for part in parts.values()):
            return {"kind": kind, "is_cut": False, **parts}
        return {"kind": kind, "is_cut": True, **{name: cut(part, size) for name, part in parts.items()}}

    def inbox_bodies(self, whole=False):
        """Return the bodies of folded mails, on demand: {id: body}; ``whole``: however long they are."""
        self.check_access("read")
        return {message.id: message._reader_body(sys.maxsize if whole else SHOWN) for message in self}

    def _chatter_values(self, record):
        """Return the values of a ``mail.message`` that copies this mail into a record's chatter."""
        html = self.body_html and Markup(without_own_links(str(self.body_html)))  # noqa: S704 - sanitised
        body = html or plaintext2html(self.body_text or "")
        return {
            "model": record._name,
            "res_id": record.id,
            "message_type": "email",
            "subtype_id": self.env.ref("mail.mt_note").id,
            "subject": self.subject or "",
            "body": body,
            "email_from": self.email_from or "",
            "author_id": self.partner_id.id,
            "date": self.date,
            "message_id": self.message_id_header or False,
        }

    # === INVITATIONS === #

    def _invitation(self):
        """Return the Invitation that this mail carries, None without one."""
        return next(filter(None, map(read_invitation, self._calendars())), None)

    def _calendars(self):
        """Yield the iCalendar files of this mail."""
        for part in self.attachment_ids.filtered(lambda part: part.mimetype in CALENDAR and part.content):
            yield base64.b64decode(part.content)

    def _invitation_answer(self, answer, moment):
        """Return the iCalendar REPLY to the invitation of this mail, b"" when there is none."""
        invitation = next(filter(read_invitation, self._calendars()), b"") if answer else b""
        if not invitation:
            return b""
        own = self.integration_id.sudo()._sender_addresses()
        return answer_invitation(invitation, own, answer, moment) or b""

    def _invitation_values(self):
        """Return what the reader's card shows; moments are UTC strings, days are days."""
        found = self._invitation()
        if not found:
            return False
        start, end = self._invitation_moments(found)
        return {
            "method": found.method,
            "summary": found.summary,
            "start": start,
            "end": end,
            "is_all_day": found.is_all_day,
            "location": found.location,
            "organiser": found.organiser,
            "attendees": list(found.attendees),
            "can_add": "calendar.event" in self.env and found.method in ("request", "publish"),
            "can_answer": self._can_answer(found),
            "answer": self._invitation_answered(),
        }

    def _can_answer(self, found):
        own = self.integration_id.sudo()._sender_addresses()
        organiser = email_normalize(found.answer_to)
        return self.direction == "in" and bool(organiser) and organiser not in own

    def _invitation_answered(self):
        """Return what the organiser was last told, "" when nothing."""
        domain = [("parent_id", "in", self.ids), ("invitation_answer", "!=", False), ("state", "!=", "cancelled")]
        return self.env["inbox.outgoing"].search(domain, limit=1).invitation_answer or ""

    def action_answer_invitation(self, answer):
        """Tell the organiser whether this mailbox comes: a mail that can be taken back as every other."""
        self.ensure_one()
        self.check_access("read")
        found = answer in ANSWERS and self._invitation()
        if not found or not self._can_answer(found) or not self._invitation_answer(answer, fields.Datetime.now()):
            raise UserError(self.env._("This mail has no invitation that can be answered."))
        self.env["inbox.outgoing"].create(
            self.env["inbox.composition"]._prepare_invitation_answer(self, answer)
        ).action_send()

    def _invitation_moments(self, found):
        if found.is_all_day:
            return fields.Date.to_string(found.start), fields.Date.to_string(found.end)
        moments = (found.start, found.end)
        if found.is_floating:
            zone = pytz.timezone(self.env.user.tz or "UTC")
            moments = [zone.localize(moment).astimezone(pytz.utc).replace(tzinfo=None) for moment in moments]
        return tuple(map(fields.Datetime.to_string, moments))

    def action_add_to_calendar(self):
        """Return the form of a new event with the invitation's words: a person saves it."""
        self.ensure_one()
        self.check_access("read")
        values = self._invitation_values()
        if not values or not values["can_add"]:
            raise UserError(self.env._("This mail has no invitation that can be put into the calendar."))
        dates = (
            {"start_date": values["start"], "stop_date": values["end"]}
            if values["is_all_day"]
            else {"start": values["start"], "stop": values["end"]}
        )
        defaults = {
            "name": values["summary"] or self.subject,
            "allday": values["is_all_day"],
            "location": values["location"],
            "description": values["organiser"],
            **dates,
        }
        return {
            "type": "ir.actions.act_window",
            "res_model": "calendar.event",
            "views": [(False, "form")],
            "target": "new",
            "context": {f"default_{name}": value for name, value in defaults.items()},
        }

    # === RETENTION === #

    @api.autovacuum
    def _gc_contents(self):
        """Erase the contents that the policy of their mailbox no longer keeps."""
        done = 0
        for integration in self.env["inbox.integration"].sudo().search([("retention_days", ">", 0)]):
            before = fields.Datetime.now() - timedelta(days=integration.retention_days)
            old = self.sudo().search(
                [("integration_id", "=", integration.id), ("date", "<", before), ("purged_at", "=", False)],
                limit=PURGED,
                order="id",
            )
            old._erase_content()
            done += len(old)
        return done, done and done % PURGED == 0

    def _erase_content(self):
        if not self:
            return
        files = self.attachment_ids
        files.attachment_id.unlink()
        files.write({"content": False})
        self.env["inbox.quarantine"].sudo().search([("message_id", "in", self.ids)]).write({"raw": False})
        self.write(
            {
                "body_text": False,
                "body_html": False,
                "headers": False,
                "preview": False,
                "purged_at": fields.Datetime.now(),
            }
        )
        self.flush_recordset()
        self.env.cr.execute("UPDATE inbox_message SET search_vector = ''::tsvector WHERE id IN %s", [tuple(self.ids)])
        self.env["inbox.search"]._index(self)
        self.conversation_id._refresh_from_emails()

    @api.autovacuum
    def _gc_expunged(self):
        """Erase mail that the server no longer holds for a year."""
        before = fields.Datetime.now() - timedelta(days=EXPUNGED_DAYS)
        gone = self.sudo().search([("deleted_at", "<", before)], limit=PURGED, order="id")
        conversations = gone.conversation_id
        gone.attachment_ids.attachment_id.unlink()
        gone.unlink()
        conversations._refresh_from_emails()
        return len(gone), len(gone) == PURGED
