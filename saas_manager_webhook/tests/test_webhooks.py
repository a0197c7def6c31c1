import json
from datetime import timedelta
from unittest.mock import patch

import standardwebhooks
from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.lokario_base.tests.webhook_receiver import start_receiver
from odoo.addons.mail.tests.common import MailCommon
from odoo.addons.saas_manager.tests.common import SaasCase, run_mail_jobs


@tagged("post_install", "-at_install")
class TestWebhooks(SaasCase, MailCommon):
    """What a client's or the company's own system learns of instances."""

    def setUp(self):
        super().setUp()
        self.receiver = start_receiver(self)
        self.target = self.env["saas.webhook.target"].create({"url": self.receiver.url})
        self.instance = self.living("martin")

    def living(self, subdomain, **values):
        instance = self.new_instance(subdomain, **values)
        self.force_state(instance, "active", activation_date="2026-01-02 03:04:05", attempt=subdomain)
        return instance

    def deliver(self):
        self.env.ref("saas_manager_webhook.ir_cron_deliver").method_direct_trigger()
        self.env.invalidate_all()

    def bodies(self):
        return [json.loads(body) for _headers, body in self.receiver.received]

    def events(self):
        return [body["type"] for body in self.bodies()]

    def test_a_state_and_a_mail_are_notified_in_their_order_and_once(self):
        with self.mock_mail_gateway():
            self.instance.action_suspend("unpaid invoice")
            run_mail_jobs(self.env)
            self.instance.action_reactivate()
        for _turn in range(2):
            self.deliver()
        self.assertEqual(self.events(), ["instance.suspended", "message.sent", "instance.active"])
        first = self.bodies()[0]
        self.assertEqual(first["data"]["instance"]["state"], "suspended")
        self.assertEqual(first["data"]["instance"]["uuid"], self.instance.uuid)
        self.assertEqual(self.bodies()[1]["data"]["message"]["kind"], "suspended")
        headers, body = self.receiver.received[0]
        headers = {name.lower(): value for name, value in headers.items()}
        secret = self.target._reveal_secret__("signing_secret")
        self.assertTrue(standardwebhooks.Webhook(secret).verify(body, headers))

    def test_a_webhook_made_on_its_form_is_signed(self):
        """The form sends the secret it shows, “not set”, along with what was typed."""
        user = new_test_user(self.env, "hoster", "saas_manager.group_saas_manager_manager")
        with Form(self.env["saas.webhook.target"].with_user(user)) as form:
            form.url = self.receiver.url
        target = form.record
        self.assertTrue(target.signing_secret)
        target.action_test()
        self.deliver()
        [(headers, body)] = self.receiver.received
        headers = {name.lower(): value for name, value in headers.items()}
        self.assertTrue(standardwebhooks.Webhook(target._reveal_secret__("signing_secret")).verify(body, headers))

    def test_no_body_carries_a_password_or_an_address(self):
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        with self.mock_mail_gateway():
            self.instance._send_provisioning_email()
        self.deliver()
        self.assertEqual(self.events(), ["message.sent"])
        text = str(self.receiver.received).lower()
        for secret in ("sesame", "marie@martin.test", "saas-credential"):
            self.assertNotIn(secret, text)

    @patch("odoo.addons.lokario_base.models.webhook_delivery_mixin.RETRIES", (3600,) * 9)
    def test_a_failure_holds_back_what_follows_for_the_same_instance(self):
        other = self.living("other")
        self.receiver.answers = [500]
        with self.mock_mail_gateway():
            self.instance.action_suspend()
            self.instance.action_reactivate()
            other.action_suspend()
        self.deliver()
        self.assertEqual(self.events(), ["instance.suspended"], "a target that fails is left alone for a minute")
        deliveries = self.target.delivery_ids.sorted("id")
        self.assertEqual(deliveries.mapped("attempts"), [1, 0, 0])
        deliveries[2].next_try_at = fields.Datetime.now()
        self.deliver()
        self.assertEqual([body["data"]["instance"]["name"] for body in self.bodies()], ["Martin", "Other"])
        deliveries[0].next_try_at = fields.Datetime.now()
        deliveries[1].next_try_at = fields.Datetime.now()
        self.deliver()
        self.assertEqual(self.events()[2:], ["instance.suspended", "instance.active"])
        self.assertEqual(len({headers["webhook-id"] for headers, _body in self.receiver.received}), 3)

    def test_it_is_given_up_after_three_days_and_sent_again_by_hand(self):
        self.receiver.answers = [503] * 10
        self.target.action_test()
        delivery = self.target.delivery_ids
        waited = timedelta()
        for _turn in range(10):
            self.deliver()
            waited += max(delivery.next_try_at - fields.Datetime.now(), timedelta())
            delivery.next_try_at = fields.Datetime.now()
        self.assertEqual((delivery.state, delivery.answer), ("failed", "HTTP 503"))
        self.assertGreater(waited, timedelta(days=3))
        delivery.action_retry()
        self.deliver()
        self.assertEqual((delivery.state, self.events()[-1]), ("sent", "test"))

    def test_a_receiver_that_is_gone_is_left_alone_and_its_owner_told(self):
        user = new_test_user(self.env, "hoster", "saas_manager.group_saas_manager_manager", lang="fr_FR")
        target = self.env["saas.webhook.target"].with_user(user).create({"url": self.receiver.url})
        self.target.active = False
        self.receiver.answers = [410]
        target.action_test()
        with self.mock_mail_gateway():
            self.deliver()
        self.assertEqual((target.active, target.last_answer), (False, "HTTP 410"))
        told = self.env["mail.message"].search([("model", "=", target._name), ("res_id", "=", target.id)])
        self.assertEqual(told.notified_partner_ids, user.partner_id)
        self.assertIn("répond qu’il n’existe plus (HTTP 410)", told.body)

    def test_the_log_keeps_the_beginning_of_the_answer_without_what_looks_secret(self):
        self.receiver.answers, self.receiver.text = (
            [500, 200],
            b'{"token": "abcdefgh12345678", "no": "\x00<b>disk full"}' * 999,
        )
        self.target.action_test()
        delivery = self.target.delivery_ids
        self.deliver()
        self.assertIn("disk full", delivery.answer_body)
        self.assertLessEqual(len(delivery.answer_body), 2000)
        for gone in ("abcdefgh12345678", "\x00"):
            self.assertNotIn(gone, delivery.answer_body)
        self.receiver.text = b"thanks"
        delivery.next_try_at = fields.Datetime.now()
        self.deliver()
        self.assertEqual((delivery.answer, delivery.answer_body), ("HTTP 200", "thanks"))

    @patch("odoo.addons.lokario_base.tools.webhook_client.MAX_READING", 0.1)
    def test_a_receiver_that_talks_slowly_is_not_listened_to_for_long(self):
        self.receiver.answers, self.receiver.text, self.receiver.pause = [200], b"x" * 1000, 0.01
        self.target.action_test()
        self.deliver()
        delivery = self.target.delivery_ids
        self.assertEqual((delivery.state, delivery.answer), ("sent", "HTTP 200"))
        self.assertRegex(delivery.answer_body, "^x{1,999}$")

    def test_a_client_hears_of_his_own_instances_only(self):
        other = self.partner.copy({"email": "b@other.test"})
        self.target.partner_id = other
        of_all = start_receiver(self)
        self.env["saas.webhook.target"].create({"url": of_all.url, "events": "instance"})
        with self.mock_mail_gateway():
            self.living("other", partner_id=other.id).action_suspend()
            self.instance.action_suspend()
            run_mail_jobs(self.env)
        self.deliver()
        self.assertEqual({body["data"]["instance"]["name"] for body in self.bodies()}, {"Other"})
        self.assertEqual(self.events(), ["instance.suspended", "message.sent"])
        self.assertEqual(len(of_all.received), 2, "states alone, of both")

    def test_another_company_neither_hears_nor_reads(self):
        company = self.env["res.company"].create({"name": "Other"})
        self.target.company_id = company
        with self.mock_mail_gateway():
            self.instance.action_suspend()
        self.assertFalse(self.target.delivery_ids)
        group = "saas_manager.group_saas_manager_user"
        user = new_test_user(self.env, "saas-user", group)
        self.assertFalse(self.env["saas.webhook.target"].with_user(user).search([]))
        mine = self.env["saas.webhook.target"].create({"url": "https://erp.example/x"})
        with self.assertRaises(AccessError):
            mine.with_user(user).action_test()

    def test_where_it_may_go(self):
        for url in ("http://erp.example/hook", "ftp://127.0.0.1/", "https://10.0.0.1/hook"):
            with self.subTest(url), self.assertRaises(ValidationError):
                self.target.url = url
        self.env["ir.config_parameter"].set_param("saas_manager_webhook.allowed_hosts", "10.0.0.0/8")
        self.target.url = "https://10.0.0.1/hook"

    def test_another_receiver_has_another_secret(self):
        before = self.target._reveal_secret__("signing_secret")
        self.target.action_show_secret()
        self.assertEqual(self.target._get_client__()._secrets[1], before)
        self.target.url = "https://erp.example/hook"
        secrets = self.target._get_client__()._secrets
        self.assertEqual(len(secrets), 1)
        self.assertNotIn(before, secrets)

    def test_a_copy_of_the_manager_notifies_nobody(self):
        self.target.action_test()
        self.env.flush_all()
        for query in get_neutralization_queries(["saas_manager_webhook"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertFalse(self.target.active)
        self.assertIsNone(self.target._reveal_secret__("signing_secret"))
        self.assertEqual(self.target.delivery_ids.state, "failed")
