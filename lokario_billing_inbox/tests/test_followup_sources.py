"""A person starts a follow-up where he works: in a conversation, on a task, an appointment, a customer."""

from datetime import timedelta
from email.message import EmailMessage

from freezegun import freeze_time
from odoo import fields
from odoo.tests import new_test_user, tagged

from odoo.addons.lokario_billing.tests.test_delivery import MAILBOX, MailboxCase

CUSTOMER = "compta@beta.test"


@tagged("post_install", "-at_install")
class TestFollowupSources(MailboxCase):
    @classmethod
    def get_default_groups(cls):
        return super().get_default_groups() | cls.env.ref("lokario_inbox.group_lokario_inbox_user")

    def customer_writes(self, number, subject="Plan of the kitchen", **headers):
        """Deliver a mail of the customer and let the inbox fetch it; return it."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = f"Bêta SARL <{CUSTOMER}>", MAILBOX, subject
        mail["Message-ID"], mail["Date"] = (
            f"<talk{number}@beta.test>",
            fields.Datetime.now().strftime("%a, %d %b %Y %H:%M:%S +0000"),
        )
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content("Here is what I can say.\n")
        self.fetch(mail.as_bytes())
        return self.env["inbox.message"].sudo().search([("message_id_header", "=", mail["Message-ID"])])

    def fetch(self, raw):
        """Deliver a mail and let the inbox fetch it."""
        self.environment.deliver(MAILBOX, raw)
        self.mailbox.next_sync_at = False
        self.env.flush_all()
        with self.committing():
            self.env.ref("lokario_inbox.ir_cron_sync_all").method_direct_trigger()
        self.env.invalidate_all()

    def test_a_new_mail_about_a_document_is_an_answer(self):
        first, second = self.invoice(), self.invoice(12)
        self.run_cron()
        self.env.cr.execute("UPDATE lokario_followup SET create_date = create_date - interval '5 minutes'")
        self.customer_writes(11, Auto_Submitted="auto-replied")
        self.assertFalse(any((first | second).followup_ids.mapped("answer_pending")))
        self.customer_writes(12, subject=f"Your invoice {first.name.replace('/', '-').lower()}, at last")
        self.assertEqual((first | second).followup_ids.mapped("answer_pending"), [True, False])
        with freeze_time(fields.Datetime.now() + timedelta(minutes=2)):
            self.customer_writes(13)  # names nothing, and comes from who was reminded
        self.assertTrue(second.followup_ids.answer_pending)

    def test_an_absence_is_no_bounce_and_a_report_is_one(self):
        move = self.invoice()
        self.run_cron()
        reminder = move.followup_ids.step_ids.reminder_id
        delivery = self.delivery_of(reminder)
        absent = {"Auto_Submitted": "auto-replied", "Return_Path": "<>", "In_Reply_To": delivery.message_id}
        self.customer_writes(21, subject="Out of office", **absent)
        self.assertEqual((delivery.state, reminder.state), ("sent", "sent"))
        self.assertFalse(move.followup_ids.answer_pending)
        status = f"Final-Recipient: rfc822; {CUSTOMER}\nAction: failed\nStatus: 5.1.1\n"
        report = (
            f"From: MAILER-DAEMON@beta.test\nTo: {MAILBOX}\nSubject: Undelivered Mail Returned to Sender\n"
            "Message-ID: <report@beta.test>\nReturn-Path: <>\nMIME-Version: 1.0\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
            "--b\nContent-Type: text/plain\n\nIt came back.\n"
            f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.beta.test\n\n{status}"
            "Diagnostic-Code: smtp; 550 No such user\n\n"
            f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {delivery.message_id}\n\n--b--\n"
        )
        self.fetch(report.encode())
        self.assertEqual((delivery.state, reminder.state), ("bounced", "failed"))
        self.assertIn("No such user", delivery.cause)

    def test_a_conversation_is_followed_up_until_its_customer_writes_again(self):
        conversation = self.customer_writes(1).conversation_id
        conversation.partner_id = self.customer
        followup = self.started(conversation)
        self.assertEqual(
            (followup.kind, followup.source, followup.conversation_id, followup.partner_id),
            ("missing_info", "conversation", conversation, self.customer),
        )
        self.env.cr.execute(
            "UPDATE lokario_followup SET create_date = %s WHERE id = %s",
            [fields.Datetime.now() - timedelta(minutes=5), followup.id],
        )
        self.customer_writes(2, In_Reply_To="<talk1@beta.test>", Auto_Submitted="auto-replied")
        self.assertFalse(followup.answer_pending)
        self.customer_writes(3, In_Reply_To="<talk1@beta.test>")
        self.assertEqual((followup.answer_pending, followup.why), (True, "answer_pending"))

    def test_without_the_right_to_follow_up_the_inbox_plans_an_activity(self):
        conversation = self.customer_writes(4).conversation_id
        colleague = new_test_user(
            self.env,
            "colleague",
            "lokario_inbox.group_lokario_inbox_user",
            company_id=self.company.id,
            company_ids=[fields.Command.set(self.company.ids)],
        )
        self.assertEqual(conversation.action_follow_up()["res_model"], "lokario.followup")
        action = conversation.with_user(colleague).action_follow_up()
        self.assertEqual(action["res_model"], "mail.activity.schedule")

    def test_customers(self):
        followup = self.started(self.customer)
        self.assertEqual((followup.kind, followup.partner_id), ("inactive", self.customer))

    def test_the_policy_names_who_is_responsible(self):
        boss = new_test_user(
            self.env, "boss", company_id=self.company.id, company_ids=[fields.Command.set(self.company.ids)]
        )
        policy = self.env.ref("lokario_billing.policy_invoice")
        own = self.invoice(invoice_user_id=self.env.user.id)
        own.action_view_followup()
        self.assertEqual(own.followup_ids.user_id, self.env.user)
        policy.sudo().responsible_id = boss
        move = self.invoice(invoice_user_id=self.env.user.id)
        move.action_view_followup()
        self.assertEqual(move.followup_ids.user_id, boss)
