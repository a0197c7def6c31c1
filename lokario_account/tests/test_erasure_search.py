import io
import json
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from dateutil.relativedelta import relativedelta
from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.lokario_base.tests.common import identity_confirmed

from ..models import account_deletion, erasure
from ..tools import reference_indexes, tombstones
from ..tools.identity import Identity, Scanner
from .test_deletion import EMAIL, NAME, DeletionCase

PHONE = "+33 1 23 45 67 89"


@tagged("post_install", "-at_install")
class TestErasureSearch(DeletionCase):
    """After the steps, every text of the database is searched: what is found goes, stays for a reason, or waits."""

    def setUp(self):
        super().setUp()
        self.deletion = self.request()
        self.at = self.deletion.due_at + relativedelta(minutes=1)
        self.colleague = self.env["res.partner"].create({"name": "Colleague"})

    def found(self, **values):
        return self.deletion.residue_ids.filtered_domain([(name, "=", value) for name, value in values.items()])

    def test_texts_of_others_lose_what_names_the_person(self):
        text = f"Call Zoé Canari-Unique at 01.23.45.67.89 or {EMAIL.upper()}; not at joe{EMAIL}"
        message = self.colleague.message_post(body=text)
        parameter = self.env["ir.attachment"].create({"name": f"offer for {EMAIL} (2).txt", "raw": b"x"})
        self.run_job(self.at)
        self.assertEqual(self.deletion.state, "done", self.deletion.error_message)
        self.assertEqual(message.body.striptags(), f"Call *** at *** or ***; not at joe{EMAIL}")
        self.assertEqual(parameter.name, "offer for *** (2).txt")
        self.assertEqual(self.found(outcome="erased", table="mail_message").mapped("column"), ["body"])

    def test_a_column_that_no_rule_knows_waits_for_a_person(self):
        twin = self.env["res.partner"].create({"name": "Zoé privately", "email": EMAIL, "comment": PHONE})
        with mute_logger("odoo.addons.lokario_account.models.account_deletion"):
            self.run_job(self.at)
        self.assertEqual(self.deletion.state, "erasing")
        self.assertIn("still name the person", self.deletion.error_message)
        self.assertTrue(self.user.exists(), "the certificate waits")
        self.assertEqual(
            {(left.table, left.column) for left in self.found(outcome="open")},
            {("res_partner", "email"), ("res_partner", "email_normalized"), ("res_partner", "comment")},
        )
        manager = new_test_user(self.env, "decider", "lokario_base.group_lokario_base_manager")
        left = self.found(outcome="open").with_user(manager)
        for values in ({"table": "res_users"}, {"column": "login"}, {"key": "login"}, {"outcome": "erased"}):
            with self.assertRaises(AccessError):
                left[0].write(values)
        with self.assertRaisesRegex(UserError, "Write down why"), identity_confirmed():
            left[0].action_keep()
        comment = left.filtered(lambda residue: residue.column == "comment")
        with identity_confirmed():
            comment.reason = "Another person's telephone"
            comment.action_keep()
            (left - comment).action_erase()
        self.run_job(self.at + relativedelta(days=1))
        self.assertEqual(self.deletion.state, "done", self.deletion.error_message)
        self.assertFalse(self.user.exists() or self.deletion.identifiers)
        self.assertNotIn("canari", json.dumps(twin.read(["email", "email_normalized"])))
        kept = [row for row in self.deletion.certificate["search"]["found"] if row["outcome"] == "held"]
        self.assertEqual([(row["column"], row["reason"]) for row in kept], [("comment", "Another person's telephone")])
        self.assertGreater(self.deletion.certificate["search"]["tables"], 100)

    def test_a_name_counts_beside_another_identifier_only(self):
        namesake = self.env["res.partner"].create({"name": NAME, "email": "other@elsewhere.test"})
        reference = self.env["res.partner.bank"].create(
            {"acc_number": "FR7630006000011234567890189", "partner_id": self.user.partner_id.id}
        )
        line = {"name": "x", "type": "server", "path": "", "func": "", "line": "1"}
        logs = self.env["ir.logging"].create({**line, "message": "IBAN FR76 3000 6000 0112 3456 7890 189"})
        self.run_job(self.at)
        self.assertEqual(self.deletion.state, "done", self.deletion.error_message)
        self.assertEqual(namesake.name, NAME)
        self.assertNotIn("FR76", reference.exists().acc_number or "")
        self.assertFalse(logs.exists())

    def test_texts_in_json_are_read_too(self):
        """JSON in a text column writes letters beyond ASCII as numbers."""
        person = Identity.of({"strong": ["zoé@x.test"], "numbers": [], "weak": ["Élise Canari"]})
        text = json.dumps({"to": "zoé@x.test", "name": "Élise Canari", "other": "chloé@x.test"})
        scanner = Scanner({1: person})
        for stored in (text, text.replace("\\", "\\\\")):  # as it is, and as COPY writes it
            self.assertEqual(scanner.found(stored), ({1}, {1}))
        self.assertEqual(scanner.found(json.dumps("chloé@x.test")), (set(), set()))
        self.assertEqual(json.loads(person.redacted(text)), {"to": "***", "name": "***", "other": "chloé@x.test"})

    def test_one_search_for_all(self):
        others = [self.make_user(f"z{n}@many.test", f"Zed Many{n}", f"z{n}@many.test") for n in range(3)]
        deletions = self.deletion + self.env["lokario.account.deletion"].union(*map(self.request, others))
        message = self.colleague.message_post(body="z0@many.test z1@many.test " + EMAIL)
        self.run_job(self.at + relativedelta(minutes=1))
        self.assertEqual(set(deletions.mapped("state")), {"done"})
        self.assertEqual(len(set(deletions.mapped("searched_at"))), 1)
        self.assertEqual(message.body.striptags(), "*** *** ***")

    def test_a_run_whose_time_is_over_goes_on_and_searches_once(self):
        """Odoo gives a job ten seconds at a time; here it has none left after each group."""
        others = [self.make_user(f"z{n}@many.test", f"Zed Many{n}", f"z{n}@many.test") for n in range(2)]
        deletions = self.deletion + self.env["lokario.account.deletion"].union(*map(self.request, others))
        Search, looks = self.env.registry["lokario.erasure.search"], []
        look_for = Search._look_for

        def noting(search, found):
            looks.append(len(found))
            return look_for(search, found)

        with (
            patch("odoo.addons.base.models.ir_cron.MIN_TIME_PER_JOB", 0),
            patch.object(account_deletion, "GROUP", 1),
            patch.object(Search, "_look_for", noting),
        ):
            self.run_job(self.at + relativedelta(minutes=1))
        self.assertEqual(set(deletions.mapped("state")), {"done"})
        self.assertEqual(looks, [3])

    def test_files_of_others_stay_and_those_in_chats_go(self):
        ann = self.make_user("ann@alpha.test", "Ann Employee", "ann@alpha.test", "base.group_user")
        files = self.env["ir.attachment"]
        text = b"Ann Employee, ann@alpha.test"
        contract = files.create({"name": "a.txt", "raw": text, "res_model": "res.partner", "res_id": self.colleague.id})
        chat = (
            self.env["discuss.channel"]
            .with_user(ann)
            ._get_or_create_chat(self.env.ref("base.user_admin").partner_id.ids)
        )
        sent = files.create({"name": "b.txt", "raw": text, "res_model": chat._name, "res_id": chat.id})
        chat.sudo().message_post(body="x", author_id=ann.partner_id.id, attachment_ids=sent.ids)
        deletion = self.request(ann)
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertFalse(sent.exists())
        self.assertEqual((contract.raw, contract.index_content), (text, text.decode()))
        kept = [row for row in deletion.certificate["search"]["found"] if row["outcome"] == "held"]
        self.assertEqual(
            [(row["table"], row["column"], row["rows"]) for row in kept], [("ir_attachment", "index_content", 1)]
        )
        self.assertIn("17(3)", kept[0]["reason"])

    def test_many_accounts_index_what_refers_to_them(self):
        """Indexes are there while the accounts are deleted, and gone afterwards, those of a killed night included."""
        Erasure, seen = self.env.registry["lokario.erasure"], []
        erase = Erasure._erase
        reference_indexes.create(self.env.cr, "ir_ui_view", "write_uid")

        def noting(erasure, deletion):
            seen.extend(reference_indexes.temporary(erasure.env.cr))
            return erase(erasure, deletion)

        with (
            patch.object(erasure, "MANY", 1),
            patch.object(reference_indexes, "LARGE", 1024 * 1024),
            patch.object(Erasure, "_erase", noting),
        ):
            expected = reference_indexes.unindexed(self.env.cr)
            self.run_job(self.at)
        self.assertEqual(self.deletion.state, "done", self.deletion.error_message)
        self.assertIn(("ir_model_fields", "create_uid"), expected)
        self.assertNotIn(("ir_ui_view", "write_uid"), expected)
        self.assertEqual(len(seen), len(expected) + 1)
        self.assertFalse(reference_indexes.temporary(self.env.cr))

    def test_people_below_a_contact_are_others(self):
        company = self.env["res.partner"].create({"name": "ACME", "is_company": True, "email": "acme@acme.test"})
        alice = self.env["res.partner"].create({"name": "Alice", "parent_id": company.id})
        user = new_test_user(self.env, "acme@acme.test", "base.group_portal", partner_id=company.id)
        self.assertIn("contact of a company", " ".join(self.env["lokario.deletion.plan"]._obstacles(user)))
        person = self.env["res.partner"].create({"name": "Bob Person"})
        below = self.env["res.partner"].create({"name": "Carol", "parent_id": person.id})
        address = self.env["res.partner"].create({"name": "Home", "parent_id": person.id, "type": "delivery"})
        bob = new_test_user(self.env, "bob@bob.test", "base.group_portal", partner_id=person.id)
        self.assertIn("contact of a company", " ".join(self.env["lokario.deletion.plan"]._obstacles(bob)))
        below.unlink()
        self.assertEqual(self.request(bob)._partners(), person | address)
        self.assertTrue(alice.exists())

    def test_what_a_contact_shares_with_his_company_is_the_companys(self):
        """Odoo gives a contact the address and VAT number of his company, and writes them back."""
        place = {
            "street": "5 rue des Forges",
            "zip": "25000",
            "city": "Besançon",
            "country_id": self.env.ref("base.fr").id,
        }
        contacts = self.env["res.partner"].with_context(no_vat_validation=True)
        company = contacts.create(
            {"name": "ACME", "is_company": True, "email": "contact@acme.test", "vat": "FR23334175221", **place}
        )
        alice, bob = contacts.create(
            [{"name": name, "parent_id": company.id} for name in ("Alice", "Bob Canari-Forge")]
        )
        self.assertEqual((bob.street, bob.vat), (company.street, company.vat))
        emails = "contact@acme.test, Bob <bob@höme.test>"
        user = new_test_user(
            self.env, "contact@acme.test", "base.group_portal", partner_id=bob.id, name=bob.name, email=emails
        )
        self.env["mail.blacklist"]._add("contact@acme.test")
        note = self.colleague.message_post(body="Write to contact@acme.test (FR23334175221), not to bob@höme.test")
        note |= self.colleague.message_post(body="Undelivered: bob@xn--hme-sna.test")
        others = [(record.id, record.read(["name", "email", "vat", *place])) for record in (company, alice)]
        deletion = self.request(user)
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual(
            [(record.id, record.read(["name", "email", "vat", *place])) for record in (company, alice)], others
        )
        bodies = [each.body.striptags() for each in note]
        self.assertEqual(bodies, ["Write to contact@acme.test (FR23334175221), not to ***", "Undelivered: ***"])
        self.assertTrue(company.is_blacklisted, "the company's wish")

    def test_an_address_of_two_accounts_goes_with_the_last_one(self):
        other = self.make_user("zoe", "Zoé at work", EMAIL, "base.group_user")
        note = self.colleague.message_post(body=f"Write to {EMAIL}")
        self.run_job(self.at)
        self.assertEqual((self.deletion.state, other.email), ("done", EMAIL), self.deletion.error_message)
        self.assertIn(EMAIL, note.body)
        last = self.request(other)
        self.run_job(last.due_at + relativedelta(minutes=1))
        self.assertEqual(last.state, "done", last.error_message)
        self.assertNotIn(EMAIL, note.body)

    def test_correspondence_of_an_employee_stays_without_the_author(self):
        ann = self.make_user("ann@alpha.test", "Ann Employee", "ann@alpha.test", "base.group_user")
        letter = self.colleague.message_post(body="Price confirmed: 4,200", author_id=ann.partner_id.id)
        own = ann.partner_id.message_post(body="to myself", author_id=ann.partner_id.id)
        deletion = self.request(ann)
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertFalse(own.exists())
        self.assertEqual(
            (letter.body.striptags(), letter.author_id.name, letter.email_from),
            ("Price confirmed: 4,200", False, False),
        )

    def test_a_company_may_have_it_deleted(self):
        self.env.company.deletion_keeps_correspondence = False
        letter = self.colleague.message_post(body="x", author_id=self.user.partner_id.id)
        self.run_job(self.at)
        self.assertEqual(self.deletion.state, "done", self.deletion.error_message)
        self.assertFalse(letter.exists())

    def test_an_account_is_buried_as_a_backup_knows_it(self):
        known, buried = self.deletion._account_key(self.user), []

        def noting(deletion):
            buried.append(deletion._account_key(deletion.user_id))

        with patch.object(self.env.registry["lokario.account.deletion"], "_bury", noting):
            self.run_job(self.at)
        self.assertEqual(self.deletion.state, "done", self.deletion.error_message)
        self.assertEqual(buried, [known])

    def test_a_restored_backup_is_erased_again(self):
        """The database does not know the deletion, the file beside it does."""
        with (
            TemporaryDirectory() as folder,
            patch.object(tombstones, "_path", lambda database: Path(folder) / database),
        ):
            self.deletion._bury()
            self.env.cr.postcommit.run()
            reference = self.deletion.name
            self.assertNotIn(EMAIL, Path(folder, self.deletion._database_uuid()).read_text())
            self.deletion.unlink()
            other = self.make_user("kept@example.org", "Kept Person", "kept@example.org")
            with mute_logger("odoo.addons.lokario_account.models.account_deletion"):
                self.run_job(self.at)
            again = self.env["lokario.account.deletion"].search([("name", "=", reference)])
            self.assertEqual(again.state, "done", again.residue_ids.mapped("table"))
        self.assertFalse(self.user.exists())
        self.assertTrue(other.exists())


@tagged("post_install", "-at_install")
class TestWithoutPassword(HttpCase):
    """Who comes by OAuth or a passkey confirms by a link in a mail."""

    def test_the_link_stands_for_the_password(self):
        user = new_test_user(
            self.env, "oauth@example.org", "base.group_portal", email="oauth@example.org", name="O Auth"
        )
        self.authenticate("oauth@example.org", "oauth@example.org")
        self.env.cr.execute("UPDATE res_users SET password = NULL WHERE id = %s", [user.id])
        self.env.registry.clear_cache()
        self.session.session_token = user._compute_session_token(self.session.sid)  # as OAuth logs in
        http.root.session_store.save(self.session)
        data = {"csrf_token": http.Request.csrf_token(self)}
        page = self.url_open("/my/account/deletion").text
        self.assertIn("/my/account/deletion", page)
        self.assertNotIn('type="password"', page)
        self.url_open("/my/account/deletion", data=data)
        self.assertFalse(user.deletion_ids)
        mail = self.env["mail.mail"].search([("model", "=", "res.users"), ("res_id", "=", user.id)])
        self.assertEqual(len(mail), 1)
        path = "/my/account/deletion/confirm"
        self.assertIn("alert-danger", self.url_open(path, data={**data, "token": "x"}).text)
        token = user._deletion_confirmation_url().partition("token=")[2]
        stranger = new_test_user(self.env, "other@example.org", "base.group_portal")
        self.assertFalse(stranger._is_deletion_confirmed(token))
        self.assertIn('name="token"', self.url_open(f"{path}?token={token}").text)
        self.assertFalse(user.deletion_ids, "programs open links")
        self.url_open(path, data={**data, "token": token})
        self.assertEqual(user.deletion_ids.state, "scheduled")
        self.assertFalse(user._is_deletion_confirmed(token))


@tagged("post_install", "-at_install")
class TestExport(HttpCase):
    def test_everything_about_the_person_and_nothing_about_others(self):
        mine = new_test_user(
            self.env, "mine@example.org", "base.group_portal", email="mine@example.org", name="Mine Own"
        )
        new_test_user(self.env, "theirs@example.org", "base.group_portal", email="theirs@example.org", name="Their Own")
        mine.partner_id.comment = "what a colleague noted"
        self.env["ir.attachment"].with_user(mine).sudo().create({"name": "a/b.txt", "raw": b"my own words"})
        self.assertTrue(self.url_open("/my/account/export").headers["Content-Type"].startswith("text/html"))
        self.authenticate("mine@example.org", "mine@example.org")
        for path in ("/my/account/export", "/my/deactivate_account"):  # where the login leads back to
            self.assertTrue(self.url_open(path).url.endswith("/my/account/deletion"))
        data = {"csrf_token": http.Request.csrf_token(self)}
        answers = [self.url_open("/my/account/export", data=data) for _try in range(4)]
        self.assertIn("alert-danger", answers[-1].text)
        archive = zipfile.ZipFile(io.BytesIO(answers[0].content))
        partner = json.loads(archive.read("res.partner.json"))
        self.assertEqual([row["email"] for row in partner], ["mine@example.org"])
        files = [archive.read(name) for name in archive.namelist() if name.startswith("files/")]
        self.assertEqual(files, [b"my own words"])
        whole = "".join(archive.read(name).decode() for name in archive.namelist())
        self.assertNotIn("theirs@example.org", whole)
        self.assertNotIn("password", whole)
