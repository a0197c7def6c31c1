from types import SimpleNamespace
from unittest.mock import patch

from freezegun import freeze_time
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.iap.tools import iap_tools
from odoo.addons.mail.tests.common import MailCommon
from odoo.addons.saas_manager.tests.common import SaasCase, run_mail_jobs

from .sms_provider import SmsProvider

NOON, NIGHT, MORNING = "2026-03-04 11:00:00", "2026-03-04 22:30:00", "2026-03-05 07:00:00"
NUMBER = "+33612345678"


@tagged("post_install", "-at_install")
class TestSms(SaasCase, MailCommon):
    """What a client who chose it gets by SMS, through a provider that speaks the service's protocol."""

    def setUp(self):
        super().setUp()
        self.provider = SmsProvider()
        self.enterContext(self.provider)
        self.env["ir.config_parameter"].set_param("sms.endpoint", self.provider.url)
        # Odoo calls no service in a test: here it is one of our own.
        outside = SimpleNamespace(module=SimpleNamespace(current_test=None))
        self.startPatcher(patch.object(iap_tools, "modules", outside))
        self.partner.write({"phone": "06 12 34 56 78", "country_id": self.env.ref("base.fr").id, "tz": "Europe/Paris"})
        self.instance = self.new_instance()
        self.force_state(self.instance, "active", attempt="first", activation_date="2026-01-02 03:04:05")

    def choose(self, kind, channel, person=None):
        values = {"partner_id": (person or self.partner).id, "kind": kind, "channel": channel}
        with self.env.cr.savepoint():
            return self.env["saas.preference"].create(values)

    def run_jobs(self, now=NOON):
        with freeze_time(now), self.mock_mail_gateway(mail_unlink_sent=True):
            run_mail_jobs(self.env)
        self.env.invalidate_all()
        return len(self._mails)

    def queue(self, kind, now=NOON, **options):
        with freeze_time(now):
            self.instance._queue_lifecycle_email(kind, **options)

    def by_sms(self):
        return self.instance.mail_ids.filtered(lambda message: message.channel == "sms")

    def test_the_channel_that_was_chosen(self):
        self.choose("reactivated", "sms")
        self.choose("suspended", "both")
        self.queue("suspended")
        self.assertEqual(self.run_jobs(), 1)
        self.queue("reactivated")
        self.assertEqual(self.run_jobs(), 0)
        self.queue("converted")
        self.assertEqual(self.run_jobs(), 1)
        numbers, texts = zip(*self.provider.taken, strict=True)
        self.assertEqual(numbers, (NUMBER, NUMBER))
        self.assertIn("is suspended", texts[0])
        self.assertIn("martin.example.test is back", texts[1])
        sent = self.by_sms()[:1]
        self.assertEqual((sent.state, sent.email_to, sent.segments), ("sent", NUMBER, 1))
        self.assertIn("is back", sent.body)

    def test_a_number_on_the_blacklist_gets_none(self):
        self.choose("suspended", "both")
        self.env["phone.blacklist"].sudo().add(NUMBER)
        self.env.invalidate_all()  # another transaction
        self.queue("suspended")
        self.assertEqual((self.run_jobs(), self.provider.taken), (1, []))
        self.assertEqual(self.by_sms().state, "skipped")

    def test_it_is_sent_once(self):
        self.choose("reactivated", "sms")
        for _time in range(2):
            self.queue("reactivated")
            self.run_jobs()
        self.by_sms()._job_send()
        self.assertEqual(len(self.provider.taken), 1)

    def test_at_night_it_waits_and_the_mail_does_not(self):
        self.choose("suspended", "both")
        self.queue("suspended", NIGHT)
        job = self.env["queue.job"].search([("method_name", "=", "_job_send")]).filtered("eta")
        self.assertEqual(str(job.eta), MORNING, "eight o'clock in Paris")
        self.assertEqual(self.run_jobs(NIGHT), 1)
        self.assertEqual((self.provider.taken, self.by_sms().state), ([], "queued"))
        with freeze_time(MORNING):
            self.env.ref("saas_manager.ir_cron_retry_mails").method_direct_trigger()
        self.run_jobs(MORNING)
        self.assertEqual((len(self.provider.taken), self.by_sms().state), (1, "sent"))

    def test_the_night_is_its_readers(self):
        self.partner.tz = "America/New_York"
        self.choose("reactivated", "sms")
        self.queue("reactivated", "2026-03-04 23:00:00")
        self.run_jobs("2026-03-04 23:00:00")
        self.assertEqual(len(self.provider.taken), 1)

    def test_credentials_never_leave_by_sms(self):
        with self.assertRaisesRegex(ValidationError, "not sent by this channel"):
            self.choose("provisioned", "both")
        for kind in ("suspended", "terminated"):
            with self.assertRaises(ValidationError):
                self.choose(kind, "sms")
        template = self.env.ref("saas_notification_sms.sms_template_reactivated")
        template.body = "{{ object.admin_password }}{{ object.set_password_url }}{{ object.pending_password }} back"
        self.choose("reactivated", "sms")
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        self.queue("reactivated")
        self.run_jobs()
        self.assertNotIn("Sesame", str(self.provider.taken))

    def test_who_has_no_number_chooses_none_and_is_told_why(self):
        for phone in (False, "12", "+33 6 12"):
            self.partner.phone = phone
            with self.subTest(phone), self.assertRaisesRegex(ValidationError, "no phone number"):
                self.choose("reactivated", "sms")
        preferences = self.env["saas.preference"]
        self.assertEqual(preferences._channels_of("reactivated", self.partner), ["email", "none"])
        self.partner.phone = NUMBER
        self.assertEqual(preferences._channels_of("reactivated", self.partner), ["email", "sms", "both", "none"])
        self.assertEqual(preferences._channels_of("suspended", self.partner), ["email", "both"])

    def test_a_number_that_was_lost_since_is_said(self):
        self.choose("reactivated", "sms")
        self.partner.phone = False
        self.queue("reactivated")
        self.run_jobs()
        self.assertEqual(self.by_sms().state, "skipped")
        self.assertIn("no phone number", self.by_sms().reason)

    def refused(self, state):
        self.choose("reactivated", "sms")
        self.provider.refusals = {NUMBER: state}
        self.queue("reactivated")
        self.run_jobs()
        self.provider.refusals = {}
        with freeze_time(NOON):
            self.env.ref("saas_manager.ir_cron_retry_mails").method_direct_trigger()
        self.env.invalidate_all()
        return self.by_sms().mapped("state")

    def test_no_credit_today_is_tried_again(self):
        self.assertEqual(self.refused("insufficient_credit"), ["sent", "failed"])
        self.assertEqual(len(self.provider.taken), 1)

    def test_a_number_that_the_provider_refuses_is_not(self):
        self.assertEqual(self.refused("wrong_number_format"), ["skipped"])
        self.assertEqual(self.provider.taken, [])

    @mute_logger("odoo.addons.iap.tools.iap_tools", "odoo.tools.translate")
    def test_a_provider_that_took_it_without_an_answer_is_asked_no_second_time(self):
        self.choose("reactivated", "sms")
        self.provider.is_mute = True
        self.queue("reactivated")
        self.run_jobs()
        self.provider.is_mute = False
        with freeze_time(NOON):
            self.env.ref("saas_manager.ir_cron_retry_mails").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(self.by_sms().state, "unknown")
        self.assertEqual(len(self.provider.taken), 1)
        self.assertFalse(self.env["sms.sms"].search([("number", "=", NUMBER)]), "Odoo's queue has no second one")

    @mute_logger("odoo.addons.iap.tools.iap_tools", "odoo.tools.translate")
    def test_a_provider_that_is_not_there_is_asked_again(self):
        self.choose("reactivated", "sms")
        self.env["ir.config_parameter"].set_param("sms.endpoint", "http://127.0.0.1:1")
        self.queue("reactivated")
        self.run_jobs()
        self.assertEqual(self.by_sms().state, "failed")

    def test_a_report_of_the_operator(self):
        self.choose("reactivated", "sms")
        self.queue("reactivated")
        self.run_jobs()
        tracker = self.env["sms.tracker"].search([("sms_uuid", "=", self.by_sms().sms_uuid)])
        tracker._action_update_from_provider_error("not_delivered")
        self.assertEqual(self.by_sms().state, "skipped")
        self.assertIn("not_delivered", self.by_sms().reason)

    def test_each_reads_it_in_his_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"].search([("name", "=", "saas_notification_sms")])._update_translations(["fr_FR"])
        self.partner.lang = "fr_FR"
        self.choose("reactivated", "sms")
        self.queue("reactivated")
        self.run_jobs()
        self.assertIn("est de retour", self.provider.taken[0][1])
