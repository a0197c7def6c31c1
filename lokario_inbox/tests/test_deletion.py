from dateutil.relativedelta import relativedelta
from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, new_test_user, tagged

NAME, EMAIL = "Zoé Canari-Unique", "zoe.canari@example.org"


@tagged("post_install", "-at_install")
class TestDeletion(TransactionCase):
    def setUp(self):
        super().setUp()
        self.user = new_test_user(self.env, EMAIL, groups="base.group_user", name=NAME, email=EMAIL)
        self.private = self.mailbox(self.user, "private")
        self.shared = self.mailbox(self.env.ref("base.user_admin"), "shared")

    def mailbox(self, user, visibility):
        address = f"{visibility}@alpha.test"
        return self.env["inbox.integration"].create(
            {
                "name": address,
                "email_address": address,
                "email_password": "canari-secret",
                "user_id": user.id,
                "visibility": visibility,
                "imap_host": "imap.alpha.test",
                "smtp_host": "smtp.alpha.test",
            }
        )

    def letter(self, mailbox, number):
        values = {"integration_id": mailbox.id, "company_id": mailbox.company_id.id, "identity": f"id{number}"}
        return self.env["inbox.message"].create(
            {
                **values,
                "subject": "canari",
                "email_from": f"{NAME} <{EMAIL}>",
                "from_address": EMAIL,
                "body_text": "canari",
                "owner_id": mailbox.owner_id.id,
            }
        )

    def delete(self):
        deletion = self.env["lokario.account.deletion"].with_user(self.user)._request(self.user).sudo()
        with freeze_time(deletion.due_at + relativedelta(minutes=1)), self.enter_registry_test_mode():
            self.env.ref("lokario_account.ir_cron_account_deletions").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(deletion.state, "done", deletion.error_message)
        return deletion

    def test_private_mailboxes_go_and_others_forget(self):
        own, theirs = self.letter(self.private, 1), self.letter(self.shared, 2)
        deletion = self.delete()
        self.assertFalse(self.private.exists())
        self.assertFalse(own.exists())
        self.assertFalse(self.user.exists())
        self.assertTrue(theirs.exists())
        self.assertFalse(theirs.email_from or theirs.body_text or theirs.subject)
        self.assertEqual(deletion.certificate["steps"][1]["erased"]["inbox.integration"], 1)
        lookup = self.env["privacy.lookup.wizard"].create({"name": NAME, "email": EMAIL})
        lookup.action_lookup()
        self.assertFalse([(line.res_model, line.res_id) for line in lookup.line_ids])

    def test_the_owner_of_a_shared_mailbox_is_told_what_to_do(self):
        self.shared.user_id = self.user
        with self.assertRaisesRegex(UserError, "shared@alpha.test"):
            self.delete()
