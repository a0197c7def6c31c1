from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.tests import tagged
from odoo.tools.misc import format_date

from odoo.addons.mail.tests.common import MailCommon
from odoo.addons.saas_manager.exceptions import ServerUnreachable
from odoo.addons.saas_manager.tests.common import SaasCase, run_mail_jobs


@tagged("post_install", "-at_install")
class TestReminders(SaasCase, MailCommon):
    """Clients are reminded when it is due, as often as the rule says, and not any more when it is done."""

    def setUp(self):
        super().setUp()
        self.instance = self.new_instance()
        self.force_state(self.instance, "active", attempt="first", pending_password="Sesame123Sesame123")
        self.login = None
        self.startPatcher(patch.object(self.registry["saas.reminder"], "_last_login", lambda *_arguments: self.login))
        with self.mock_mail_gateway():
            self.instance._send_provisioning_email()
        self.rule = self.env["saas.reminder"].create({"kind": "credentials_unused", "days": 3, "every": 4, "times": 2})
        self.rule.company_id.partner_id.tz = "UTC"  # days of 24 hours

    def days_later(self, days):
        """What the client gets on that day: the mail with the credentials is as old."""
        credentials = self.instance.mail_ids.filtered(lambda mail: mail.kind == "provisioned")
        credentials.sent_at = fields.Datetime.now() - timedelta(days=days)
        # a series begins on a day: what was sent of it is as old, too
        start = self.rule.company_id._lokario_day(credentials.sent_at) + timedelta(days=self.rule.days)
        for mail in self.instance.mail_ids - credentials:
            mail.detail = f"{self.rule.id}/{start}/{mail.detail.rpartition('/')[2]}"
        return self.remind()

    def remind(self):
        with self.mock_mail_gateway():
            self.env.ref("saas_notification.ir_cron_remind").method_direct_trigger()
            run_mail_jobs(self.env)
        self.env.invalidate_all()
        return [mail["subject"] for mail in self._mails]

    def test_credentials_that_were_not_used(self):
        reminder = "Your Odoo Martin is waiting for you"
        found = [self.days_later(days) for days in (0, 2, 3, 4, 7, 8, 30)]
        self.assertEqual(found, [[], [], [reminder], [], [reminder], [], []])

    def test_a_login_ends_it(self):
        self.login = fields.Datetime.now()
        self.assertEqual(self.days_later(5), [])

    def test_a_suspended_instance_is_not_reminded_of(self):
        self.force_state(self.instance, "suspended")
        self.assertEqual(self.days_later(5), [])

    def test_an_instance_that_does_not_answer_holds_up_no_other(self):
        other = self.new_instance("other", expiration_date=self.rule._today())
        self.force_state(other, "active", attempt="second")
        self.env["saas.reminder"].create({"kind": "expiring", "days": 1})
        with patch.object(self.registry["saas.reminder"], "_last_login", side_effect=ServerUnreachable("gone")):
            self.assertEqual(self.days_later(5), ["Your Odoo Other expires soon"])

    def test_what_leaves_before_it_expires(self):
        self.rule.write({"kind": "expiring", "days": 30, "times": 1})
        today = self.rule._today()
        found = []
        for days in (31, 30, 20):
            self.instance.expiration_date = today + timedelta(days=days)
            found.append(self.remind())
        self.assertEqual([len(mails) for mails in found], [0, 1, 1], "another date is another series")
        self.assertEqual(self.remind(), [])

    def test_days_are_those_of_the_company(self):
        self.rule.write({"kind": "expiring", "days": 2})
        self.instance.expiration_date = "2026-03-04"
        with freeze_time("2026-03-02 01:00:00"):
            for zone, count in (("America/Guadeloupe", 0), ("Europe/Paris", 1)):
                self.rule.company_id.partner_id.tz = zone
                self.assertEqual(len(self.remind()), count, zone)

    def test_what_was_seen_of_the_address(self):
        """The certificate, the address and the suspension: each has its day, and what ends it."""
        today = self.rule._today()
        kinds = ("certificate", "unreachable", "suspending")
        rules = {kind: self.rule.copy({"kind": kind, "days": 1}) for kind in kinds}
        self.rule.active = False
        self.assertEqual(self.remind(), [])
        self.instance._set_guarded(
            certificate_until=today + timedelta(days=1),
            unreachable_since=fields.Datetime.now() - timedelta(days=1),
            expiration_date=today,
        )
        self.assertEqual(
            sorted(self.remind()),
            [
                "Access to your Odoo Martin will be suspended",
                "The address of your Odoo Martin is not reachable",
                "The certificate of your Odoo Martin expires soon",
            ],
        )
        self.assertEqual(self.remind(), [])
        why = {kind: rule._verdict(self.new_instance(kind))[2] for kind, rule in rules.items()}
        self.assertEqual(set(why.values()), {"The instance is not active."})
        self.instance._set_guarded(certificate_until=today + timedelta(days=90), unreachable_since=False)
        for rule in rules.values():
            rule.write({"days": 20, "times": 5})
        self.assertIn("reachable", rules["unreachable"]._verdict(self.instance)[2])
        self.assertIn("The first one is due", rules["certificate"]._verdict(self.instance)[2])

    def test_what_the_client_owes(self):
        self.rule.kind = "unpaid"
        self.assertEqual(self.rule._verdict(self.instance)[2], "No unpaid invoice is known.")
        since = self.rule._today() - timedelta(days=3)
        with patch.object(self.registry["saas.reminder"], "_unpaid_since", lambda _rule, _instance: since):
            self.assertEqual(self.remind(), ["An invoice for your Odoo Martin is not paid"])

    def test_the_form_says_what_comes_next(self):
        today = self.rule._today()
        self.assertEqual(self.instance.next_reminder, f"Credentials not used – {self.day(today + timedelta(days=3))}")
        self.instance.expiration_date = today + timedelta(days=2)
        self.rule.copy({"kind": "expiring", "days": 1})
        self.env.invalidate_all()
        self.assertEqual(self.instance.next_reminder, f"Instance expires soon – {self.day(today + timedelta(days=1))}")
        self.instance.expiration_date = today + timedelta(days=1)
        self.env.invalidate_all()
        self.assertEqual(self.instance.next_reminder, f"Instance expires soon – {self.day(today)}")
        self.env["saas.reminder"].search([]).active = False
        self.env.invalidate_all()
        self.assertFalse(self.instance.next_reminder)

    def day(self, date):
        return format_date(self.env, date)

    def test_who_does_not_want_it_gets_none(self):
        values = {"partner_id": self.partner.id, "kind": "credentials_unused", "channel": "none"}
        self.env["saas.preference"].create(values)
        self.assertEqual(self.days_later(5), [])
        self.assertEqual(self.instance.mail_ids[:1].state, "refused")

    def test_the_preview_sends_nothing_and_says_why(self):
        other = self.new_instance("other")
        self.force_state(other, "active", attempt="second")
        credentials = self.instance.mail_ids
        credentials.sent_at = fields.Datetime.now() - timedelta(days=5)
        action = self.rule.action_preview()
        preview = self.env[action["res_model"]].search(action["domain"])
        verdicts = {line.instance_id: (line.leaves, line.verdict) for line in preview}
        self.assertEqual(verdicts[self.instance], (True, "Number 1 of 2"))
        self.assertEqual(verdicts[other], (False, "No credentials were sent."))
        self.env["res.lang"]._activate_lang("fr_FR")
        french = preview[:1].reminder_id.with_context(lang="fr_FR")
        words = dict(french._fields["kind"]._description_selection(french.env))
        self.assertEqual(french.display_name, words["credentials_unused"])
        self.assertEqual(preview[:1].reminder_id.display_name, "Credentials not used")
        self.assertEqual(self.instance.mail_ids, credentials)
