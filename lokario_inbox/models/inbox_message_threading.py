from email.utils import getaddresses

from odoo import fields, models

from ..tools.authentication import authentication_verdict, trusted_authserv
from ..tools.message_ids import parse_ids
from ..tools.threading import Mail, Threader, subject_key

_COLUMNS = """id, message_ref, reference_ids, from_address, email_from, email_to, email_cc, subject, date,
              is_own, authentication, conversation_id, thread_key"""
_MAX_RELATED = 3000  # mails around a batch; a longer list thread is joined through its nearest ones


class InboxMessage(models.Model):
    _inherit = "inbox.message"

    message_ref = fields.Char(help="Message-ID, case folded: what References are compared with.")
    thread_key = fields.Char(help="Subject without prefixes, case and accents.")
    is_own = fields.Boolean(help="Proved ours: in Sent or Drafts, or our MAC in its Message-ID.")
    authentication = fields.Selection([("pass", "Proved"), ("none", "Unknown"), ("fail", "Forged")])

    _ref_idx = models.Index("(integration_id, message_ref)")
    _thread_key_idx = models.Index("(integration_id, thread_key, date DESC)")

    def init(self):
        super().init()
        self.env.cr.execute("ALTER TABLE inbox_message ADD COLUMN IF NOT EXISTS reference_ids text[]")
        self.env.cr.execute(
            "CREATE INDEX IF NOT EXISTS inbox_message_reference_ids_idx ON inbox_message USING gin (reference_ids)"
        )

    def _join_conversations(self):
        """Give each mail of the batch its conversation: joined, opened or merged. Return them all."""
        integration = self.integration_id
        self._store_identifiers(integration)
        mails = self._threading_neighbours(integration)
        groups = Threader(mails.values(), integration._own_addresses()).groups()
        conversations = self._settle(groups, mails)
        self._note_claims(groups)
        return conversations

    def _store_identifiers(self, integration):
        proved = self._proved_own()
        trusted = trusted_authserv(integration.imap_host)
        rows = []
        for message in self:
            (ref, *_rest), key = parse_ids(message.message_id_header) or ("",), subject_key(message.subject)[0]
            verdict = authentication_verdict(message.headers, message.from_address or "", trusted)
            references = list(parse_ids(message.references, message.in_reply_to))
            rows.append((message.id, ref, references, key[:200], message.id in proved, verdict))
        self.env.cr.execute_values(
            """UPDATE inbox_message m SET message_ref = v.ref, reference_ids = v.refs::text[], thread_key = v.key,
                      is_own = v.own, authentication = v.verdict
                 FROM (VALUES %s) AS v(id, ref, refs, key, own, verdict) WHERE m.id = v.id""",
            rows,
            page_size=1000,
        )
        self.invalidate_recordset(["message_ref", "thread_key", "is_own", "authentication"])

    def _proved_own(self):
        """Return the ids of the mails that the mailbox itself wrote, by evidence and never by From.

        A mail in Sent or Drafts was put there by somebody with the password. Gmail shows one
        folder, "All Mail": there what was received carries the verdict of Gmail, what was sent none.
        """
        self.env.cr.execute(
            """SELECT DISTINCT p.message_id FROM inbox_placement p
                 JOIN inbox_folder f ON f.id = p.folder_id JOIN inbox_message m ON m.id = p.message_id
                WHERE p.message_id IN %s AND (f.special_use IN ('sent', 'drafts')
                   OR f.special_use = 'all' AND m.direction = 'out'
                      AND m.headers NOT ILIKE '%%authentication-results:%%'
                      AND m.headers NOT ILIKE '%%received-spf:%%')""",
            [tuple(self.ids)],
        )
        return {row[0] for row in self.env.cr.fetchall()}

    def _threading_neighbours(self, integration):
        """Return id -> Mail for the batch and the stored mails that any of its links may reach."""
        rows = self._threading_rows("m.id = ANY(%s)", self.ids)
        references = {ref for row in rows.values() for ref in [row["message_ref"], *row["reference_ids"]] if ref}
        keys = {row["thread_key"] for row in rows.values() if len(row["thread_key"] or "") >= 4}
        where = "m.integration_id = %s AND "
        rows |= self._threading_rows(where + "m.reference_ids && %s", integration.id, list(references))
        references |= {ref for row in rows.values() for ref in row["reference_ids"]}
        rows |= self._threading_rows(where + "m.message_ref = ANY(%s)", integration.id, list(references))
        rows |= self._threading_rows(where + "m.thread_key = ANY(%s)", integration.id, list(keys))
        named = self.env["inbox.conversation"]._named_by(references)
        if named:
            ids = self.env["inbox.conversation"].sudo().browse(set(named.values()))._signposted().ids
            rows |= self._threading_rows(where + "m.conversation_id = ANY(%s)", integration.id, ids)
        living = {ref: conversation.id for ref, conversation in self._living(named).items()}
        return {key: self._as_mail(row, living) for key, row in rows.items()}

    def _threading_rows(self, where, *params):
        self.env.cr.execute(
            f"""SELECT {_COLUMNS} FROM inbox_message m WHERE {where} ORDER BY m.date DESC LIMIT {_MAX_RELATED}""",  # noqa: S608 - fragments of this file
            list(params),
        )
        return {row["id"]: row for row in self.env.cr.dictfetchall()}

    def _living(self, named):
        """Return Message-ID -> the conversation that lives where the one it names was merged into."""
        Conversation = self.env["inbox.conversation"].sudo()
        return {ref: Conversation.browse(conversation_id)._signposted() for ref, conversation_id in named.items()}

    def _as_mail(self, row, named):
        recipients = getaddresses([row["email_to"] or "", row["email_cc"] or ""])
        candidates = row["reference_ids"][::-1] + ([row["message_ref"]] if row["is_own"] else [])
        return Mail(
            key=row["id"],
            message_id=row["message_ref"] or "",
            references=tuple(row["reference_ids"] or ()),
            sender=row["from_address"] or "",
            recipients=frozenset(address.lower() for _name, address in recipients if "@" in address),
            subject=row["subject"] or "",
            received=row["date"].timestamp() if row["date"] else 0.0,
            is_own=bool(row["is_own"]),
            authentication=row["authentication"] or "none",
            named_conversation=next((named[ref] for ref in candidates if ref in named), None),
            conversation=row["conversation_id"],
        )

    # === SETTLING === #

    def _settle(self, groups, mails):
        """Write the conversations of the batch in a handful of statements; return those it touched."""
        Conversation, mine = self.env["inbox.conversation"].sudo(), set(self.ids)
        placed, opened = [], []
        for group in groups:
            fresh = [key for key in group.keys if key in mine]
            if len(group.conversations) > 1:
                first, *others = sorted(group.conversations)
                Conversation.browse(first)._absorb(Conversation.browse(others))
            if group.conversations:
                placed += [(key, min(group.conversations)) for key in fresh]
            elif fresh:
                opened.append(fresh)
        placed += self._open_conversations(opened, mails)
        self.env.cr.execute_values(
            "UPDATE inbox_message m SET conversation_id = v.c FROM (VALUES %s) AS v(id, c) WHERE m.id = v.id",
            placed,
            page_size=1000,
        )
        self.invalidate_model(["conversation_id"])
        return Conversation.browse({conversation_id for _key, conversation_id in placed})

    def _open_conversations(self, opened, mails):
        """Insert one conversation per list of mail ids; return (mail id, conversation id) pairs."""
        if not opened:
            return []
        integration, now = self.integration_id, fields.Datetime.now()
        rows = []
        for keys in opened:
            oldest = min((mails[key] for key in keys), key=lambda mail: (mail.received, mail.key))
            rows.append(
                (
                    integration.id,
                    integration.company_id.id,
                    integration.owner_id.id or None,
                    oldest.subject or None,
                    subject_key(oldest.subject)[0][:200],
                    "new",
                    True,
                    now,
                    now,
                    self.env.uid,
                    self.env.uid,
                )
            )
        created = self.env.cr.execute_values(
            """INSERT INTO inbox_conversation (integration_id, company_id, owner_id, subject, subject_key, state,
                      active, create_date, write_date, create_uid, write_uid) VALUES %s RETURNING id""",
            rows,
            page_size=len(rows),
            fetch=True,
        )
        return [(key, row[0]) for keys, row in zip(opened, created, strict=True) for key in keys]

    def _note_claims(self, groups):
        """Keep the hint "claims to belong to" on conversations just opened by somebody who takes no part."""
        claims = [(key, other) for group in groups for key, other in group.claims.items()]
        if claims:
            self.env.cr.execute_values(
                """UPDATE inbox_conversation c SET claims_id = claimed.conversation_id
                     FROM (VALUES %s) AS v(mail, other)
                     JOIN inbox_message mine ON mine.id = v.mail JOIN inbox_message claimed ON claimed.id = v.other
                    WHERE c.id = mine.conversation_id AND c.message_count IS NULL
                      AND claimed.conversation_id != c.id""",
                claims,
                page_size=1000,
            )
            self.env["inbox.conversation"].invalidate_model(["claims_id"])
