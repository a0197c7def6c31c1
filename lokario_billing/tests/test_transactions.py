"""Business mail and the transaction of whoever sends it, with real commits."""

from email import message_from_bytes, policy
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from lokario_testing.environments.mail import SmtpServer
from odoo.addons.base.models.ir_mail_server import IrMail_Server
from odoo.addons.lokario_base.tests.committed import CommittedCase


@tagged("-at_install", "post_install")
class TestCallersTransaction(CommittedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.smtp = cls.enterClassContext(SmtpServer())
        cls.startClassPatcher(patch.object(IrMail_Server, "_disable_send", classmethod(lambda cls: False)))

    def setUp(self):
        super().setUp()
        self.smtp.received.clear()
        self.env["ir.mail_server"].search([]).active = False
        self.env["ir.mail_server"].create(
            {
                "name": "Loopback",
                "smtp_host": "127.0.0.1",
                "smtp_port": self.smtp.port,
                "smtp_encryption": "none",
            }
        )
        self.env.company.email = "contact@alpha.test"
        self.anne, self.bob = self.env["res.partner"].create(
            [{"name": name, "email": f"{name.lower()}@beta.test"} for name in ("Anne", "Bob")]
        )
        self.order = self.env["sale.order"].create({"partner_id": self.anne.id, "client_order_ref": "before"})
        self.cr.commit()

    def mail(self, *partners, **values):
        return self.env["mail.mail"].create(
            {
                "model": "sale.order",
                "res_id": self.order.id,
                "subject": "Quote",
                "body_html": "<p>Hi</p>",
                "auto_delete": False,
                "recipient_ids": [Command.link(partner.id) for partner in partners or (self.anne,)],
                **values,
            }
        )

    def elsewhere(self, record):
        """Return the record as others see it."""
        return self.connect()[record._name].browse(record.id)

    def recipients(self):
        return sorted(address for _sender, to, _raw, _login in self.smtp.received for address in to)

    def test_nothing_is_kept_and_nothing_leaves_when_the_caller_rolls_back(self):
        self.order.client_order_ref = "HALF DONE"
        self.mail().send()
        self.assertEqual(self.elsewhere(self.order).client_order_ref, "before")
        self.cr.rollback()
        self.assertEqual(self.elsewhere(self.order).client_order_ref, "before")
        self.assertEqual(self.recipients(), [])

    def test_it_leaves_once_with_the_callers_commit(self):
        self.order.client_order_ref = "done"
        mail = self.mail()
        mail.send()
        self.assertEqual(self.recipients(), [])
        self.cr.commit()
        self.assertEqual(self.recipients(), ["anne@beta.test"])
        self.cr.commit()
        self.assertEqual((self.elsewhere(mail).state, len(self.recipients())), ("sent", 1))

    def test_a_savepoint_of_the_caller_stays_whole(self):
        with self.cr.savepoint():
            self.order.client_order_ref = "in the savepoint"
            self.mail().send()
        with self.assertRaises(ZeroDivisionError), self.cr.savepoint():
            self.mail(self.bob).send()
            raise ZeroDivisionError
        self.cr.commit()
        self.assertEqual(self.elsewhere(self.order).client_order_ref, "in the savepoint")
        self.assertEqual(self.recipients(), ["anne@beta.test"])

    def test_sent_after_commit_and_by_a_template(self):
        self.mail().send_after_commit()
        template = self.env["mail.template"].create(
            {
                "name": "Quote",
                "model_id": self.env["ir.model"]._get_id("sale.order"),
                "subject": "Quote",
                "body_html": "<p>Hi</p>",
                "partner_to": "{{ object.partner_id.id }}",
            }
        )
        template.send_mail(self.order.id, force_send=True)
        self.cr.commit()
        self.assertEqual(self.recipients(), ["anne@beta.test"] * 2)

    def test_every_contact_gets_a_mail_of_his_own(self):
        mail = self.mail(self.anne, self.bob, email_cc="copy@beta.test")
        mail.send()
        self.cr.commit()
        self.assertEqual(self.recipients(), ["anne@beta.test", "bob@beta.test", "copy@beta.test"])
        mails = [message_from_bytes(raw, policy=policy.default) for _from, _to, raw, _login in self.smtp.received]
        self.assertEqual(len(mails), 3, "without a mailbox Odoo sends copies a mail of their own")
        for message in mails:
            self.assertFalse("anne@" in message.as_string() and "bob@" in message.as_string())
        self.assertEqual(len({message["Message-ID"] for message in mails}), 1)
        deliveries = self.connect()["lokario.delivery"].search([("res_id", "=", self.order.id)])
        self.assertEqual(deliveries.mapped("state"), ["sent"])

    def test_an_interrupted_sending_by_a_server_is_shown_and_not_repeated(self):
        mail = self.mail()
        delivery = mail._deliveries()
        delivery.write({"state": "sending"})  # a worker died between the intent and the outcome
        self.cr.commit()
        self.connect()["mail.mail"].browse(mail.id).send(auto_commit=True)
        self.assertEqual(self.elsewhere(delivery).state, "uncertain")
        self.assertEqual(self.elsewhere(mail).state, "exception")
        self.assertEqual(self.recipients(), [])
        delivery = self.elsewhere(delivery)
        delivery.action_was_delivered()
        self.assertEqual((delivery.state, delivery.mail_id.state), ("sent", "sent"))

    def test_a_document_that_is_changed_at_this_moment_costs_no_company_its_hour(self):
        """A person saves a quote between the job's look at it and the follow-up it gets: the job looks again."""
        self.order.action_quotation_sent()
        self.env.company.write({"followup_enabled": True, "followup_approved_at": fields.Datetime.now()})
        self.cr.commit()
        run = self.connect()["lokario.followup.run"]
        original, saved = type(run)._create_for, []

        def create_for(model, documents):
            if not saved:
                saved.append(self.elsewhere(self.order))
                saved[0].client_order_ref = "saved meanwhile"
                saved[0].env.cr.commit()
            return original(model, documents)

        with patch.object(type(run), "_create_for", create_for):
            run._process_companies()
        self.assertTrue(saved)
        self.assertTrue(self.elsewhere(self.order).followup_ids)
