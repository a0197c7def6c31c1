import base64
import io
import json
import os
import socket
import time
import zipfile
from pathlib import Path

from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged

from lokario_testing.environments.smtp_sink import SmtpSink
from odoo.addons.lokario_mailbox.tests.outgoing_common import MailOffice

from .common import BillingCase

MAILBOX, PASSWORD = "contact@alpha.test", "alpha-mailbox-pw"


class MailboxCase(MailOffice, BillingCase):
    """The company's mailbox on a real Dovecot, behind an SMTP server that misbehaves on demand."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.open_mail_office(MAILBOX, PASSWORD)
        cls.allow(cls.environment.imap_port, cls.sink.port)
        cls.mailbox = cls.add_mailbox(cls.company, MAILBOX, cls.sink.port)
        cls.mailbox.sent_mail_seen_at = fields.Datetime.now()

    @classmethod
    def allow(cls, *ports):
        cls.env["ir.config_parameter"].sudo().set_param(
            "lokario_mailbox.allowed_hosts", " ".join(f"127.0.0.1:{port}" for port in ports)
        )

    @classmethod
    def add_mailbox(cls, company, address, smtp_port):
        return (
            cls.env["inbox.integration"]
            .sudo()
            .create(
                {
                    "name": company.name,
                    "company_id": company.id,
                    "email_address": address,
                    "email_password": PASSWORD,
                    "visibility": "shared",
                    "is_primary": True,
                    "imap_host": "127.0.0.1",
                    "imap_port": cls.environment.imap_port,
                    "imap_security": "none",
                    "smtp_host": "127.0.0.1",
                    "smtp_port": smtp_port,
                    "smtp_security": "none",
                }
            )
        )

    def setUp(self):
        super().setUp()
        self.faults.clear()
        self.sink.journal.write_text("")
        self.env["mailbox.health"]._release_hold(self.mailbox)

    def remind(self):
        """Return the reminder of a fresh late invoice, sent through the mailbox."""
        move = self.invoice()
        self.run_cron()
        return move.followup_ids.step_ids.reminder_id

    def delivery_of(self, reminder):
        return (
            self.env["lokario.delivery"]
            .sudo()
            .search([("res_model", "=", reminder._name), ("res_id", "in", reminder.ids)])
        )

    def arrived(self, recipient="compta@beta.test"):
        return [delivery for delivery in self.sink.deliveries() if delivery.recipient == recipient]

    def settle(self):
        open_states = ("queued", "waiting", "verifying")
        outbox = self.env["mailbox.outgoing"].sudo()
        outbox.search([("state", "in", open_states)]).write({"send_at": fields.Datetime.now()})
        with self.sending():
            with self.committing():
                self.env["mailbox.dispatcher"]._run()
            self.env["mail.mail"].sudo().process_email_queue()
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestDelivery(MailboxCase):
    def test_a_reminder_leaves_from_the_mailbox_and_is_aligned(self):
        delivery = self.delivery_of(self.remind())
        self.assertEqual((delivery.state, delivery.route), ("sent", "mailbox"))
        self.assertTrue(delivery.server_answer.startswith("250"))
        [arrived] = self.arrived()
        self.assertEqual((arrived.sender, arrived.login), (MAILBOX, MAILBOX))
        self.assertIn(f"<{MAILBOX}>", arrived.raw)
        self.assertEqual(base64.b64decode(delivery.with_context(bin_size=False).eml).decode("latin-1"), arrived.raw)
        self.assertTrue(self.env["inbox.sent.copy"].sudo().search([("message_id_header", "=", delivery.message_id)]))

    def test_an_address_of_other_letters_is_written_as_servers_take_it(self):
        self.customer.email = "Bêta <compta@société.test>"
        delivery = self.delivery_of(reminder := self.remind())
        self.assertEqual((delivery.state, reminder.state), ("sent", "sent"))
        [arrived] = self.arrived("compta@xn--socit-esab.test")
        self.assertIn("<compta@xn--socit-esab.test>", arrived.raw)
        move = self.invoice(partner=self.customer.copy({"email": "comptabilité@beta.test"}))
        self.run_cron()
        delivery = self.delivery_of(reminder := move.followup_ids.step_ids.reminder_id)
        self.assertEqual((delivery.state, reminder.state), ("failed", "failed"))
        self.assertIn("comptabilité@beta.test", delivery.cause)

    def test_invoices_of_the_batch_wizard_do_not_wait_for_the_hour(self):
        """A job posts their mails and leaves them to Odoo's queue: it is woken immediately."""
        moves = self.invoice() | self.invoice()
        moves.sending_data = {"author_user_id": self.env.uid, "author_partner_id": self.env.user.partner_id.id}
        queue, wakes = self.env.ref("mail.ir_cron_mail_scheduler_action"), self.env["ir.cron.trigger"].sudo()
        wakes.search([("cron_id", "=", queue.id)]).unlink()
        with self.enter_registry_test_mode():
            self.env.ref("account.ir_cron_account_move_send").method_direct_trigger()
        deliveries = self.env["lokario.delivery"].sudo().search([("res_id", "in", moves.ids)])
        self.assertEqual({one.res_id for one in deliveries if one.res_model == "account.move"}, set(moves.ids))
        self.assertTrue(wakes.search([("cron_id", "=", queue.id)]))

    def test_a_cut_after_acceptance_is_settled_by_the_mailbox(self):
        for fault in ("drop_after", "double"):
            with self.subTest(fault):
                self.sink.journal.write_text("")
                self.faults.append(fault)
                customer = self.customer.copy({"email": f"{fault}@beta.test"})
                move = self.invoice(partner=customer)
                self.run_cron()
                reminder = move.followup_ids.step_ids.reminder_id
                delivery = self.delivery_of(reminder)
                self.assertEqual(delivery.state, "verifying")
                self.assertEqual(move.followup_ids.why, "in_flight")
                self.settle()
                self.assertEqual((delivery.state, reminder.state), ("sent", "sent"))
                self.assertEqual(len(self.arrived(f"{fault}@beta.test")), 1)

    def test_a_mail_that_provably_did_not_leave_is_sent_again_with_the_same_id(self):
        self.env["ir.config_parameter"].sudo().set_param("lokario_mailbox.evidence_grace", "0")
        self.faults.append("greylist")
        delivery = self.delivery_of(self.remind())
        self.assertEqual(delivery.state, "verifying")
        self.settle()
        self.settle()
        self.settle()
        self.assertEqual(delivery.state, "sent")
        self.assertEqual([arrived.message_id for arrived in self.arrived()], [delivery.message_id])

    def test_a_busy_server_is_tried_again_and_says_why(self):
        self.faults.append("busy")
        reminder = self.remind()
        delivery = self.delivery_of(reminder)
        self.assertEqual((delivery.state, reminder.state), ("waiting", "retry"))
        self.assertIn("busy", delivery.cause)
        self.settle()
        self.assertEqual((delivery.state, delivery.attempts), ("sent", 2))

    def test_a_refused_login_holds_the_mailbox_and_never_another_route(self):
        self.mailbox.email_password = "wrong"
        delivery = self.delivery_of(self.remind())
        self.assertEqual(delivery.state, "waiting")
        self.assertEqual(self.mailbox.sending_hold_cause, "login")
        self.assertFalse(self.sink.deliveries())
        self.assertFalse(self.smtp.received)
        self.mailbox.email_password = PASSWORD
        self.settle()
        self.assertEqual(delivery.state, "sent")

    def test_a_refused_recipient_stops_and_makes_an_activity(self):
        self.sink.rejects["compta@beta.test"] = "550 5.1.1 No such user"
        self.addCleanup(self.sink.rejects.clear)
        reminder = self.remind()
        self.assertEqual((self.delivery_of(reminder).state, reminder.state), ("failed", "failed"))
        self.assertTrue(reminder.step_ids.followup_id.activity_ids)

    def test_a_failed_mail_is_shown_on_its_document(self):
        self.sink.rejects["compta@beta.test"] = "550 5.1.1 No such user"
        self.addCleanup(self.sink.rejects.clear)
        move = self.invoice()
        self.assertFalse(move.delivery_problem)
        values = {"model": move._name, "res_id": move.id, "subject": "Invoice", "body_html": "<p>Hi</p>"}
        with self.sending():
            self.env["mail.mail"].sudo().create({**values, "email_to": "compta@beta.test"}).send()
        self.env.invalidate_all()
        self.assertIn("address was refused", move.delivery_problem)

    def quote_to(self, *partners):
        """Return the deliveries of a quote that its salesperson sends to these contacts, in their order."""
        seller = self.env["res.users"].search([("login", "=", "seller")]) or new_test_user(
            self.env,
            "seller",
            "base.group_user,sales_team.group_sale_salesman",
            company_id=self.company.id,
            company_ids=[fields.Command.set(self.company.ids)],
            email="seller@alpha.test",
        )
        order = self.env["sale.order"].create({"partner_id": self.customer.id, "user_id": seller.id})
        with self.sending():
            order.with_user(seller).with_context(mark_so_as_sent=True).message_post(
                body="Our quote",
                partner_ids=[partner.id for partner in partners],
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
                email_layout_xmlid="mail.mail_notification_layout",
            )
        self.env.invalidate_all()
        self.assertEqual(order.state, "sent")
        domain = [("res_model", "=", "sale.order"), ("res_id", "=", order.id)]
        deliveries = self.env["lokario.delivery"].sudo().search(domain)
        return deliveries.sorted(lambda each: [partner.email for partner in partners].index(each.recipients))

    def test_a_quote_to_the_customer_and_one_more_contact(self):
        contact = self.customer.copy({"name": "Architect", "email": "architect@gamma.test"})
        deliveries = self.quote_to(self.customer, contact)
        self.assertEqual(deliveries.mapped("state"), ["sent", "sent"])
        self.assertEqual(len(set(deliveries.mapped("message_id"))), 1)
        for delivery, partner, other in zip(
            deliveries, (self.customer, contact), (contact, self.customer), strict=True
        ):
            [arrived] = self.arrived(partner.email)
            self.assertNotIn(other.email, arrived.raw)
            self.assertEqual(delivery.state, "sent")
        self.assertEqual(len(self.arrived(MAILBOX)), 1)  # one Bcc self-copy
        copies = self.env["inbox.sent.copy"].sudo().search([("message_id_header", "=", deliveries[0].message_id)])
        self.assertEqual(len(copies), 1)

    def test_one_refused_contact_does_not_stop_the_other(self):
        self.sink.rejects["gone@gamma.test"] = "550 5.1.1 No such user"
        self.addCleanup(self.sink.rejects.clear)
        gone = self.customer.copy({"name": "Gone", "email": "gone@gamma.test"})
        deliveries = self.quote_to(gone, self.customer)
        self.assertEqual(deliveries.mapped("state"), ["failed", "sent"])
        self.assertEqual(len(self.arrived()), 1)

    def test_another_try_is_for_those_who_have_no_mail_yet(self):
        self.sink.rejects["gone@gamma.test"] = "550 5.1.1 No such user"
        self.addCleanup(self.sink.rejects.clear)
        gone = self.customer.copy({"name": "Gone", "email": "gone@gamma.test"})
        deliveries = self.quote_to(gone, self.customer)
        self.assertEqual((deliveries.mapped("state"), deliveries.mail_id.state), (["failed", "sent"], "exception"))
        gone.email = "found@gamma.test"
        deliveries.mail_id.mark_outgoing()  # Odoo's own button
        self.settle()
        self.assertEqual(deliveries.mapped("state"), ["sent", "sent"])
        self.assertFalse(deliveries.mail_id, "auto_delete")
        self.assertEqual((len(self.arrived()), len(self.arrived("found@gamma.test"))), (1, 1))

    def test_one_refused_address_of_a_mail_to_several_is_on_record(self):
        self.sink.rejects["gone@gamma.test"] = "550 5.1.1 No such user"
        self.addCleanup(self.sink.rejects.clear)
        move = self.invoice()
        values = {"model": move._name, "res_id": move.id, "subject": "Invoice", "body_html": "<p>Hi</p>"}
        mail = self.env["mail.mail"].sudo().create({**values, "email_to": "gone@gamma.test, compta@beta.test"})
        with self.sending():
            mail.send()
        delivery = mail._deliveries()
        self.assertEqual((delivery.state, delivery.refused_recipients), ("sent", "gone@gamma.test"))
        self.env.invalidate_all()
        self.assertIn("No such user", move.delivery_problem)
        self.assertEqual(len(self.arrived()), 1)
        self.assertTrue(move.activity_ids)

    def test_mails_of_one_message_are_not_proved_by_each_other(self):
        """The mailbox has the Message-ID of the first: that says nothing of the second."""
        contact = self.customer.copy({"name": "Architect", "email": "architect@gamma.test"})
        self.faults.extend(["none", "drop_after"])
        self.sink.mails_a_session = 1
        self.addCleanup(setattr, self.sink, "mails_a_session", 0)
        deliveries = self.quote_to(self.customer, contact)
        self.assertEqual(deliveries.mapped("state"), ["sent", "verifying"])
        self.settle()
        self.assertEqual(deliveries.mapped("state"), ["sent", "uncertain"])

    def test_the_providers_limit_is_learned(self):
        """After the first "too many" nothing more is offered before the provider's day is over."""
        customers = [self.customer.copy({"email": f"q{number}@beta.test"}) for number in range(4)]
        self.sink.rejects["q2@beta.test"] = "550 5.4.5 Daily user sending limit exceeded"
        self.addCleanup(self.sink.rejects.clear)
        for customer in customers[:3]:
            move = self.invoice(partner=customer)
            self.run_cron()
        delivery = self.delivery_of(move.followup_ids.step_ids.reminder_id)
        self.assertEqual((delivery.state, self.mailbox.daily_quota), ("waiting", 2))
        self.sink.rejects.clear()
        self.env["mailbox.health"]._release_hold(self.mailbox)
        held = self.delivery_of(self.remind_of(customers[3]))
        self.assertEqual((held.state, len(self.sink.deliveries())), ("waiting", 4))  # each with its Bcc self-copy
        self.assertGreater(held.next_try_at, fields.Datetime.add(fields.Datetime.now(), hours=23))
        with freeze_time(fields.Datetime.add(fields.Datetime.now(), hours=25)):
            self.settle()
            self.assertEqual(held.state, "sent")

    def remind_of(self, customer):
        move = self.invoice(partner=customer)
        self.run_cron()
        return move.followup_ids.step_ids.reminder_id

    def test_evidence_zip(self):
        reminder = self.remind()
        followup = reminder.step_ids.followup_id
        with zipfile.ZipFile(io.BytesIO(self.env["lokario.followup.evidence"]._zip(followup))) as archive:
            names = archive.namelist()
            timeline = json.loads(archive.read("timeline.json"))
        self.assertTrue([name for name in names if name.endswith(".eml")])
        mail = next(event for event in timeline if event["kind"] == "mail")
        self.assertTrue(mail["server_answer"].startswith("250"))

    def test_the_screen_proves_a_route(self):
        routes = self.env["lokario.mail.routes"].create({})
        line = routes.line_ids.filtered(lambda line: line.kind == "invoice")
        self.assertEqual(line.sender, MAILBOX)
        with self.sending():
            answer = line.action_test()
        self.assertEqual(answer["params"]["type"], "success")
        self.assertEqual(self.sink.deliveries()[0].sender, MAILBOX)

    def test_the_test_of_a_broken_route_tells_now_and_never_leaves_later(self):
        self.mailbox.email_password = "wrong"
        routes = self.env["lokario.mail.routes"].create({})
        lines = {line.kind: line for line in routes.line_ids}
        with self.sending():
            answer = lines["quote"].action_test()
        self.assertEqual(answer["params"]["type"], "danger")
        self.assertIn("password", answer["params"]["message"])
        self.mailbox.email_password = PASSWORD
        routes.unlink()
        self.settle()
        self.assertFalse(self.sink.deliveries())
        self.assertFalse([mail for mail in self.mails() if mail["Subject"].startswith("Test")])

    def test_answers_of_the_inbox_leave_from_its_mailbox(self):
        lines = {line.kind: line for line in self.env["lokario.mail.routes"].create({}).line_ids}
        self.assertEqual((lines["answer"].sender, lines["auto_answer"].sender), (MAILBOX, MAILBOX))
        self.assertEqual(lines["two_factor"].route, lines["digest"].route)
        self.mailbox.active = False
        lines = {line.kind: line for line in self.env["lokario.mail.routes"].create({}).line_ids}
        with self.assertRaisesRegex(UserError, "Connect a mailbox"):
            lines["answer"].action_test()

    def test_no_words_in_a_call_make_system_mail_business_mail(self):
        """The context of a call is the caller's: nothing in it opens a mailbox."""
        partner = self.env["res.partner"].create({"name": "Anne", "email": "anne@beta.test"})
        with self.sending():
            partner.with_context(lokario_route_test=True).message_post(
                body="Hello", partner_ids=partner.ids, subtype_xmlid="mail.mt_comment"
            )
        self.assertFalse(self.sink.deliveries())

    def test_dead_mailboxes_delay_nobody(self):
        """20 companies, 5 black holes and 5 droppers: the 10 healthy ones wait at most five seconds for them.

        With LOKARIO_FULL the time-outs are those of production.
        """
        if not os.environ.get("LOKARIO_FULL"):
            self.env["ir.config_parameter"].sudo().set_param("lokario_mailbox.smtp_timeout", "6")
        holes = [self.enterContext(socket.create_server(("127.0.0.1", 0), backlog=64)) for _hole in range(5)]
        dropper = self.enterContext(
            SmtpSink(Path(self.sink.journal.parent) / "dropper", choose=lambda rng: "drop_mail", logins={}, slowness=0)
        )
        dead = [hole.getsockname()[1] for hole in holes] + [dropper.port] * 5
        self.allow(self.environment.imap_port, self.sink.port, *dead)
        self.sink.logins.clear()
        self.addCleanup(self.sink.logins.update, {MAILBOX: PASSWORD})
        alone = self.slowest(self.quotes("alone", [self.sink.port] * 10), "alone")
        broken = self.quotes("broken", dead)
        healthy = self.quotes("healthy", [self.sink.port] * 10)
        delay = self.slowest(broken | healthy, "healthy") - alone
        self.assertLess(delay, 5)
        self.assertEqual(set(healthy.mapped("state")), {"sent"})
        self.assertEqual(set(broken.mapped("state")), {"outgoing"})

    def quotes(self, name, ports):
        """Return the mails of one quote each, of companies with mailboxes at these ports."""
        mails = self.env["mail.mail"].sudo()
        values = {"model": "sale.order", "subject": "Quote", "body_html": "<p>Hi</p>", "auto_delete": False}
        for number, port in enumerate(ports):
            address = f"{name}{number}@alpha.test"
            company = self.env["res.company"].create({"name": address, "email": address})
            self.add_mailbox(company, address, port)
            order = self.env["sale.order"].sudo().create({"partner_id": self.customer.id, "company_id": company.id})
            mails |= mails.create({**values, "res_id": order.id, "email_to": f"to-{name}{number}@beta.test"})
        return mails

    def slowest(self, mails, name):
        """Send; return the seconds until the last of the mails of this name had arrived."""
        start = time.time()
        with self.sending():
            mails.send()
        times = [one.time - start for one in self.sink.deliveries() if one.recipient.startswith(f"to-{name}")]
        self.assertEqual(len(times), 10)
        return max(times)
