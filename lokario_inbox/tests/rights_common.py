"""Two companies, each with mailboxes and mail; an ordinary user, his manager, and somebody else's mail."""

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, new_test_user

USER = "lokario_inbox.group_lokario_inbox_user"
MANAGER = "lokario_inbox.group_lokario_inbox_manager"
MARKER = "TOPSECRET"


class RightsCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company_a, cls.company_b = cls.env["res.company"].create([{"name": "Alpha"}, {"name": "Beta"}])
        cls.chief = cls._new_user("chief", cls.company_a)
        cls.user = cls._new_user("user", cls.company_a)
        cls.manager = cls._new_user("manager", cls.company_a, MANAGER)
        cls.shared = cls._new_mailbox("team", cls.company_a, cls.manager, "shared")
        cls.private = cls._new_mailbox("chief", cls.company_a, cls.chief, "private")
        cls.foreign = cls._new_mailbox("beta", cls.company_b, cls._new_user("beta", cls.company_b, MANAGER), "shared")
        cls.thread, cls.mail = cls._new_mail(cls.shared, "Order")
        cls.private_thread, cls.private_mail = cls._new_mail(cls.private, MARKER)
        cls.foreign_thread, cls.foreign_mail = cls._new_mail(cls.foreign, MARKER)

    @classmethod
    def _new_user(cls, name, company, group=USER):
        return new_test_user(cls.env, f"rights-{name}", group, company_id=company.id, company_ids=[(6, 0, company.ids)])

    @classmethod
    def _new_mailbox(cls, name, company, owner, visibility):
        return cls.env["inbox.integration"].create(
            {
                "name": name,
                "email_address": f"{name}@rights.test",
                "company_id": company.id,
                "user_id": owner.id,
                "visibility": visibility,
                "imap_host": "imap.rights.test",
                "email_password": "TEAM-PASS",
            }
        )

    @classmethod
    def _new_mail(cls, mailbox, subject):
        thread = cls.env["inbox.conversation"].create({"integration_id": mailbox.id, "subject": subject})
        mail = cls.env["inbox.message"].create(
            {
                "integration_id": mailbox.id,
                "company_id": mailbox.company_id.id,
                "owner_id": mailbox.owner_id.id,
                "conversation_id": thread.id,
                "identity": subject + mailbox.name,
                "subject": subject,
                "body_text": f"{subject} body",
                "from_address": "customer@x.test",
            }
        )
        return thread, mail

    def _refused(self, call):
        with self.assertRaises(UserError):
            call()
