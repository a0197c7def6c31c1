from odoo.exceptions import ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools.misc import format_datetime

from odoo.addons.mail.tests.common import MailCommon
from odoo.addons.saas_manager.tests.common import SaasCase


@tagged("post_install", "-at_install")
class TestContacts(SaasCase, MailCommon):
    """Who is written to about which event."""

    def setUp(self):
        super().setUp()
        self.instance = self.new_instance()
        self.force_state(self.instance, "active", attempt="first")
        self.people = {
            role: self.env["res.partner"].create({"name": role, "email": f"{role}@martin.test", "lang": "en_US"})
            for role in ("owner", "technical", "billing")
        }
        for role, person in self.people.items():
            self.env["saas.contact"].create({"client_id": self.partner.id, "partner_id": person.id, "role": role})

    def send(self, method):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            getattr(self.instance, method)()
        return sorted(mail["email_to"][0].partition("@")[0] for mail in self._mails)

    def test_each_gets_what_concerns_the_role(self):
        self.assertEqual(self.send("_send_suspension_email"), ["billing", "marie", "owner", "technical"])
        self.instance._set_guarded(expiration_date="2026-12-01")
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.instance._send_lifecycle_email("expiring")
        self.assertEqual(
            sorted(mail["email_to"][0] for mail in self._mails),
            ["billing@martin.test", "marie@martin.test", "owner@martin.test"],
        )

    def test_credentials_go_to_the_client_alone(self):
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        self.assertEqual(self.send("_send_provisioning_email"), ["marie"])

    def test_each_gets_it_once(self):
        self.send("_send_suspension_email")
        self.assertEqual(self.send("_send_suspension_email"), [])

    def test_each_reads_it_in_his_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"].search([("name", "=", "saas_manager")])._update_translations(["fr_FR"])
        self.people["technical"].lang = "fr_FR"
        self.send("_send_suspension_email")
        subjects = {mail.email_to.partition("@")[0]: mail.subject for mail in self.instance.mail_ids}
        self.assertIn("suspendu", subjects["technical"])
        self.assertIn("suspended", subjects["billing"])

    def test_each_is_greeted_by_name(self):
        self.people["technical"].name = "Denis Client"
        for method in ("_send_suspension_email", "_send_reactivation_email"):
            self.send(method)
        greeted = {(mail.contact_id, mail.kind): mail.body for mail in self.instance.mail_ids}
        for kind in ("suspended", "reactivated"):
            self.assertIn("Hello Denis Client,", greeted[self.people["technical"], kind])
            self.assertIn(f"Hello {self.partner.name},", greeted[self.env["res.partner"], kind])

    def test_dates_are_the_readers(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.people["technical"].write({"lang": "fr_FR", "tz": "Asia/Tokyo"})
        self.partner.tz = "Europe/Paris"
        self.instance._set_guarded(reactivation_date="2026-03-04 20:00:00")
        self.send("_send_reactivation_email")
        bodies = {mail.email_to.partition("@")[0]: mail.body for mail in self.instance.mail_ids}
        moment = self.instance.reactivation_date
        for role, lang, tz in (("technical", "fr_FR", "Asia/Tokyo"), ("billing", "en_US", "Europe/Paris")):
            self.assertIn(format_datetime(self.env, moment, tz, "short", lang), bodies[role])

    def test_who_had_no_address_gets_it_later_alone(self):
        self.people["billing"].email = False
        self.send("_send_suspension_email")
        states = dict(self.instance.mail_ids.mapped(lambda mail: (mail.contact_id.name or "client", mail.state)))
        self.assertEqual((states["client"], states["technical"], states["billing"]), ("sent", "sent", "skipped"))
        self.people["billing"].email = "later@martin.test"
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.instance._send_suspension_email()
        self.assertIn("later@martin.test", [mail["email_to"][0] for mail in self._mails])
        self.assertNotIn("marie@martin.test", [mail["email_to"][0] for mail in self._mails])

    def test_what_is_refused_is_not_sent_and_nothing_to_look_after(self):
        self.env["saas.preference"].create({"partner_id": self.partner.id, "kind": "reactivated", "channel": "none"})
        self.assertEqual(self.send("_send_reactivation_email"), ["billing", "owner", "technical"])
        mine = self.instance.mail_ids.filtered(lambda mail: not mail.contact_id)
        self.assertEqual(mine.state, "refused")
        self.assertIn("does not want it", mine.reason)
        self.assertEqual(self.instance.mail_state, "sent")

    def test_some_cannot_be_refused(self):
        for kind in ("provisioned", "suspended", "terminated"):
            with self.subTest(kind), self.assertRaisesRegex(ValidationError, "cannot be refused"):
                self.env["saas.preference"].create({"partner_id": self.partner.id, "kind": kind, "channel": "none"})

    def test_another_company_neither_reads_nor_writes_to_them(self):
        company = self.env["res.company"].create({"name": "Other"})
        group = "saas_manager.group_saas_manager_user"
        stranger = new_test_user(self.env, "saas-other", group, company_id=company.id, company_ids=company.ids)
        self.assertFalse(self.env["saas.contact"].with_user(stranger).search([]))
        self.env["saas.contact"].search([("role", "=", "technical")]).company_id = company
        self.assertEqual(self.send("_send_suspension_email"), ["billing", "marie", "owner"])

    def test_each_mail_leads_to_its_readers_choice_and_the_history_does_not(self):
        self.send("_send_suspension_email")
        for mail in self._mails:
            self.assertIn("/saas/preferences/", mail["body"])
        links = {mail["body"].partition("/saas/preferences/")[2].partition('"')[0] for mail in self._mails}
        self.assertEqual(len(links), 4, "one for each reader")
        kept = " ".join(self.instance.mail_ids.mapped("body"))
        self.assertFalse([link for link in links if link in kept])
