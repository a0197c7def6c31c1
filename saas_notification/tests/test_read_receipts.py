import re
from datetime import timedelta

from odoo import fields
from odoo.tests import BaseCase, HttpCase, tagged

from odoo.addons.mail.tests.common import MailCommon
from odoo.addons.saas_manager.tests.common import SaasCase

from ..tools.reader import is_program

OUTLOOK = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17126; Pro)"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


class TestReader(BaseCase):
    def test_programs_are_told_apart(self):
        people = (OUTLOOK, GMAIL, "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html")
        programs = ("", "Mozilla/5.0", "python-requests/2.32", "Barracuda Sentinel (EE)", "Slackbot-LinkExpanding 1.0")
        for agent in people:
            self.assertFalse(is_program(agent, "GET", 60), agent)
            self.assertTrue(is_program(agent, "HEAD", 60), agent)
            self.assertTrue(is_program(agent, "GET", 2), agent)
        for agent in programs:
            self.assertTrue(is_program(agent, "GET", 60), agent)


@tagged("post_install", "-at_install")
class TestReadReceipts(HttpCase, SaasCase, MailCommon):
    """Opened and followed, where the reader has agreed."""

    registry_test_mode = False  # SaasCase enters it

    def setUp(self):
        super().setUp()
        self.instance = self.new_instance()
        self.force_state(self.instance, "active", attempt="first", pending_password="Sesame123Sesame123")
        self.opener.headers["User-Agent"] = OUTLOOK

    def agree(self, is_given=True):
        self.env["saas.read.consent"]._give(self.env.company, self.partner, is_given)

    def send(self):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            self.instance._send_provisioning_email()
        message = self.instance.mail_ids[:1]
        message.sent_at = fields.Datetime.now() - timedelta(minutes=5)
        return message, self._mails[0]["body"]

    def get(self, pattern, body):
        path = re.search(pattern, body)[1]
        answer = self.url_open(path, allow_redirects=False)
        self.env.invalidate_all()
        return answer

    def opened(self, body):
        return self.get(r'src="[^"]*(/saas/opened/[^"]+)"', body)

    def followed(self, body):
        return self.get(r'href="[^"]*(/saas/follow/[^"]+)"', body)

    def test_without_agreement_nothing_is_counted(self):
        message, body = self.send()
        for word in ("/saas/opened/", "/saas/follow/", "You agreed"):
            self.assertNotIn(word, body)
        self.assertFalse(message.reading)

    def test_opened_and_followed(self):
        self.agree()
        message, body = self.send()
        self.assertIn("You agreed that we see", body)
        unopened = self.env.ref("saas_notification.saas_instance_mail_view_search").arch
        self.assertIn("credentials_unopened", unopened)
        self.assertEqual(message.reading, "unopened")
        self.assertEqual(self.opened(body).headers["Content-Type"], "image/gif")
        self.assertEqual(message.reading, "opened")
        answer = self.followed(body)
        self.assertEqual((answer.status_code, answer.headers["Location"]), (302, self.instance.url))
        self.assertEqual(message.reading, "clicked")
        first = message.opened_at
        self.opened(body)
        self.assertEqual(message.opened_at, first)

    def test_a_program_is_not_the_reader(self):
        self.agree()
        message, body = self.send()
        self.opener.headers["User-Agent"] = "Mozilla/5.0"
        self.opened(body)
        self.followed(body)
        self.assertEqual((message.reading, message.opened_at, message.clicked_at), ("program", False, False))
        self.opener.headers["User-Agent"] = GMAIL
        self.opened(body)
        self.assertEqual(message.reading, "opened")

    def test_the_history_counts_as_nobody(self):
        self.agree()
        message, _body = self.send()
        for word in ("/saas/opened/", "/saas/follow/", "Sesame"):
            self.assertNotIn(word, message.body)
        self.assertIn(f'href="{self.instance.url}"', message.body)

    def test_what_was_withdrawn_is_not_counted_any_more(self):
        self.agree()
        message, body = self.send()
        self.agree(False)
        self.assertEqual(self.opened(body).status_code, 200)
        self.assertEqual(self.followed(body).status_code, 302)
        self.assertEqual(message.reading, "unopened")

    def test_a_one_time_link_leads_over_nobody(self):
        self.agree()
        message = self.env["saas.instance.mail"]._open(self.instance, "provisioned")
        link = '<a href="https://saas-credential-0a.invalid">x</a>'
        self.assertIn(link, message._with_receipt(link))

    def test_a_link_leads_nowhere_but_where_it_was_signed_for(self):
        self.agree()
        _message, body = self.send()
        token = re.search(r"/saas/follow/([\w-]+)", body)[1]
        pixel = re.search(r"/saas/opened/([\w-]+)", body)[1]
        for forged in (token[:-2], token[::-1], pixel, "%00", "x" * 3000):
            with self.subTest(forged[:20]):
                self.assertEqual(self.url_open(f"/saas/follow/{forged}", allow_redirects=False).status_code, 404)
