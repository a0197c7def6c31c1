"""The way back from the provider's consent page, in browser sessions that asked for it and others."""

import json
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

CONTROLLERS = ("odoo.addons.google_gmail.controllers.main", "odoo.addons.microsoft_outlook.controllers.main")
PROVIDERS = {
    "gmail": ("google_gmail", "_fetch_gmail_refresh_token"),
    "outlook": ("microsoft_outlook", "_fetch_outlook_refresh_token"),
}


@tagged("post_install", "-at_install")
class TestConsent(HttpCase):
    def setUp(self):
        super().setUp()
        groups = "base.group_user,lokario_mailbox.group_lokario_mailbox_manager"
        self.people = [new_test_user(self.env, f"consent-{name}", groups) for name in ("ann", "bob")]
        for prefix, _method in PROVIDERS.values():
            for name in ("client_id", "client_secret"):
                self.env["ir.config_parameter"].sudo().set_param(f"{prefix}_{name}", "x")

    def _connect(self, box):
        """Press “Connect” in the session of this moment; return the state that the provider gives back."""
        called = {"model": box._name, "method": "action_connect_provider", "args": [box.ids], "kwargs": {}}
        answer = self.url_open(
            "/web/dataset/call_kw/inbox.integration/action_connect_provider",
            data=json.dumps({"jsonrpc": "2.0", "params": called}),
            headers={"Content-Type": "application/json"},
        ).json()
        return parse_qs(urlsplit(answer["result"]["url"]).query)["state"][0]

    def _come_back(self, box, state):
        """Return the status of the provider's redirection, and whether it connected the mailbox."""
        prefix, method = PROVIDERS[box.auth_method]
        with patch.object(self.registry[box._name], method, lambda *_given: ("refresh", "access", 2_000_000_000)):
            given = {"state": state, "code": "c"}
            answer = self.url_open(f"/{prefix}/confirm", params=given, timeout=60, allow_redirects=False)
        box.invalidate_recordset()
        return answer.status_code, bool(box[f"{prefix}_refresh_token"])

    def test_the_consent_comes_back_to_the_session_that_asked_for_it(self):
        ann, bob = self.people
        for method in PROVIDERS:
            values = {
                "name": "team",
                "email_address": f"{method}@a.test",
                "auth_method": method,
                "visibility": "shared",
            }
            box = self.env["inbox.integration"].create({**values, "user_id": ann.id})
            with self.subTest(method), mute_logger(*CONTROLLERS):
                self.authenticate(bob.login, bob.login)
                of_bob = self._connect(box)
                self.authenticate(ann.login, ann.login)
                former = self._connect(box)
                self.authenticate(ann.login, ann.login)
                for state in (of_bob, former, json.dumps({**json.loads(former), "csrf_token": "x"})):
                    self.assertEqual(self._come_back(box, state), (403, False))
                self.assertEqual(self._come_back(box, self._connect(box)), (303, True))
