import time
from datetime import UTC, datetime

import standardwebhooks
from odoo.tests import BaseCase, tagged

from ..tools import standard_webhooks


@tagged("post_install", "-at_install")
class TestSignatures(BaseCase):
    BODY = b'{"type":"email.delivered","n":"\xc3\xa9"}'

    def test_judged_by_the_reference_library(self):
        secret, old = standard_webhooks.new_secret(), standard_webhooks.new_secret()
        ours = standard_webhooks.headers([old, secret], "msg_1", self.BODY)
        for known in (old, secret):
            self.assertTrue(standardwebhooks.Webhook(known).verify(self.BODY, ours))
        now = datetime.now(UTC)
        theirs = {
            "webhook-id": "msg_2",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": standardwebhooks.Webhook(secret).sign("msg_2", now, self.BODY.decode()),
        }
        self.assertEqual(standard_webhooks.verify([secret], theirs, self.BODY), "msg_2")

    def test_forged_altered_and_old_deliveries_are_refused(self):
        secret = standard_webhooks.new_secret()
        good = standard_webhooks.headers([secret], "msg_1", self.BODY)
        old = standard_webhooks.headers([secret], "msg_1", self.BODY, now=time.time() - 301)
        early = standard_webhooks.headers([secret], "msg_1", self.BODY, now=time.time() + 301)
        cases = [
            ([standard_webhooks.new_secret()], good, self.BODY),
            ([secret], good, self.BODY + b" "),
            ([secret], {**good, "webhook-id": "msg_2"}, self.BODY),
            ([secret], {**good, "webhook-timestamp": "soon"}, self.BODY),
            ([secret], {}, self.BODY),
            ([], good, self.BODY),
            ([secret], old, self.BODY),
            ([secret], early, self.BODY),
        ]
        for secrets, headers, body in cases:
            with self.assertRaises(standard_webhooks.BadSignature):
                standard_webhooks.verify(secrets, headers, body)
