import base64
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from ..tools.dispatcher import SendCancelled
from .outgoing_common import CUSTOMER, MAILBOX, OutgoingCase


@tagged("post_install", "-at_install")
class TestOutbox(OutgoingCase):
    """The outbox alone: its source is a contact with the two hooks."""

    def setUp(self):
        super().setUp()
        self.reasons, self.heard = [], []
        self.source = self.env["res.partner"].create({"name": "Source"})
        for name, hook in (("_outgoing_may_leave", self.may_leave), ("_outgoing_changed", self.changed)):
            self.patch_hook(name, hook)

    def patch_hook(self, name, hook):
        patcher = patch.object(type(self.source), name, lambda _source, mails: hook(mails), create=True)
        patcher.start()
        self.addCleanup(patcher.stop)

    def may_leave(self, mails):
        reason = self.reasons.pop(0) if self.reasons else None
        return dict.fromkeys(mails.ids, reason) if reason else {}

    def changed(self, mails):
        self.heard += mails.mapped("state")

    def mail(self, *recipients, **values):
        raw = f"Message-ID: <{self._testMethodName}@alpha.example>\r\nSubject: Devis\r\n\r\nBonjour\r\n"
        return self.env["mailbox.outgoing"].create(
            {
                "integration_id": self.integration.id,
                "source_model": "res.partner",
                "source_id": self.source.id,
                "subject": "Devis",
                "message_id_header": f"<{self._testMethodName}@alpha.example>",
                "recipients": "\n".join(recipients or [CUSTOMER]),
                "raw": base64.b64encode(raw.encode()),
                **values,
            }
        )

    def test_what_a_mail_belongs_to_is_opened_by_those_who_may_read_it(self):
        """A sentence, not an error of rights, to others and when it is gone."""
        manager = new_test_user(
            self.env, "outbox_manager", "base.group_user,lokario_mailbox.group_lokario_mailbox_manager"
        )
        mail, orphan = self.mail().with_user(manager), self.mail(source_id=self.source.copy().id).with_user(manager)
        self.assertEqual(mail.action_open_source()["res_id"], self.source.id)
        self.source.company_id = self.env["res.company"].create({"name": "Elsewhere"})
        self.env["res.partner"].browse(orphan.source_id).unlink()
        for each in (mail, orphan):
            with self.assertRaisesRegex(UserError, "gone, or not for you"):
                each.action_open_source()

    def test_each_recipients_outcome_is_on_record(self):
        self.sink.rejects["bad@client.example"] = "550 5.1.1 No such user"
        self.addCleanup(self.sink.rejects.clear)
        mail = self.mail(CUSTOMER, "bad@client.example", is_divisible=True)
        self.run_cron(self.cron_send)
        self.assertEqual((mail.state, len(self.received()), self.heard), ("sent", 1, ["sent"]))
        self.assertIn("bad@client.example: 550", mail.outcome_text)
        self.assertEqual(list(mail._refused_recipients()), ["bad@client.example"])

    def test_its_source_is_asked_again_right_before_the_final_dot(self):
        self.reasons = [None, SendCancelled("not_due")]
        mail = self.mail(is_conditional=True)
        self.run_cron(self.cron_send)
        self.assertEqual((mail.state, mail.cause, self.received()), ("cancelled", "not_due", []))
        self.assertEqual(self.heard, ["cancelled"])

    def test_a_source_may_postpone(self):
        self.reasons = [SendCancelled("later", until=fields.Datetime.now() + timedelta(hours=1))]
        mail = self.mail(is_conditional=True)
        self.run_cron(self.cron_send)
        self.assertEqual((mail.state, mail.attempts, self.received()), ("waiting", 0, []))
        self.run_cron(self.cron_send, seconds=3700)
        self.assertEqual((mail.state, len(self.received())), ("sent", 1))

    def test_what_vanished_with_its_source_does_not_leave(self):
        mail = self.mail(is_conditional=True)
        self.source.unlink()
        self.run_cron(self.cron_send)
        self.assertEqual((mail.state, self.received()), ("cancelled", []))

    @mute_logger("odoo.addons.lokario_mailbox.models.mailbox_dispatcher")
    def test_a_source_that_fails_hears_of_it_in_the_next_run(self):
        """What its hook raises neither undoes the outcome nor sends the mail again."""
        failures = [ZeroDivisionError()]

        def changed(mails):
            if failures:
                raise failures.pop()
            self.changed(mails)

        self.patch_hook("_outgoing_changed", changed)
        mail = self.mail()
        self.run_cron(self.cron_send)
        self.assertEqual((mail.state, mail.is_notified, self.heard), ("sent", False, []))
        self.run_cron(self.cron_send)
        self.assertEqual((mail.is_notified, self.heard, len(self.received())), (True, ["sent"], 1))

    def test_a_connection_that_breaks_in_a_mail_delays_that_mail_alone(self):
        self.faults.append("drop_mail")
        first = self.mail()
        other = self.env["res.partner"].create({"name": "Another source"})
        second = self.mail(source_id=other.id, message_id_header="<second@alpha.example>")
        self.run_cron(self.cron_send)
        self.run_cron(self.cron_send)
        self.assertEqual((first.state, first.cause, second.state), ("waiting", "network", "sent"))
        self.assertFalse(self.integration.sending_hold_until)

    def test_a_source_has_one_mail_in_the_outbox(self):
        mail = self.mail()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
            self.mail()
        mail._withdraw()
        self.assertTrue(self.mail())

    def test_a_mailbox_is_no_outgoing_server(self):
        """The company's address in From does not choose its mailbox: system mail carries it, too."""
        servers = self.env["ir.mail_server"]
        servers.search([]).active = False
        shared = servers.create({"name": "Global", "smtp_host": "smtp.example"})
        self.mail()
        self.run_cron(self.cron_send)
        self.assertEqual(servers.search([]), shared)
        self.assertEqual(servers._find_mail_server(MAILBOX)[0], shared)

    def test_who_reads_what_leaves_a_mailbox(self):
        mail = self.mail()
        user, manager = (
            new_test_user(self.env, name, groups=f"lokario_mailbox.group_lokario_mailbox_{name}")
            for name in ("user", "manager")
        )
        outbox = self.env["mailbox.outgoing"]
        self.assertFalse(outbox.with_user(user).search([("id", "=", mail.id)]))
        self.assertTrue(outbox.with_user(manager).search([("id", "=", mail.id)]))
        self.integration.user_id = user
        self.assertTrue(outbox.with_user(user).search([("id", "=", mail.id)]))
        mail._withdraw()
        with self.assertRaises(UserError):
            mail.with_user(manager).action_retry()
