from odoo import api, fields, models

from ..tools.mail_addresses import addresses
from ..tools.threading import Mail, Threader

_COLUMNS = """id, message_ref, reference_ids, from_address, email_from, email_to, email_cc, subject, date,
              is_own, authentication, conversation_id, thread_key"""
_MAX_RELATED = 3000  # mails around a batch; a longer list thread is joined through its nearest ones


class InboxThreading(models.AbstractModel):
    """Which conversation a mail belongs to: joined, opened or merged, before the mail is stored."""

    _name = "inbox.threading"
    _description = "Threading of e-mails"

    @api.model
    def _find_conversations(self, integration, rows):
        """Give each new row its ``conversation_id``: joined, opened or merged."""
        mails = self._neighbours(integration, rows)
        groups = Threader(mails.values(), integration._sender_addresses()).groups()
        assigned = self._assign(integration, groups, {row["id"]: row for row in rows})
        for row in rows:
            row["conversation_id"] = assigned[row["id"]]
        self._name_customers(rows)
        self._note_suspicions(groups, {key: mail.conversation for key, mail in mails.items()} | assigned)

    @api.model
    def _neighbours(self, integration, fresh):
        """Return id -> Mail for the new rows and the stored mails that any of their links may reach."""
        rows = {row["id"]: row for row in fresh}
        references = {ref for row in rows.values() for ref in [row["message_ref"], *row["reference_ids"]] if ref}
        keys = {row["thread_key"] for row in rows.values() if len(row["thread_key"] or "") >= 4}
        where = "m.integration_id = %s AND "
        rows |= self._rows(where + "m.reference_ids && %s", integration.id, list(references))
        references |= {ref for row in rows.values() for ref in row["reference_ids"]}
        rows |= self._rows(where + "m.message_ref = ANY(%s)", integration.id, list(references))
        rows |= self._rows(where + "m.thread_key = ANY(%s)", integration.id, list(keys))
        named = self.env["inbox.conversation"]._named_by(references)
        if named:
            ids = self.env["inbox.conversation"].sudo().browse(set(named.values()))._merge_targets().ids
            rows |= self._rows(where + "m.conversation_id = ANY(%s)", integration.id, ids)
        living = {
            ref: conversation.id
            for ref, conversation in self._living(named).items()
            if conversation.integration_id == integration
        }
        return {key: self._as_mail(row, living) for key, row in rows.items()}

    @api.model
    def _rows(self, where, *params):
        self.env.cr.execute(
            f"""SELECT {_COLUMNS} FROM inbox_message m WHERE {where} ORDER BY m.date DESC LIMIT {_MAX_RELATED}""",  # noqa: S608 - fragments of this file
            list(params),
        )
        return {row["id"]: row for row in self.env.cr.dictfetchall()}

    @api.model
    def _living(self, named):
        """Return Message-ID -> the conversation that lives where the one it names was merged into."""
        Conversation = self.env["inbox.conversation"].sudo()
        return {ref: Conversation.browse(conversation_id)._merge_targets() for ref, conversation_id in named.items()}

    @api.model
    def _as_mail(self, row, named):
        candidates = row["reference_ids"][::-1] + ([row["message_ref"]] if row["is_own"] else [])
        return Mail(
            key=row["id"],
            message_id=row["message_ref"] or "",
            references=tuple(row["reference_ids"] or ()),
            sender=row["from_address"] or "",
            recipients=frozenset(addresses(row["email_to"], row["email_cc"])),
            subject=row["subject"] or "",
            received=row["date"].timestamp() if row["date"] else 0.0,
            is_own=bool(row["is_own"]),
            authentication=row["authentication"] or "none",
            named_conversation=next((named[ref] for ref in candidates if ref in named), None),
            conversation=row.get("conversation_id"),
        )

    # === MERGING AND OPENING === #

    @api.model
    def _assign(self, integration, groups, fresh):
        """Merge and open conversations; return id -> conversation id of the new rows."""
        Conversation = self.env["inbox.conversation"].sudo()
        assigned, opened = {}, []
        for group in groups:
            rows = [fresh[key] for key in group.keys if key in fresh]
            if len(group.conversations) > 1:
                first, *others = sorted(group.conversations)
                Conversation.browse(first)._merge(Conversation.browse(others))
            if group.conversations:
                assigned |= {row["id"]: min(group.conversations) for row in rows}
            elif rows:
                opened.append(sorted(rows, key=lambda row: (row["date"], row["id"])))
        return assigned | self._open_conversations(integration, opened)

    @api.model
    def _open_conversations(self, integration, opened):
        """Insert one conversation per list of rows (oldest first); return row id -> conversation id."""
        if not opened:
            return {}
        now = fields.Datetime.now()
        values = [
            {
                "integration_id": integration.id,
                "company_id": integration.company_id.id,
                "owner_id": integration.owner_id.id or None,
                "subject": rows[0]["subject"],
                "subject_key": rows[0]["thread_key"],
                "state": "new",
                "active": True,
                "create_date": now,
                "write_date": now,
                "create_uid": self.env.uid,
                "write_uid": self.env.uid,
            }
            for rows in opened
        ]
        created = self.env.cr.execute_values(
            f"INSERT INTO inbox_conversation ({', '.join(values[0])}) VALUES %s RETURNING id",  # noqa: S608 - keys above
            [tuple(row.values()) for row in values],
            page_size=len(values),
            fetch=True,
        )
        return {row["id"]: found for rows, (found,) in zip(opened, created, strict=True) for row in rows}

    @api.model
    def _name_customers(self, rows):
        """The first known customer who writes in a conversation without one is its customer."""
        customers = {row["conversation_id"]: row["partner_id"] for row in reversed(rows) if row["partner_id"]}
        if customers:
            self.env.cr.execute_values(
                """UPDATE inbox_conversation c SET partner_id = v.partner FROM (VALUES %s) AS v(id, partner)
                    WHERE c.id = v.id AND c.partner_id IS NULL""",
                list(customers.items()),
                page_size=1000,
            )
            self.env["inbox.conversation"].invalidate_model(["partner_id"])

    @api.model
    def _note_suspicions(self, groups, assigned):
        """Keep the hint "claims to belong to" on conversations just opened by a person who takes no part."""
        claims = {assigned[key]: assigned[other] for group in groups for key, other in group.claims.items()}
        if claims:
            self.env.cr.execute_values(
                """UPDATE inbox_conversation c SET suspected_thread_id = v.claimed FROM (VALUES %s) AS v(id, claimed)
                    WHERE c.id = v.id AND c.message_count IS NULL AND v.claimed != c.id""",
                list(claims.items()),
                page_size=1000,
            )
            self.env["inbox.conversation"].invalidate_model(["suspected_thread_id"])
