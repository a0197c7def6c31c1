from odoo.tests import TransactionCase, new_test_user

from .stored_mail import make_pair, store_pairs


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
    def store(cls, *mails, mailbox=None):
        """Store mails (dicts, see ``make_pair``; ``folder``: a special use), a batch a folder; return the messages."""
        mailbox = mailbox or cls.mailbox
        batches, identities = {}, []
        for mail in mails:
            cls.serial += 1
            values = {"email_to": mailbox.email_address, **mail}
            folder = values.pop("folder", "inbox")
            batches.setdefault(folder, []).append(make_pair(cls.serial, **values))
            identities.append(f"mail {cls.serial}")
        for use, pairs in batches.items():
            store_pairs(mailbox.folder_ids.filtered(lambda folder, use=use: folder.special_use == use), pairs)
        found = cls.env["inbox.message"].search([("integration_id", "=", mailbox.id), ("identity", "in", identities)])
        return found.sorted(lambda message: identities.index(message.identity))
