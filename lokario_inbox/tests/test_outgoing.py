import email
import email.policy
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.lokario_mailbox.tests.outgoing_common import CUSTOMER, MAILBOX, PASSWORD

from .outgoing_common import OutgoingCase


@tagged("post_install", "-at_install")
class TestOutgoing(OutgoingCase):
    def test_a_mail_leaves_once_and_is_filed_once(self):
        mail = self.draft(email_cc="cc@client.example", email_bcc="secret@client.example")
        mail.action_send()
        self.run_cron(self.cron_send)
        self.assertEqual(mail.state, "scheduled", "the undo window holds it back")
        self.run_cron(self.cron_send, seconds=11)
        self.assertEqual((mail.state, mail.confirmation), ("sent", "smtp"))
        taken = self.sink.deliveries()
        self.assertEqual(
            [item.recipient for item in taken], [CUSTOMER, "cc@client.example", "secret@client.example", MAILBOX]
        )
        self.assertEqual({item.sender for item in taken}, {MAILBOX})
        self.assertEqual({item.message_id for item in taken}, {mail.message_id_header}, "one mail for all")
        message = email.message_from_string(taken[0].raw, policy=email.policy.default)
        self.assertEqual(message["From"].addresses[0].addr_spec, MAILBOX)
        self.assertNotIn("secret@", taken[0].raw)
        self.run_cron(self.cron_file, seconds=20)
        self.assertEqual(self.in_folder("Sent"), [], "the provider has a minute to file its own copy")
        self.run_cron(self.cron_file, seconds=90)
        self.run_cron(self.cron_file, seconds=200)
        self.assertEqual(self.in_folder("Sent"), [mail.message_id_header])
        self.assertEqual(self.in_folder("INBOX"), [], "the Bcc self-copy is removed")
        self.assertEqual(self.integration.sent_filing, "append")
        self.assertTrue(self.integration.sent_mail_seen_at)

    def test_undo_within_the_window_only(self):
        mail = self.draft()
        mail.action_send()
        mail.action_undo()
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual((mail.state, self.received()), ("draft", []))
        mail.action_send()
        self.run_cron(self.cron_send, seconds=60)
        with self.assertRaises(UserError):
            mail.action_undo()
        self.assertEqual(self.received(), [mail.message_id_header])

    def test_a_mail_in_a_senders_hands_is_no_longer_cancelled(self):
        mail = self.draft()
        mail.action_send()
        mail.sudo().mail_id._set_sending("a worker")
        for button in (mail.action_cancel, mail.action_undo):
            with self.assertRaises(UserError):
                button()
        self.assertEqual(mail.state, "sending")

    def test_a_scheduled_mail_is_cancelled_by_the_answer(self):
        conversation = self.env["inbox.conversation"].create(
            {"integration_id": self.integration.id, "subject": "Devis"}
        )
        ann = new_test_user(self.env, "ann", groups="lokario_inbox.group_lokario_inbox_user")
        common = {"conversation_id": conversation.id, "author_id": ann.id}
        mails = [self.draft(**common, cancel_on_answer=cancel) for cancel in (True, False)]
        for mail in mails:
            mail.action_schedule(fields.Datetime.add(fields.Datetime.now(), hours=2))
        self.env["inbox.message"].create(
            {
                "company_id": self.integration.company_id.id,
                "integration_id": self.integration.id,
                "identity": "x",
                "conversation_id": conversation.id,
                "direction": "in",
                "from_address": CUSTOMER,
            }
        )._after_store()
        self.assertEqual([mail.state for mail in mails], ["cancelled", "scheduled"], "at once, hours before its time")
        self.assertEqual(conversation.get_outgoing()[0]["state"], "cancelled", "it does not vanish in silence")
        note = self.env["mail.message"].search([("model", "=", "inbox.conversation"), ("res_id", "=", conversation.id)])
        self.assertEqual(note.notified_partner_ids, ann.partner_id)
        self.run_cron(self.cron_send, seconds=7300)
        self.assertEqual([(mail.state, mail.cause) for mail in mails], [("cancelled", "answered"), ("sent", False)])
        self.assertEqual(self.received(), [mails[1].message_id_header])
        mails[0].action_edit()
        mails[0].action_send()
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual(mails[0].state, "sent", "taken up again, it answers what the customer wrote")

    def test_drafts_nobody_wrote_in_are_swept_away(self):
        empty, written = self.draft(body_html="<p><br></p>"), self.draft()
        fresh = self.draft(body_html=False)
        self.env.flush_all()
        old = fields.Datetime.subtract(fields.Datetime.now(), days=2)
        self.env.cr.execute(
            "UPDATE inbox_outgoing SET write_date = %s WHERE id = ANY(%s)", [old, (empty + written).ids]
        )
        self.env.invalidate_all()
        self.env["inbox.outgoing"]._gc_untouched_drafts()
        self.assertEqual((empty + written + fresh).exists(), written + fresh)

    def test_the_moment_that_was_entered_is_kept(self):
        mail = self.draft(wanted_at=fields.Datetime.add(fields.Datetime.now(), hours=2))
        mail.action_send()
        self.assertEqual((mail.send_at, mail.is_scheduled), (mail.wanted_at, True))
        self.run_cron(self.cron_send, seconds=3600)
        self.assertEqual(self.received(), [])
        self.run_cron(self.cron_send, seconds=7300)
        self.assertEqual(mail.state, "sent")
        late = self.draft(wanted_at=fields.Datetime.subtract(fields.Datetime.now(), hours=2))
        with self.assertRaises(UserError):
            late.action_send()

    def test_what_the_customer_writes_cancels_immediately(self):
        conversation = self.env["inbox.conversation"].create(
            {"integration_id": self.integration.id, "subject": "Devis"}
        )
        mail = self.draft(conversation_id=conversation.id)
        mail.action_schedule(fields.Datetime.add(fields.Datetime.now(), hours=2))
        message = self.env["inbox.message"].create(
            {
                "company_id": self.integration.company_id.id,
                "integration_id": self.integration.id,
                "identity": "y",
                "conversation_id": conversation.id,
                "direction": "in",
                "from_address": CUSTOMER,
            }
        )
        message._after_store()
        self.assertEqual((mail.state, mail.cause), ("cancelled", "answered"), "before anybody sends")

    def test_the_mail_that_was_answered_says_so(self):
        """Here and, in a two-way mailbox, at the server; what was forwarded was not answered."""
        self.integration.is_two_way = True
        values = {"integration_id": self.integration.id, "company_id": self.integration.company_id.id}
        asked, shared = self.env["inbox.message"].create(
            [{**values, "identity": name, "direction": "in", "from_address": CUSTOMER} for name in ("asked", "shared")]
        )
        for message, kind in ((asked, "reply"), (shared, "forward")):
            self.draft(parent_id=message.id, kind=kind).action_send()
        self.run_cron(self.cron_send, seconds=11)
        self.assertEqual((asked.is_answered, asked.push_add), (True, "\\Answered"))
        self.assertFalse(shared.is_answered or shared.push_add)

    def test_a_mail_that_is_taken_back_leaves_as_it_was_changed(self):
        """An attempt fixes the bytes; taking the mail back after it frees them again."""
        mail = self.draft(body_html="<p>Ancien texte</p>")
        mail.action_send()
        self.faults.append("busy")
        self.run_cron(self.cron_send, seconds=11)
        self.assertEqual((mail.state, mail.attempts), ("scheduled", 1))
        mail.action_undo()
        mail.write({"body_html": "<p>Nouveau texte</p>", "email_to": "bob@client.example"})
        mail.action_send()
        self.run_cron(self.cron_send, seconds=60)
        (taken,) = [item for item in self.sink.deliveries() if item.recipient != MAILBOX]
        self.assertEqual((mail.state, taken.recipient), ("sent", "bob@client.example"))
        self.assertIn("Nouveau texte", taken.raw)

    def test_server_faults_are_retried_with_the_same_identity(self):
        mail = self.draft()
        mail.action_send()
        self.faults.extend(["busy", "drop_mail", "none"])
        self.run_cron(self.cron_send, seconds=11)
        self.assertEqual((mail.state, mail.attempts, self.received()), ("scheduled", 1, []))
        first = mail.message_id_header
        self.run_cron(self.cron_send, seconds=30)
        self.assertEqual(mail.attempts, 1, "not before its time")
        self.run_cron(self.cron_send, seconds=200)
        self.assertEqual((mail.state, mail.attempts), ("scheduled", 2))
        self.run_cron(self.cron_send, seconds=1200)
        self.assertEqual((mail.state, mail.message_id_header, self.received()), ("sent", first, [first]))

    def test_a_mail_that_was_taken_before_the_cut_is_found_not_doubled(self):
        for fault in ("drop_after", "double"):
            mail = self.draft(subject=fault)
            mail.action_send()
            self.faults.append(fault)
            self.run_cron(self.cron_send, seconds=11)
            self.assertEqual(mail.state, "verifying")
            self.await_copy(mail)
            self.run_cron(self.cron_send, seconds=60)
            self.assertEqual((mail.state, mail.confirmation), ("sent", "mailbox"))
            self.assertEqual(self.received().count(mail.message_id_header), 1)

    def test_a_mail_that_was_not_taken_is_proved_absent_and_sent_again(self):
        self.integration.sent_mail_seen_at = fields.Datetime.now()
        mail = self.draft()
        mail.action_send()
        self.faults.extend(["drop_data"])
        self.run_cron(self.cron_send, seconds=11)
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual(
            (mail.state, self.received()), ("verifying", []), "absence is no proof before the grace is over"
        )
        self.run_cron(self.cron_send, seconds=400)
        self.run_cron(self.cron_send, seconds=800)
        self.run_cron(self.cron_send, seconds=900)
        self.assertEqual((mail.state, self.received()), ("sent", [mail.message_id_header]))

    def test_without_proof_the_mail_is_shown_as_uncertain(self):
        mail = self.draft()
        mail.action_send()
        self.faults.append("drop_data")
        self.run_cron(self.cron_send, seconds=11)
        self.run_cron(self.cron_send, seconds=400)
        self.run_cron(self.cron_send, seconds=900)
        self.run_cron(self.cron_send, seconds=90000)
        self.assertEqual((mail.state, self.received()), ("uncertain", []))
        mail.action_confirm_not_sent()
        mail.action_retry()
        self.run_cron(self.cron_send, seconds=90100)
        self.assertEqual(mail.state, "sent")

    def test_an_unreachable_mailbox_is_asked_again(self):
        mail = self.draft()
        mail.action_send()
        self.faults.append("drop_after")
        self.run_cron(self.cron_send, seconds=11)
        self.integration.write({"imap_port": 1, "email_password": PASSWORD})
        self.run_cron(self.cron_send, seconds=3600)
        self.assertEqual(mail.state, "verifying")
        self.integration.write({"imap_port": self.environment.imap_port, "email_password": PASSWORD})
        self.run_cron(self.cron_send, seconds=7200)
        self.assertEqual((mail.state, len(self.received())), ("sent", 1))

    def test_a_refused_login_holds_the_mailbox_and_tells_its_owner_once(self):
        self.integration.email_password = "wrong"
        mails = [self.draft(), self.draft()]
        for mail in mails:
            mail.action_send()
        self.run_cron(self.cron_send, seconds=11)
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual([mail.state for mail in mails], ["scheduled", "scheduled"])
        self.assertEqual(self.integration.sending_hold_cause, "login")
        self.assertEqual(sum(mail.attempts for mail in mails), 1, "the second mail does not knock as well")
        notes = self.env["mail.message"].search(
            [("model", "=", "inbox.integration"), ("res_id", "=", self.integration.id)]
        )
        self.assertEqual(len(notes.filtered(lambda note: note.message_type == "user_notification")), 1)
        self.assertNotIn("wrong", str(notes.mapped("body")))
        self.integration.email_password = "alpha-mailbox-pw"
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual([mail.state for mail in mails], ["sent", "sent"])

    def test_a_refused_address_keeps_the_mail_from_nobody_else(self):
        """Its author reads so in his language, though a job sends the mail."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"]._load_module_terms(["lokario_inbox"], ["fr_FR"])
        self.sink.rejects["bad@client.example"] = "550 5.1.1 No such user"
        self.addCleanup(self.sink.rejects.clear)
        ann = new_test_user(self.env, "ann", groups="lokario_inbox.group_lokario_inbox_user", lang="fr_FR")
        mail = self.draft(email_cc="bad@client.example", author_id=ann.id)
        mail.action_send()
        self.run_cron(self.cron_send, seconds=11)
        self.assertEqual((mail.state, self.received()), ("sent", [mail.message_id_header]))
        outcomes = mail.mail_id.outcomes
        self.assertIn("No such user", outcomes["bad@client.example"])
        self.assertTrue(outcomes[CUSTOMER].startswith("250"))
        note = self.env["mail.message"].search([("subject", "=", "Un e-mail n'est pas arrivé à tous")])
        self.assertIn("bad@client.example", note.body)
        self.assertEqual(note.notified_partner_ids, ann.partner_id)

    def test_a_refused_address_stops_the_mail_for_everybody_where_the_company_chose_so(self):
        self.integration.company_id.outgoing_all_or_none = True
        self.sink.rejects["bad@client.example"] = "550 5.1.1 No such user"
        self.addCleanup(self.sink.rejects.clear)
        mail = self.draft(email_cc="bad@client.example")
        mail.action_send()
        self.run_cron(self.cron_send, seconds=11)
        self.assertEqual((mail.state, mail.cause, self.received()), ("failed", "recipient", []))
        self.assertIn("bad@client.example", mail.answer)
        mail.action_edit()
        mail.email_cc = False
        mail.action_send()
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual((mail.state, mail.cause), ("sent", False), "corrected by its author")

    def report(self, **values):
        """A delivery failure that came into the mailbox."""
        box = self.integration
        common = {"company_id": box.company_id.id, "integration_id": box.id, "direction": "in"}
        identity = f"bounce{len(self.env['inbox.message'].search([]))}"
        values = {"automatic_kind": "failure", "report_reason": "550 5.1.1 No such user", **values}
        self.env["inbox.message"].create({**common, "identity": identity, **values})._after_store()

    def test_a_mail_that_comes_back_is_shown_as_returned(self):
        ann = new_test_user(self.env, "ann", groups="lokario_inbox.group_lokario_inbox_user", lang="en_US")
        mails = [self.draft(author_id=ann.id, subject=subject) for subject in ("Devis", "Facture")]
        for mail in mails:
            mail.action_send()
        self.run_cron(self.cron_send, seconds=11)
        self.report(returned_ref=mails[0].message_id_header)
        self.assertEqual([mail.mail_id.state for mail in mails], ["bounced", "sent"])
        self.assertEqual(mails[0].answer, "550 5.1.1 No such user")
        note = self.env["mail.message"].search([("subject", "=", "A mail was returned")])
        self.assertEqual(note.notified_partner_ids, ann.partner_id)

    def test_who_of_several_did_not_get_it_is_known(self):
        """Two mails to the same two people: one copy of one of them comes back, later the other, too."""
        mails = [self.draft(email_cc="b@client.example", subject=subject) for subject in ("Devis", "Facture")]
        for mail in mails:
            mail.action_send()
        self.run_cron(self.cron_send, seconds=11)
        first, second = mails[0].mail_id, mails[1].mail_id
        self.report(returned_ref=mails[0].message_id_header, report_address="B@client.example", report_reason="full")
        self.assertEqual((first.state, first._refused_recipients()), ("sent", {"b@client.example": "5.0.0 full"}))
        self.report(report_address="b@client.example")
        self.assertEqual(second._refused_recipients(), {}, "of two mails to him nobody knows which one it was")
        others = [each for each in first.recipients.splitlines() if each != "b@client.example"]
        for address in others:
            self.report(in_reply_to=mails[0].message_id_header, report_address=address)
        self.assertEqual((first.state, second.state), ("bounced", "sent"))

    def test_a_report_without_identifiers_names_the_only_mail_to_its_recipient(self):
        mails = [self.draft(email_to=address) for address in ("ab@client.example", "b@client.example")]
        for mail in mails:
            mail.action_send()
        self.run_cron(self.cron_send, seconds=11)
        self.report(report_address="b@client.example")
        self.assertEqual([mail.mail_id.state for mail in mails], ["sent", "bounced"])

    def test_only_what_the_table_says_becomes_of_a_mail(self):
        mail = self.draft()
        mail.action_send()
        self.run_cron(self.cron_send, seconds=11)
        for become in (mail.mail_id._set_queued, lambda: mail.mail_id._set_cancelled("person"), mail.action_retry):
            with self.assertRaises(UserError):
                become()
            self.assertEqual(mail.state, "sent")

    def test_what_cannot_be_sent_is_refused_in_words(self):
        for values in ({"email_to": ""}, {"email_to": "nobody"}, {"body_html": ""}):
            with self.assertRaises(UserError):
                self.draft(**values).action_send()
        with self.assertRaises(UserError):
            self.draft().action_schedule("2020-01-01 10:00:00")

    def test_the_state_is_the_machines(self):
        user = new_test_user(self.env, "writer", groups="lokario_inbox.group_lokario_inbox_user")
        mail = self.draft().with_user(user).sudo(False)
        mine = (
            self.env["inbox.outgoing"]
            .with_user(user)
            .create({"integration_id": self.integration.id, "email_to": CUSTOMER, "body_html": "<p>x</p>"})
        )
        with self.assertRaises(UserError):
            mine.write({"state": "sent"})
        mine.action_send()
        with self.assertRaises(UserError):
            mine.write({"email_to": "other@client.example"})
        with self.assertRaises(UserError):
            mine.unlink()
        self.assertTrue(mail)

    @mute_logger("odoo.addons.lokario_mailbox.models.mailbox_dispatcher")
    def test_one_broken_mail_does_not_stop_the_others(self):
        mails = [self.draft(), self.draft()]
        for mail in mails:
            mail.action_send()
        model = type(self.env["mailbox.outgoing"])
        original = model._message

        def broken(outgoing, *arguments):
            if outgoing == mails[0].mail_id:
                raise ZeroDivisionError
            return original(outgoing, *arguments)

        with patch.object(model, "_message", broken):
            self.run_cron(self.cron_send, seconds=11)
        self.assertEqual(mails[1].state, "sent")
        self.run_cron(self.cron_send, seconds=60)
        self.assertEqual(mails[0].state, "sent", "it had not begun to leave")


@tagged("post_install", "-at_install")
class TestHiddenCopy(OutgoingCase):
    """The Bcc self-copy that confirms the sending lies in INBOX for a minute: nobody takes it for a mail that came."""

    def sync(self):
        self.integration.next_sync_at = False
        self.env.flush_all()
        self.run_cron(self.env.ref("lokario_inbox.ir_cron_sync_all"))

    def views(self, conversation):
        """The lists on the left in which the conversation is."""
        domains = self.env["inbox.reader"]._view_domains()
        return {name for name, domain in domains.items() if conversation in conversation.search(domain)}

    def test_it_is_never_shown_as_received(self):
        mail = self.draft()
        mail.action_send()
        self.run_cron(self.cron_send, seconds=11)
        conversation = mail.conversation_id
        self.assertEqual((self.in_folder("INBOX"), self.in_folder("Sent")), ([mail.message_id_header], []))
        for self_copy_is_there in (True, False):
            self.sync()
            stored = self.env["inbox.message"].search([("message_id_header", "=", mail.message_id_header)])
            self.assertEqual((len(stored), stored.direction, stored.conversation_id), (1, "out", conversation))
            self.assertFalse(stored.deleted_at)
            self.assertEqual((conversation.unread, conversation.first_inbound_date), (False, False))
            self.assertEqual(self.views(conversation) & {"inbox", "unread", "waiting", "unassigned"}, set())
            self.assertEqual(conversation.get_outgoing(), [], "the stored mail stands for it")
            if self_copy_is_there:
                self.run_cron(self.cron_file, seconds=90)
                self.run_cron(self.cron_file, seconds=200)
                self.assertEqual((self.in_folder("INBOX"), self.in_folder("Sent")), ([], [mail.message_id_header]))


@tagged("post_install", "-at_install")
class TestProviderFiledSent(OutgoingCase):
    filing = frozenset({MAILBOX})

    def test_the_providers_copy_is_not_doubled(self):
        first, second = self.draft(), self.draft()
        first.action_send()
        self.run_cron(self.cron_send, seconds=11)
        self.run_cron(self.cron_file, seconds=20)
        self.run_cron(self.cron_file, seconds=200)
        self.assertEqual(self.integration.sent_filing, "provider")
        self.assertEqual(self.in_folder("Sent"), [first.message_id_header])
        second.action_send()
        self.run_cron(self.cron_send, seconds=60)
        self.run_cron(self.cron_file, seconds=900)
        self.assertEqual(len(self.in_folder("Sent")), 2)
        self.assertEqual(
            [item.recipient for item in self.sink.deliveries()],
            [CUSTOMER, MAILBOX, CUSTOMER],
            "no Bcc self-copy once the provider is known to file",
        )

    def test_a_mailbox_that_cannot_be_reached_files_later(self):
        mail = self.draft()
        mail.action_send()
        self.run_cron(self.cron_send, seconds=11)
        self.integration.write({"imap_port": 1, "email_password": PASSWORD})
        self.run_cron(self.cron_file, seconds=100)
        copy = self.env["inbox.sent.copy"].search([("message_id_header", "=", mail.message_id_header)])
        self.assertEqual((copy.state, bool(copy.error)), ("pending", True))
        self.integration.write({"imap_port": self.environment.imap_port, "email_password": PASSWORD})
        self.run_cron(self.cron_file, seconds=1000)
        self.assertEqual(copy.state, "provider")

    def test_a_mailbox_that_never_takes_its_copies_tells_its_owner_once(self):
        self.integration.write({"user_id": new_test_user(self.env, "owner").id, "imap_port": 1})
        names = [f"<{number}@alpha.example>" for number in range(2)]
        self.queue_copies(self.integration, *names)
        for days in (0, 4, 5):
            self.run_cron(self.cron_file, seconds=days * 86400 + 60)
        copies = self.env["inbox.sent.copy"].search([("message_id_header", "in", names)])
        self.assertEqual(set(copies.mapped("state")), {"failed"})
        notes = self.env["mail.message"].search(
            [("model", "=", "inbox.integration"), ("res_id", "=", self.integration.id)]
        )
        told = notes.filtered(lambda note: note.notified_partner_ids == self.integration.user_id.partner_id)
        self.assertEqual(len(told), 1)
