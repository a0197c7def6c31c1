from datetime import timedelta

from odoo import fields
from odoo.tests import TransactionCase, new_test_user


class ConversationCase(TransactionCase):
    """A company with one shared mailbox; mails are stored as the synchronisation stores them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.manager = new_test_user(cls.env, "inbox_manager", groups="lokario_inbox.group_lokario_inbox_manager")
        cls.user = new_test_user(cls.env, "inbox_user", groups="lokario_inbox.group_lokario_inbox_user")
        cls.mailbox = cls.make_mailbox(cls.company, "contact@atelier.fr")
        cls.serial = 0

    @classmethod
    def make_mailbox(cls, company, address, **values):
        mailbox = cls.env["inbox.integration"].create(
            {
                "name": address,
                "email_address": address,
                "company_id": company.id,
                "user_id": cls.env.uid,
                "visibility": "shared",
                "imap_host": "imap.atelier.fr",
                **values,
            }
        )
        for use, path in (("inbox", "INBOX"), ("sent", "Sent"), ("junk", "Junk")):
            cls.env["inbox.folder"].create(
                {"integration_id": mailbox.id, "path": path, "name": path, "special_use": use}
            )
        return mailbox

    @classmethod
    def store(cls, *mails, mailbox=None, hook=True):
        """Store mails (dicts with subject, sender, to, refs, body…) as one batch; return the messages."""
        mailbox = mailbox or cls.mailbox
        messages = cls.env["inbox.message"]
        for mail in mails:
            messages |= cls._insert(mailbox, dict(mail))
        cls.env.flush_all()
        if hook:
            messages.sorted("date").sudo()._after_store()
        cls.env.invalidate_all()
        return messages

    @classmethod
    def _insert(cls, mailbox, mail):
        cls.serial += 1
        folder = mail.pop("folder", "inbox")
        sender = mail.pop("sender", "anna@client.com")
        number = f"{cls.serial}"
        message = cls.env["inbox.message"].create(
            {
                "company_id": mailbox.company_id.id,
                "integration_id": mailbox.id,
                "owner_id": mailbox.owner_id.id,
                "identity": f"{mailbox.id}-{number}",
                "message_id_header": mail.pop("mid", f"<m{number}@client.com>"),
                "references": " ".join(mail.pop("refs", ())),
                "subject": mail.pop("subject", "Devis escalier"),
                "email_from": mail.pop("author", f"Anna Client <{sender}>"),
                "from_address": sender,
                "email_to": mail.pop("to", mailbox.email_address),
                "body_text": mail.pop("body", "Bonjour"),
                "preview": "Bonjour",
                "date": mail.pop("date", fields.Datetime.now() - timedelta(hours=1, minutes=-cls.serial % 50)),
                "direction": "out" if folder == "sent" else "in",
                "headers": mail.pop("headers", "Subject: x"),
                **mail,
            }
        )
        place = mailbox.folder_ids.filtered(lambda f: f.special_use == folder)
        cls.env["inbox.placement"].create(
            {
                "integration_id": mailbox.id,
                "folder_id": place.id,
                "message_id": message.id,
                "uidvalidity": "1",
                "uid": cls.serial,
            }
        )
        return message
