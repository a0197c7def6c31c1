import re
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import HttpCase, new_test_user, tagged

from odoo.addons.lokario_base.tools.private_page import HEADERS

from ..controllers import statement
from ..models import followup_dispute
from .common import BillingCase


@tagged("post_install", "-at_install")
class TestStatement(BillingCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.authenticate(None, None)
        self.move = self.invoice()
        self.other = self.invoice(3, 55)
        self.move.action_view_followup()
        self.other.action_view_followup()
        self.run_cron()
        self.reminder = self.move.followup_ids.step_ids.reminder_id
        self.path = f"/followups/statement/{self.reminder.access_token}"

    def post(self, action, **data):
        return self.url_open(f"{self.path}/{action}", data={**self.tokens(), **data})

    def tokens(self):
        page = self.url_open(self.path).text
        return dict(re.findall(r'name="(csrf_token|form_token)" value="([^"]+)"', page))

    def page(self):
        return self.url_open(self.path).text.replace(",", ".")  # figures in any language

    def test_the_mail_links_to_the_page_and_the_page_shows_all_open_documents(self):
        body = self.mails()[0].get_body(("html",)).get_content()
        self.assertIn(self.path, body)
        page = self.url_open(self.path)
        self.assertEqual(page.status_code, 200)
        self.assertIn(self.move.name, page.text)
        self.assertIn(self.other.name, page.text)
        self.assertIn(f"/my/invoices/{self.move.id}?access_token=", page.text)
        for name, value in HEADERS.items():
            self.assertEqual(page.headers[name], value)

    def test_showing_the_page_changes_nothing_and_a_gesture_is_reading(self):
        """Programs that look at links ask for the page, with HEAD or GET; a person moves the mouse."""
        delivery = self.env["lokario.delivery"].sudo().search([("mail_id", "=", self.reminder.mail_id.id)])
        self.pay(self.move, 70)
        followups = (self.move | self.other).followup_ids
        before = [each.read(load=None)[0] for each in (*followups, *followups.step_ids, self.reminder, delivery)]
        for _time in range(3):
            self.opener.head(self.base_url() + self.path, timeout=20)
            self.assertIn("30.00", self.page())
        self.env.invalidate_all()
        after = [each.read(load=None)[0] for each in (*followups, *followups.step_ids, self.reminder, delivery)]
        self.assertEqual(after, before)
        self.assertFalse(delivery.opened_at)
        self.assertEqual(self.post("read").status_code, 204)
        self.env.invalidate_all()
        self.assertEqual(self.move.followup_ids.step_ids.state, "read")
        self.assertTrue(delivery.opened_at)

    def test_a_promise_is_reading_too(self):
        self.post("promise", followup=self.move.followup_ids.id, day=str(fields.Date.today() + timedelta(days=10)))
        self.assertEqual(self.move.followup_ids.step_ids.state, "read")

    def test_what_was_paid_a_minute_ago_is_no_longer_asked_for(self):
        self.assertIn("100.00", self.page())
        self.pay(self.move, 70)
        page = self.page()
        self.assertNotIn("100.00", page)
        self.assertIn("30.00", page)
        self.assertIn("85.00", page)  # the total: the other invoice is 55

    def test_an_invoice_that_its_customer_has_opened_has_arrived(self):
        """Whoever has the link may be a program; whoever is logged in for the customer is none."""
        move = self.invoice(10, 70)
        move.is_move_sent = False
        move.action_view_followup()
        for login, firm in (("theirs", "Other"), ("his", "")):
            user = new_test_user(self.env, login, "base.group_portal")
            user.partner_id.parent_id = self.customer if not firm else self.customer.create({"name": firm})
        for login, has_seen in ((None, False), ("theirs", False), ("his", True)):
            self.authenticate(login, login)
            self.assertEqual(self.url_open(move.get_portal_url()).status_code, 200)
            move.followup_ids._refresh_plan()
            self.assertEqual(bool(move.followup_seen_at), has_seen, login)
            self.assertEqual(move.followup_ids.why == "not_arrived", not has_seen, login)
        move.button_draft()
        self.assertFalse(move.followup_seen_at, "another paper than the one that was seen")

    def test_promise_pauses_the_document(self):
        day = fields.Date.today() + timedelta(days=10)
        answer = self.post("promise", followup=self.move.followup_ids.id, day=str(day))
        self.assertIn("done=promise", answer.url)
        self.assertIn("alert-success", answer.text)
        self.assertEqual(self.move.followup_ids.promised_until, day)
        self.assertTrue(self.move.followup_ids.promise_ids.by_customer)
        self.assertFalse(self.other.followup_ids.promised_until)

    def test_bad_promise_says_what_to_do_and_changes_nothing(self):
        for day in ("", "tomorrow", "1999-01-01", str(fields.Date.today() + timedelta(days=400))):
            answer = self.post("promise", followup=self.move.followup_ids.id, day=day)
            self.assertIn("alert-danger", answer.text)
        self.assertFalse(self.move.followup_ids.promise_ids)

    def test_dispute_of_a_line(self):
        line = self.move.invoice_line_ids[0]
        answer = self.post("dispute", followup=self.move.followup_ids.id, reason="Not delivered", line=line.id)
        self.assertIn("done=dispute", answer.url)
        self.assertIn("alert-success", answer.text)
        dispute = self.move.followup_ids.dispute_ids
        self.assertEqual((dispute.move_line_id, dispute.state), (line, "open"))
        self.assertEqual(self.move.followup_ids.why, "disputed")
        self.assertTrue(self.move.followup_ids.activity_ids)

    def test_disputes_of_a_document_have_an_end(self):
        followup = self.move.followup_ids
        with patch.object(followup_dispute, "BY_CUSTOMER", 2):
            answers = [self.post("dispute", followup=followup.id, reason=f"wrong {n}") for n in range(3)]
        self.assertEqual(["done=dispute" in answer.url for answer in answers], [True, True, False])
        self.assertIn("alert-danger", answers[2].text)
        self.assertEqual(len(followup.dispute_ids), 2)

    def test_foreign_documents_and_wrong_tokens_are_refused(self):
        stranger = self.invoice(partner=self.partner_a)
        stranger.action_view_followup()
        self.post("dispute", followup=stranger.followup_ids.id, reason="x")
        self.assertFalse(stranger.followup_ids.dispute_ids)
        for token in ("x" * 43, "", "%25" * 20, self.reminder.access_token[:-1]):
            self.assertEqual(self.url_open(f"/followups/statement/{token}").status_code, 404)
        self.reminder.sudo().token_expires_at = fields.Datetime.now() - timedelta(seconds=1)
        self.assertEqual(self.url_open(self.path).status_code, 404)

    def test_no_input_is_a_server_error(self):
        for value in ("²", "1" * 5000, "-1", "x", "\0", "٣"):
            for action in ("dispute", "promise"):
                answer = self.post(action, followup=value, line=value, day=value, reason=value)
                self.assertEqual(answer.status_code, 200, value)
        chosen = self.move.followup_ids.id
        answer = self.post("dispute", followup=chosen, line="9" * 9, reason="Not delivered")
        self.assertIn("done=dispute", answer.url)
        files = {"reason": ("x.bin", b"x"), "line": ("y.bin", b"y")}
        answer = self.opener.post(
            self.base_url() + f"{self.path}/dispute", data=self.tokens(), files=files, timeout=120
        )
        self.assertEqual(answer.status_code, 200)

    def test_a_form_is_good_for_one_change_and_a_link_for_some(self):
        fields_ = {**self.tokens(), "followup": self.move.followup_ids.id, "reason": "Not delivered"}
        first, second = (self.url_open(f"{self.path}/dispute", data=fields_) for _time in range(2))
        self.assertIn("alert-success", first.text)
        self.assertIn("alert-danger", second.text)
        self.assertEqual(len(self.move.followup_ids.dispute_ids), 1)
        some = 6  # as twenty, in a third of the time
        with patch.object(statement, "CHANGES", some):
            for _time in range(some + 3):
                answer = self.post("dispute", followup=self.move.followup_ids.id, reason="Again")
        self.assertIn("alert-danger", answer.text)
        self.assertLessEqual(len(self.move.followup_ids.dispute_ids), some)

    def test_a_body_beyond_a_form_is_not_read(self):
        data = {**self.tokens(), "followup": self.move.followup_ids.id, "reason": "x" * 1_000_000}
        self.assertEqual(self.url_open(f"{self.path}/dispute", data=data).status_code, 413)
