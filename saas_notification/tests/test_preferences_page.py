import re

from odoo.tests import HttpCase, new_test_user, tagged

from odoo.addons.saas_manager.tests.common import SaasCase


@tagged("post_install", "-at_install")
class TestPreferencesPage(HttpCase):
    """The page behind a message's link."""

    def setUp(self):
        super().setUp()
        values = {"name": "Marie", "email": "marie@martin.test", "lang": "en_US"}
        self.person = self.env["res.partner"].create(values)
        self.link = self.env["saas.preference"]._link(self.env.company, self.person)
        self.path = self.link[self.link.index("/saas/preferences/") :]

    def form_token(self, answer):
        return re.search(r'name="form_token" value="([^"]+)"', answer.text)[1]

    def chosen(self):
        self.env.invalidate_all()
        return self.env["saas.preference"]._of(self.env.company, self.person)

    def test_a_reader_chooses(self):
        page = self.url_open(self.path)
        self.assertEqual((page.status_code, page.headers["Cache-Control"]), (200, "no-store"))
        self.assertIn("Which messages do you want?", page.text)
        self.assertIn("It carries your credentials.", page.text)
        self.assertEqual(self.chosen(), {}, "opening it changes nothing")
        form = {"form_token": self.form_token(page), "expiring": "none", "suspended": "none", "nonsense": "x"}
        saved = self.url_open(self.path, data=form)
        self.assertIn("Your choice is saved.", saved.text)
        self.assertEqual(self.chosen(), {"expiring": "none"}, "what cannot be refused is not")
        again = self.url_open(self.path, data={**form, "expiring": "email"})
        self.assertIn("sent already", again.text)
        self.assertEqual(self.chosen(), {"expiring": "none"})

    def test_it_speaks_its_readers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"].search([("name", "=", "saas_notification")])._update_translations(["fr_FR"])
        self.person.lang = "fr_FR"
        self.assertIn("Quels messages", self.url_open(self.path).text)

    def test_other_tokens_open_nothing(self):
        for token in ("x", self.path.rpartition("/")[2][:-2], "%00", "a" * 3000):
            with self.subTest(token[:20]):
                self.assertEqual(self.url_open(f"/saas/preferences/{token}").status_code, 404)
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"].search([("name", "=", "lokario_base")])._update_translations(["fr_FR"])
        page = self.url_open("/saas/preferences/x", headers={"Accept-Language": "fr-FR"})
        self.assertIn("Ce lien ne mène nulle part", page.text)
        self.assertEqual(page.headers["Cache-Control"], "no-store")

    def test_the_links_form_opens_no_other_persons_choice(self):
        other = self.env["res.partner"].create({"name": "Other"})
        theirs = self.env["saas.preference"]._link(self.env.company, other)
        token = self.form_token(self.url_open(self.path))
        path = theirs[theirs.index("/saas/preferences/") :]
        self.url_open(path, data={"form_token": token, "expiring": "none"})
        self.assertEqual(self.env["saas.preference"]._of(self.env.company, other), {})

    def test_read_receipts_are_off_until_the_reader_agrees(self):
        consents = self.env["saas.read.consent"]
        page = self.url_open(self.path)
        self.assertFalse(re.search(r"<input[^>]*receipts[^>]*checked", page.text))
        saved = self.url_open(self.path, data={"form_token": self.form_token(page), "receipts": "1"})
        self.assertTrue(re.search(r"<input[^>]*receipts[^>]*checked", saved.text))
        self.assertTrue(consents._of(self.env.company, self.person))
        self.url_open(self.path, data={"form_token": self.form_token(saved)})
        self.assertFalse(consents._of(self.env.company, self.person))


@tagged("post_install", "-at_install")
class TestPortal(HttpCase, SaasCase):
    """The same choices where the client has a login."""

    registry_test_mode = False  # SaasCase enters it

    def setUp(self):
        super().setUp()
        self.new_instance()
        self.user = new_test_user(self.env, "marie", "base.group_portal", partner_id=self.partner.id)
        self.authenticate("marie", "marie")
        self.opener.headers["Accept-Language"] = "en-US"

    def post(self, **form):
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.url_open("/my/messages").text)[1]
        return self.url_open("/my/messages", data={"csrf_token": token, **form})

    def test_a_client_with_a_login_chooses(self):
        self.assertIn("/my/messages", self.url_open("/my/home").text)
        page = self.url_open("/my/messages").text
        self.assertIn('name="expiring"', page)
        saved = self.post(company=self.env.company.id, expiring="none", suspended="none", receipts="1")
        self.assertIn("alert-success", saved.text)
        self.env.invalidate_all()
        self.assertEqual(self.env["saas.preference"]._of(self.env.company, self.partner), {"expiring": "none"})
        self.assertTrue(self.env["saas.read.consent"]._of(self.env.company, self.partner))

    def test_another_company_is_not_found(self):
        other = self.env["res.company"].create({"name": "Other"})
        for company in (other.id, "x", ""):
            self.assertEqual(self.post(company=company, expiring="none").status_code, 404)
        self.assertFalse(self.env["saas.preference"]._of(other, self.partner))

    def test_who_has_no_instance_has_no_choice(self):
        new_test_user(self.env, "paul", "base.group_portal")
        self.authenticate("paul", "paul")
        page = self.url_open("/my/messages")
        self.assertEqual(page.status_code, 200)
        self.assertNotIn('name="expiring"', page.text)
