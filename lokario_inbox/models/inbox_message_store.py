import re

from odoo import fields, models
from odoo.tools import SQL

from ..tools.mime_text import encode_content

INLINE_MAX = 128 * 1024  # bytes of an attachment that is kept; a bigger one stays at the server
INLINE_TOTAL = 512 * 1024  # bytes of attachments kept of one mail
PUSHED_FLAGS = {"seen": "\\Seen", "answered": "\\Answered"}
_ADDRESS = re.compile(r"[^\s,;<>]+@[^\s,;<>]+")

COLUMNS = (
    "identity",
    "message_id_header",
    "in_reply_to",
    "references",
    "subject",
    "email_from",
    "from_address",
    "email_to",
    "email_cc",
    "reply_to",
    "date",
    "date_header",
    "body_text",
    "body_html",
    "preview",
    "has_attachments",
    "size",
    "direction",
    "is_seen",
    "is_answered",
    "is_flagged",
    "auto_submitted",
    "list_id",
    "precedence",
    "return_path",
    "headers",
)


class InboxMessage(models.Model):
    """What the synchronisation writes about messages: bulk SQL, no commit."""

    _inherit = "inbox.message"

    # Changes made here that wait to be told to the server (two-way mailboxes only).
    is_push_pending = fields.Boolean(readonly=True)
    push_add = fields.Char(readonly=True)
    push_remove = fields.Char(readonly=True)
    push_move = fields.Char(readonly=True)

    _push_idx = models.Index("(integration_id) WHERE is_push_pending IS TRUE")

    # === STORING === #

    def _store_batch(self, folder, event, mails):
        """Store [(RawItem, Mail)] of one folder once each; returns the new messages, oldest first."""
        integration = folder.integration_id
        known = self._known_ids(integration, [mail.identity for _item, mail in mails])
        if event.found_missing:
            known |= self._replace_damaged(folder, event, mails, known)
        own = integration._own_addresses()
        fresh = {}
        for item, mail in mails:
            if mail.identity not in known:
                fresh.setdefault(mail.identity, (item, mail))
        now = fields.Datetime.now()
        rows = sorted(fresh.values(), key=lambda pair: (pair[0].internaldate or now, pair[0].uid))
        created = self._insert(
            integration,
            [self._row(item, mail, "out" if self._is_sent(folder, mail, own) else "in") for item, mail in rows],
        )
        known |= created
        self._insert_attachments(integration, [(known[mail.identity], mail) for _item, mail in rows])
        self.env["inbox.placement"]._place(
            folder,
            event.uidvalidity,
            [
                (item.uid, known[mail.identity], item.flags, item.size if event.found_missing else None)
                for item, mail in mails
            ],
            replace=event.found_missing,
        )
        if event.found_missing:
            self.env["inbox.quarantine"]._settle(
                folder, event.uidvalidity, {item.uid: known[mail.identity] for item, mail in mails}
            )
        messages = self.browse(created.values())
        seen_again = self.browse({known[mail.identity] for _item, mail in mails} - set(messages.ids))
        seen_again._refresh_states()
        if messages:
            messages._after_store()
        return messages

    def _is_sent(self, folder, mail, own):
        return folder.special_use == "sent" or mail.from_address in own

    def _known_ids(self, integration, identities):
        self.env.cr.execute(
            "SELECT identity, id FROM inbox_message WHERE integration_id = %s AND identity = ANY(%s)",
            [integration.id, identities],
        )
        return dict(self.env.cr.fetchall())

    def _row(self, item, mail, direction):
        """Values in the order of COLUMNS."""
        flags = item.flags.split()
        return (
            mail.identity,
            mail.message_id or None,
            mail.in_reply_to or None,
            mail.references or None,
            mail.subject or None,
            mail.email_from or None,
            mail.from_address or None,
            mail.email_to or None,
            mail.email_cc or None,
            mail.reply_to or None,
            item.internaldate or mail.date_header or fields.Datetime.now(),
            mail.date_header,
            mail.body_text or None,
            mail.body_html or None,
            mail.preview or None,
            any(not part.is_inline for part in mail.attachments),
            mail.size,
            direction,
            "\\Seen" in flags,
            "\\Answered" in flags,
            "\\Flagged" in flags,
            mail.auto_submitted or None,
            mail.list_id or None,
            mail.precedence or None,
            mail.return_path or None,
            mail.headers or None,
        )

    def _insert(self, integration, rows):
        """INSERT message rows; returns {identity: id} of those that are really new, in order."""
        if not rows:
            return {}
        now = fields.Datetime.now()
        fixed = (
            integration.id,
            integration.company_id.id,
            integration.owner_id.id or None,
            now,
            now,
        )
        columns = SQL(", ").join(map(SQL.identifier, COLUMNS))
        query = SQL(
            "INSERT INTO inbox_message (integration_id, company_id, owner_id, create_date, write_date, %s)"
            " VALUES %%s ON CONFLICT (integration_id, identity) DO NOTHING RETURNING identity, id",
            columns,
        )
        found = self.env.cr.execute_values(
            query.code.replace("%%", "%"),
            [fixed + row for row in rows],
            page_size=len(rows),
            fetch=True,
        )
        return dict(found)

    def _insert_attachments(self, integration, pairs):
        rows = []
        for message_id, mail in pairs:
            kept = 0
            for sequence, part in enumerate(mail.attachments):
                size = len(part.content) if part.content is not None else 0
                keep = part.content is not None and size <= INLINE_MAX and kept + size <= INLINE_TOTAL
                kept += size if keep else 0
                rows.append(
                    (
                        integration.id,
                        message_id,
                        sequence,
                        part.name,
                        part.mimetype or None,
                        part.size,
                        part.content_id or None,
                        part.is_inline,
                        part.part or None,
                        encode_content(part.content) if keep else None,
                    )
                )
        if rows:
            self.env.cr.execute_values(
                """INSERT INTO inbox_attachment (integration_id, message_id, sequence, name, mimetype,
                       size, content_id, is_inline, part, content) VALUES %s""",
                rows,
                page_size=200,
            )

    def _replace_damaged(self, folder, event, mails, known):
        """An audit fetched mails again: a damaged row keeps its id, conversation and notes.

        Returns {identity: id} of the rows whose content was replaced.
        """
        self.env.cr.execute(
            """SELECT p.uid, p.message_id FROM inbox_placement p
                WHERE p.folder_id = %s AND p.uidvalidity = %s AND p.uid = ANY(%s)
                  AND NOT EXISTS (SELECT 1 FROM inbox_placement o
                                   WHERE o.message_id = p.message_id AND o.id != p.id)""",
            [folder.id, event.uidvalidity, [item.uid for item, _mail in mails]],
        )
        damaged = dict(self.env.cr.fetchall())
        replaced = {}
        for item, mail in mails:
            if item.uid in damaged and mail.identity not in known and mail.identity not in replaced:
                message = self.browse(damaged[item.uid])
                direction = message.direction
                values = dict(zip(COLUMNS, self._row(item, mail, direction), strict=True))
                message.write(values)
                message.attachment_ids.unlink()
                self.env.flush_all()
                self._insert_attachments(folder.integration_id, [(message.id, mail)])
                replaced[mail.identity] = message.id
        return replaced

    # === STATES === #

    def _refresh_states(self):
        """Read, answered, flagged and deleted as the living placements say; calls _after_change."""
        if not self:
            return
        self.flush_recordset()
        self.env.cr.execute(
            r"""UPDATE inbox_message m
                   SET is_seen = s.seen, is_answered = s.answered, is_flagged = s.flagged,
                       deleted_at = s.deleted_at
                  FROM (SELECT m.id,
                               COALESCE(bool_or(position('\Seen' in p.flags) > 0), m.is_seen, FALSE) AS seen,
                               COALESCE(bool_or(position('\Answered' in p.flags) > 0), m.is_answered, FALSE)
                                   AS answered,
                               COALESCE(bool_or(position('\Flagged' in p.flags) > 0), m.is_flagged, FALSE) AS flagged,
                               CASE WHEN count(p.id) = 0
                                    THEN COALESCE(m.deleted_at, (now() AT TIME ZONE 'UTC')::timestamp(0))
                               END AS deleted_at
                          FROM inbox_message m
                     LEFT JOIN inbox_placement p ON p.message_id = m.id AND p.expunged_at IS NULL
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

    def _push_seen(self, seen):
        """Remember to tell the server what was (un)read here, where the mailbox is two-way."""
        super()._push_seen(seen)
        self._queue_push("push_add" if seen else "push_remove", "\\Seen")

    def _push_answered(self):
        """Remember to mark these mails as answered at the server."""
        self._queue_push("push_add", "\\Answered")

    def _push_move(self, special_use):
        """Remember to move these mails into the folder of that use ("archive", "junk", "trash")."""
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
        """The server said OK: nothing waits any more, unless somebody changed it again meanwhile."""
        self.env.cr.execute(
            """UPDATE inbox_message
                  SET is_push_pending = FALSE, push_add = NULL, push_remove = NULL, push_move = NULL
                WHERE id = ANY(%s) AND COALESCE(push_add, '') = %s AND COALESCE(push_remove, '') = %s""",
            [list(push.message_ids), push.add, push.remove],
        )
        self.browse(push.message_ids).invalidate_recordset()
        return False
