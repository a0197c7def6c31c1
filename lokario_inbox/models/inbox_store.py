from odoo import api, fields, models

from odoo.addons.lokario_base.tools.copying import copy_rows

from ..tools.authentication import trusted_authserv
from ..tools.message_row import Place, content_columns, derived_columns
from ..tools.mime_text import encode_content

INLINE_MAX = 128 * 1024  # bytes of an attachment that is kept; a bigger one stays at the server
INLINE_TOTAL = 512 * 1024  # bytes of attachments kept of one mail
_ATTACHMENT = (
    *("integration_id", "message_id", "sequence", "name", "mimetype"),
    *("size", "content_id", "is_inline", "part", "content"),
)


class InboxStore(models.AbstractModel):
    """What the synchronisation writes about messages: bulk SQL, no commit."""

    _name = "inbox.store"
    _description = "Storing of e-mails"

    @api.model
    def _store_batch(self, folder, event, mails):
        """Store [(RawItem, Mail)] of one folder once each; returns the new messages, oldest first."""
        integration = folder.integration_id
        known = self._known_ids(integration, [mail.identity for _item, mail in mails])
        if event.found_missing:
            known |= self._replace_damaged(folder, event, mails, known)
        created = self._create_fresh(folder, [pair for pair in mails if pair[1].identity not in known])
        known |= created
        self.env["inbox.message.location"]._place(
            folder,
            event.uidvalidity,
            [
                (item.uid, known[mail.identity], item.flags, item.size if event.found_missing else None)
                for item, mail in mails
            ],
            replace=event.found_missing,
        )
        if event.found_missing:
            self.env["inbox.quarantine"]._restore(
                folder, event.uidvalidity, {item.uid: known[mail.identity] for item, mail in mails}
            )
        messages = self.env["inbox.message"].browse(created.values())
        seen_again = self.env["inbox.message"].browse(
            {known[mail.identity] for _item, mail in mails} - set(messages.ids)
        )
        seen_again._follow_moves()
        if messages:
            messages._after_store()
        return messages

    @api.model
    def _known_ids(self, integration, identities):
        self.env.cr.execute(
            "SELECT identity, id FROM inbox_message WHERE integration_id = %s AND identity = ANY(%s)",
            [integration.id, identities],
        )
        return dict(self.env.cr.fetchall())

    @api.model
    def _ids_by_server_ref(self, integration, sizes):
        """{server ref: message id} of the stored mails among {server ref: size}; another size is another content."""
        self.env.cr.execute(
            "SELECT server_ref, size, id FROM inbox_message WHERE integration_id = %s AND server_ref = ANY(%s)",
            [integration.id, list(sizes)],
        )
        return {server_ref: found for server_ref, size, found in self.env.cr.fetchall() if sizes[server_ref] == size}

    @api.model
    def _create_fresh(self, folder, mails):
        """INSERT new mails with conversation and customer: no row is written twice.

        Returns {identity: id}, oldest mail first.
        """
        if not mails:
            return {}
        now = fields.Datetime.now()
        fresh = {mail.identity: (item, mail) for item, mail in reversed(mails)}
        pairs = sorted(fresh.values(), key=lambda pair: (pair[0].internaldate or now, pair[0].uid))
        rows = self._fresh_rows(folder, pairs, now)
        self.env["inbox.customer"]._find_partners(folder.integration_id, rows)
        self.env["inbox.threading"]._find_conversations(folder.integration_id, rows)
        self._insert(rows)
        self._insert_attachments(
            folder.integration_id, [(row["id"], mail) for row, (_item, mail) in zip(rows, pairs, strict=True)]
        )
        return {row["identity"]: row["id"] for row in rows}

    @api.model
    def _fresh_rows(self, folder, pairs, now):
        integration = folder.integration_id
        own, trusted = frozenset(integration._sender_addresses()), trusted_authserv(integration.imap_host)
        ours = [mail.message_id for _item, mail in pairs if mail.from_address in own]
        expected = self.env["inbox.sent.copy"]._self_copies(integration, ours)
        place = Place(folder.special_use or "", own, trusted, expected)
        self.env.cr.execute(
            "SELECT nextval(pg_get_serial_sequence('inbox_message', 'id')) FROM generate_series(1, %s)", [len(pairs)]
        )
        common = {
            "integration_id": integration.id,
            "company_id": integration.company_id.id,
            "owner_id": integration.owner_id.id or None,
            "create_date": now,
            "write_date": now,
        }
        return [
            {
                "id": message_id,
                **common,
                **content_columns(item, mail, now),
                **derived_columns(mail, place),
            }
            for (message_id,), (item, mail) in zip(self.env.cr.fetchall(), pairs, strict=True)
        ]

    @api.model
    def _insert(self, rows):
        copy_rows(self.env.cr, "inbox_message", rows[0], (tuple(row.values()) for row in rows))
        messages = self.env["inbox.message"].browse([row["id"] for row in rows])
        for name in rows[0].keys() & messages._fields.keys() - {"id"}:  # what was just written is not read again
            messages._fields[name]._insert_cache(messages, [row[name] for row in rows])

    @api.model
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
            copy_rows(self.env.cr, "inbox_attachment", _ATTACHMENT, rows)

    @api.model
    def _replace_damaged(self, folder, event, mails, known):
        """An audit fetched mails again: a damaged row keeps its id, conversation and notes.

        Returns {identity: id} of the rows whose content was replaced.
        """
        self.env.cr.execute(
            """SELECT p.uid, p.message_id FROM inbox_message_location p
                WHERE p.folder_id = %s AND p.uidvalidity = %s AND p.uid = ANY(%s)
                  AND NOT EXISTS (SELECT 1 FROM inbox_message_location o
                                   WHERE o.message_id = p.message_id AND o.id != p.id)""",
            [folder.id, event.uidvalidity, [item.uid for item, _mail in mails]],
        )
        damaged = dict(self.env.cr.fetchall())
        replaced = {}
        for item, mail in mails:
            if item.uid in damaged and mail.identity not in known and mail.identity not in replaced:
                message = self.env["inbox.message"].browse(damaged[item.uid])
                message.write(content_columns(item, mail, fields.Datetime.now()))
                message.attachment_ids.unlink()
                self.env.flush_all()
                self._insert_attachments(folder.integration_id, [(message.id, mail)])
                replaced[mail.identity] = message.id
        return replaced
