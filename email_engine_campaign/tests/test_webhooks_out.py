import json
from datetime import timedelta

import standardwebhooks
from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.lokario_base.tests.webhook_receiver import start_receiver
from odoo.addons.lokario_base.tools import standard_webhooks

from .common import CampaignCommittedCase, CampaignHttpCase


@tagged("post_install", "-at_install")
class TestOutgoingWebhooks(CampaignCommittedCase):
    def setUp(self):
        super().setUp()
        self.server = start_receiver(self)
        self.secret = standard_webhooks.new_secret()
        self.target = self.env["engine.webhook.target"].create(
            {
                "url": self.server.url,
                "tenant_id": self.tenant_a.id,
                "signing_secret": self.secret,
            }
        )

    def _add_events(self, tenant, count, kind="d"):
        now = fields.Datetime.now()
        for _number in range(count):
            key = f"out-{self.env['engine.event'].search_count([])}"
            values = {"key": key, "type": kind, "time": now, "tenant_id": tenant.id, "rcpt": "a@x.test"}
            self.env["engine.event"].sudo().create(values)
        self.env.flush_all()

    def _run_cron(self):
        self.run_cron("email_engine_campaign.ir_cron_deliver_webhooks")

    def test_signed_complete_and_once(self):
        """What the reference library verifies; every event once, none of another tenant, no receipts."""
        self._add_events(self.tenant_a, 3)
        self._add_events(self.tenant_a, 1, "r")
        self._add_events(self.tenant_b, 2)
        for _turn in range(3):
            self._run_cron()
        [(headers, body)] = self.server.received
        payload = standardwebhooks.Webhook(self.secret).verify(body, {k.lower(): v for k, v in headers.items()})
        self.assertEqual([one["event"] for one in payload["data"]], ["email.delivered"] * 3)
        self.assertEqual(payload["tenant_id"], self.tenant_a.id)
        self.assertEqual(self.target.delivery_ids.state, "sent")

    def test_a_secret_that_is_none_stops_no_other_target(self):
        broken = self.target.copy({"tenant_id": self.tenant_b.id, "signing_secret": "no base64"})
        self._add_events(self.tenant_b, 1)
        self._add_events(self.tenant_a, 1)
        for _turn in range(2):  # the first one only learns up to where events are complete
            self._run_cron()
        self.assertEqual(broken.delivery_ids.mapped("state"), ["failed"])
        self.assertEqual(self.target.delivery_ids.mapped("state"), ["sent"])

    def test_failures_are_retried_with_the_same_id_and_given_up_at_last(self):
        self._add_events(self.tenant_a, 1)
        self.server.answers = [500, 302] + [500] * 20
        for _turn in range(2):
            self._run_cron()
        delivery = self.target.delivery_ids
        self.assertEqual((delivery.state, delivery.attempts, delivery.answer), ("pending", 1, "HTTP 500"))
        for _turn in range(12):
            delivery.next_try_at = fields.Datetime.now() - timedelta(seconds=1)
            self._run_cron()
        self.assertEqual((delivery.state, delivery.attempts), ("failed", 10))
        self.assertEqual({headers["webhook-id"] for headers, _body in self.server.received}, {delivery.message_id})
        self.server.answers = []
        delivery.action_retry()
        self._run_cron()
        self.assertEqual(delivery.state, "sent")
        self.assertEqual(len(json.loads(delivery.body)["data"]), 1)

    def test_a_receiver_that_is_gone_is_left_alone_until_it_is_wanted_again(self):
        for _time in range(2):
            self.target.action_test()
        self.server.answers = [410]
        for _turn in range(2):
            self._run_cron()
        waiting, refused = self.target.delivery_ids
        self.assertEqual((refused.state, refused.answer, waiting.state), ("failed", "HTTP 410", "pending"))
        self.assertFalse(self.target.active)
        self.assertEqual(len(self.server.received), 1)
        alert = self.env["engine.alert"].search([("tenant_id", "=", self.tenant_a.id)])
        self.assertIn(f"{self.server.url} answers that it is gone", alert.text)
        for refused_call in (self.target.action_test, refused.action_retry):
            with self.assertRaisesRegex(UserError, "archived"):
                refused_call()
        self.target.active = True
        self._run_cron()
        self.assertEqual((waiting.state, self.target.last_answer), ("sent", "HTTP 204"))

    def test_only_https_outside_of_this_machine(self):
        with self.assertRaisesRegex(ValidationError, "give an https"):
            self.target.url = "http://tenant.example/hook"
        with self.assertRaisesRegex(ValidationError, "give an https"):
            self.target.url = "ftp://127.0.0.1/"

    def test_for_a_day_the_former_secret_verifies_too(self):
        self.target.action_show_secret()
        fresh = self.target._reveal_secret__("signing_secret")
        self._add_events(self.tenant_a, 2)
        for _turn in range(2):
            self._run_cron()
        [(headers, body)] = self.server.received
        headers = {name.lower(): value for name, value in headers.items()}
        for secret in (self.secret, fresh):
            self.assertTrue(standardwebhooks.Webhook(secret).verify(body, headers))
        self.target.sudo().former_until = fields.Datetime.now() - timedelta(seconds=1)
        self.assertEqual(self.target._get_client__()._secrets, [fresh])

    def test_the_button_sends_a_test(self):
        self.target.action_test()
        self.assertEqual(self.target.last_answer, "Waiting")
        self._run_cron()
        self.target.invalidate_recordset()
        self.assertRegex(self.target.last_answer, "^HTTP 20")
        [(headers, body)] = self.server.received
        payload = standardwebhooks.Webhook(self.secret).verify(body, {k.lower(): v for k, v in headers.items()})
        self.assertEqual((payload["type"], payload["data"]), ("test", []))


@tagged("post_install", "-at_install")
class TestWebhookTargetsApi(CampaignHttpCase):
    """A program keeps its own webhooks: the secret is the program's, and no answer tells it."""

    def call(self, path, body=None, status=200, **options):
        data = json.dumps(body) if body is not None else None
        response = self.api(f"/webhook-targets{path}", data=data, **options)
        self.assertEqual(response.status_code, status, response.text)
        self.assertNotIn("whsec_", response.text.replace("give whsec_", "").replace("`whsec_`", ""))
        return response.json() if response.content else None

    def test_its_whole_life(self):
        server, secret = start_receiver(self), standard_webhooks.new_secret()
        tenant = self.tenant_a.id
        asked = {"tenant_id": tenant, "url": server.url, "signing_secret": secret}
        self.call("", {**asked, "signing_secret": "whsec_c2hvcnQ="}, status=422)
        self.call("", {**asked, "url": "http://shop.example/hook"}, status=422)
        self.call("", {**asked, "tenant_id": self.tenant_b.id}, status=404)
        made = self.call("", asked, status=201)
        self.call("", asked, status=409)  # each event would come twice
        path = f"/{tenant}/{made['id']}"
        self.assertEqual(self.call(f"/{tenant}")["items"], [made])
        self.call(f"{path}/test", status=202, method="POST")
        fresh = standard_webhooks.new_secret()
        self.assertTrue(self.call(f"{path}/rotate", {"signing_secret": fresh})["former_secret_until"])
        server.answers = [500]
        self._deliver()
        [sent] = self.call(f"{path}/deliveries")["items"]
        self.assertEqual((sent["state"], sent["answer"], sent["payload"]["type"]), ("pending", "HTTP 500", "test"))
        again = self.call(f"{path}/deliveries/{sent['id']}/resend", status=200, method="POST")
        self.assertEqual((again["state"], again["attempts"]), ("pending", 0))
        self._deliver()
        self.assertEqual(len({headers["webhook-id"] for headers, _body in server.received}), 1)
        headers, body = server.received[-1]
        headers = {name.lower(): value for name, value in headers.items()}
        for one in (secret, fresh):
            self.assertTrue(standardwebhooks.Webhook(one).verify(body, headers))
        self.call(path, {"url": server.url + "2"}, status=422, method="PATCH")
        self.assertFalse(self.call(path, {"active": False}, method="PATCH")["active"])
        second = self.call("", asked, status=201)
        self.call(path, {"active": True}, status=409, method="PATCH")
        self.call(f"/{tenant}/{second['id']}", status=204, method="DELETE")
        self.call(path, status=404, method="DELETE", token=self.token_b)
        self.call(f"/{self.tenant_b.id}/{made['id']}", status=404, method="DELETE", token=self.token_b)
        self.call(path, status=204, method="DELETE")
        self.assertEqual(self.call(f"/{tenant}")["total"], 0)

    def _deliver(self):
        self.run_cron("email_engine_campaign.ir_cron_deliver_webhooks")
