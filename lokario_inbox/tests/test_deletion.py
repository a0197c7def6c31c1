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

    def mailbox(self, user, visibility, name=""):
        address = f"{name or visibility}@alpha.test"
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

    def delete(self, choices=None):
        deletions = self.env["lokario.account.deletion"].with_user(self.user)
        deletion = deletions._request(self.user, choices=choices).sudo()
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

    def test_the_search_index_forgets_too(self):
        """What the person wrote, and what others wrote about the person, is in no full-text vector any more."""
        own, about, other = (self.letter(self.shared, number) for number in range(3))
        foreign = {"email_from": "Bob <bob@client.test>", "from_address": "bob@client.test"}
        about.write({**foreign, "subject": "offer", "body_text": f"Ask {NAME}: {EMAIL}"})
        other.write({**foreign, "subject": "offer", "body_text": "about a canari"})
        self.env.flush_all()
        self.env["inbox.search"]._index(own | about | other)
        self.assertTrue(all("canari" in vector for vector in self.vectors(own | about | other)))
        self.delete()
        self.assertEqual([("canari" in vector) for vector in self.vectors(own | about | other)], [False, False, True])
        self.assertEqual(about.body_text, "Ask ***: ***")
        self.env["inbox.search"]._index(about)
        self.assertEqual([("canari" in vector) for vector in self.vectors(own | about | other)], [False, False, True])
        self.assertTrue(all(self.vectors(about)), "what is left of it is found again")

    def vectors(self, mails):
        query = "SELECT coalesce(search_vector::text, '') FROM inbox_message WHERE id = ANY(%s) ORDER BY id"
        self.env.cr.execute(query, [mails.ids])
        return [vector for (vector,) in self.env.cr.fetchall()]

    def test_the_owner_of_a_shared_mailbox_is_told_what_to_do(self):
        self.shared.user_id = self.user
        with self.assertRaisesRegex(UserError, "shared@alpha.test"):
            self.delete()

    def belonging(self):
        plan = self.env["lokario.deletion.plan"].sudo()
        (found,) = (owned for owned in plan._belongings(self.user) if owned.name == "shared_mailbox")
        return found

    def decide(self, choice, heir=0):
        self.shared.user_id = self.user
        self.delete({self.belonging().key: (choice, heir)})

    def test_a_shared_mailbox_goes_on_with_another_owner(self):
        second = self.env["res.company"].create({"name": "Second"})
        mail = self.letter(self.shared, 3)
        role = "lokario_mailbox.group_lokario_mailbox_user"
        heir = new_test_user(self.env, "heir@alpha.test", groups=role)
        elsewhere = new_test_user(self.env, "else@beta.test", groups=role, company_id=second.id, company_ids=second.ids)
        reader = new_test_user(self.env, "reader@alpha.test", groups="base.group_user")
        self.shared.user_id = self.user
        owned = self.belonging()
        self.assertIn(heir.id, owned.heirs)
        self.assertFalse({elsewhere.id, reader.id, self.user.id} & set(owned.heirs))
        self.assertNotIn("delete", owned.choices, "the company's mail leaves from it")
        for wrong in (elsewhere.id, reader.id, 0):
            with self.assertRaisesRegex(UserError, "shared@alpha.test"):
                self.decide("hand_over", wrong)
        self.assertFalse(self.user.deletion_ids)
        self.decide("hand_over", heir.id)
        self.assertEqual((self.shared.user_id, self.shared.visibility), (heir, "shared"))
        self.assertEqual(self.shared.email_address, "shared@alpha.test")
        self.assertTrue(mail.exists())

    def test_a_shared_mailbox_is_kept_by_who_looks_after_the_companys(self):
        self.shared.email_address = EMAIL
        self.decide("keep")
        self.assertTrue(self.shared.user_id.has_group("lokario_mailbox.group_lokario_mailbox_manager"))
        self.assertEqual((self.shared.email_address, self.shared.is_primary), (EMAIL, True))

    def test_a_shared_mailbox_goes_when_its_owner_says_so(self):
        self.mailbox(self.env.ref("base.user_admin"), "shared", "second").is_primary = True
        self.decide("delete")
        self.assertFalse(self.shared.exists())
