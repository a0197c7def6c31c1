import logging
from email.message import EmailMessage
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from lokario_testing.environments.imap_proxy import ImapProxy, Liar, hide_capabilities
from lokario_testing.environments.winmail import file, tnef
from odoo.addons.lokario_mailbox.tests.mailbox_common import make_mail
from odoo.addons.queue_job.tests.common import trap_jobs

from .mailbox_common import MailboxCase
from .mime_corpus import uu_file

EXCHANGE_LACKS = ("CONDSTORE", "QRESYNC", "ESEARCH", "MOVE", "SPECIAL-USE", "LIST-EXTENDED", "LIST-STATUS")
_logger = logging.getLogger(__name__)


@tagged("post_install", "-at_install")
class TestSync(MailboxCase):
    def test_first_tick_and_next_tick(self):
        """Mail arrives once, in every folder it is in, and the mailbox becomes connected."""
        box = self.box()
        client = self.imap()
        self.append(client, [make_mail(n) for n in range(3)])
        self.append(client, [make_mail(9)], "Sent")
        self.sync(box)
        self.assertEqual((box.state, box.last_sync_error), ("connected", False))
        self.assertEqual(self.subjects(box), [f"Question {n}" for n in (0, 1, 2, 9)])
        self.append(client, [make_mail(3), make_mail(3)])
        self.sync(box)
        self.assertEqual(self.subjects(box), [f"Question {n}" for n in (0, 1, 2, 3, 9)])
        twice = self.messages(box).filtered(lambda m: m.subject == "Question 3")
        self.assertEqual(len(twice.location_ids), 2, "the same mail twice in a folder is one message")
        sent = self.messages(box).filtered(lambda m: m.direction == "out")
        self.assertEqual(sent.mapped("subject"), ["Question 9"])

    def test_hook_sees_each_new_message_once_oldest_first(self):
        box, seen = self.box(), []

        def after_store(messages):
            seen.extend(messages.mapped("subject"))

        self.patch(type(self.env["inbox.message"]), "_after_store", after_store)
        client = self.imap()
        self.append(client, [make_mail(n) for n in range(3)])
        self.sync(box)
        self.sync(box)
        self.assertEqual(seen, ["Question 0", "Question 1", "Question 2"])

    def _changes(self, **values):
        """Flags, a move and a deletion done on the phone arrive here."""
        box = self.box(**values)
        client = self.imap()
        self.append(client, [make_mail(n) for n in range(6)])
        self.sync(box)
        before = {m.subject: m.id for m in self.messages(box)}
        client.select("INBOX")
        client.store("1", "+FLAGS", "\\Seen")
        client.store("2", "+FLAGS", "\\Answered \\Flagged")
        client.copy("3", "Archive")
        client.store("3:4", "+FLAGS", "\\Deleted")
        client.expunge()
        self.append(client, [make_mail(7)])
        self.sync(box)
        self.assertEqual(box.last_sync_error, False)
        now = {m.subject: m for m in self.messages(box)}
        self.assertEqual(sorted(now), [f"Question {n}" for n in (0, 1, 2, 4, 5, 7)])
        self.assertTrue(now["Question 0"].is_seen)
        self.assertTrue(now["Question 1"].is_answered and now["Question 1"].is_flagged)
        moved = now["Question 2"]
        self.assertEqual(moved.id, before["Question 2"], "a moved mail stays the same message")
        living = moved.location_ids.filtered(lambda p: not p.expunged_at)
        self.assertEqual(living.folder_id.mapped("name"), ["Archive"])
        gone = self.env["inbox.message"].browse(before["Question 3"])
        self.assertTrue(gone.deleted_at)
        self.sync(box)
        self.assertTrue(gone.deleted_at, "a tombstone is never resurrected")

    def test_a_change_at_the_server_unreads_nothing_in_a_one_way_mailbox(self):
        """Read here, flagged on the phone, which never heard of the reading: it stays read here."""
        for is_two_way, still_read in ((False, True), (True, True)):
            box = self.box(f"way{is_two_way}@mail.test", is_two_way=is_two_way)
            client = self.imap(f"way{is_two_way}@mail.test")
            self.append(client, [make_mail(1)])
            self.sync(box)
            self.messages(box).conversation_id.action_mark_read(True)
            self.sync(box)
            client.select("INBOX")
            client.store("1", "+FLAGS", "\\Flagged")
            self.sync(box)
            message = self.messages(box)
            self.assertEqual((message.is_flagged, message.is_seen), (True, still_read), f"two ways: {is_two_way}")

    def test_changes_by_qresync(self):
        self._changes()

    def test_changes_without_any_extension(self):
        """The Exchange profile: no CONDSTORE, no QRESYNC, no ESEARCH, no SPECIAL-USE."""
        with ImapProxy(self.environment.imap_port, hide_capabilities(*EXCHANGE_LACKS)) as proxy:
            self._allow_hosts(self.env, f"127.0.0.1:{proxy.port}")
            self._changes(imap_port=proxy.port)
            self.assertGreater(proxy.connections, 1)

    def test_changes_by_condstore_alone(self):
        with ImapProxy(self.environment.imap_port, hide_capabilities("QRESYNC")) as proxy:
            self._allow_hosts(self.env, f"127.0.0.1:{proxy.port}")
            self._changes(imap_port=proxy.port)

    def test_mailbox_stays_as_it_was(self):
        """Flags, dates and order are byte-identical after a full synchronisation."""
        box = self.box()
        client = self.imap()
        self.append(client, [make_mail(n) for n in range(5)])
        client.select("INBOX")
        client.store("2", "+FLAGS", "\\Seen")
        before = client.fetch("1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE)")
        self.sync(box)
        self.run_cron("audit")
        self.imap().select("INBOX")
        self.assertEqual(client.fetch("1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE)"), before)

    def test_unchanged_account_costs_little(self):
        """At most 2 KB on the wire, no folder or message row written."""
        with ImapProxy(self.environment.imap_port) as proxy:
            self._allow_hosts(self.env, f"127.0.0.1:{proxy.port}")
            box = self.box(imap_port=proxy.port)
            self.append(self.imap(), [make_mail(1)])
            self.sync(box)
            self.env.cr.execute("SELECT sum(xmin::text::bigint) FROM inbox_folder")
            before, moved = self.env.cr.fetchall(), proxy.bytes_in + proxy.bytes_out
            self.sync(box)
            moved = proxy.bytes_in + proxy.bytes_out - moved
            self.env.cr.execute("SELECT sum(xmin::text::bigint) FROM inbox_folder")
            self.assertEqual(self.env.cr.fetchall(), before)
            self.assertLessEqual(moved, 2048)
            self.assertEqual(box.last_sync_error, False)

    def test_new_uidvalidity_keeps_messages(self):
        """A renumbered folder keeps messages, ids and what hangs on them, without duplicates."""
        box = self.box()
        client = self.imap()
        self.append(client, [make_mail(n) for n in range(20)] + [make_mail(99, Message_ID=None)])
        self.sync(box)
        before = {m.subject: m.id for m in self.messages(box)}
        self.environment.doveadm("mailbox", "update", "-u", box.email_address, "--uid-validity", "4000000000", "INBOX")
        self.sync(box)
        self.assertEqual({m.subject: m.id for m in self.messages(box)}, before)
        inbox = box.folder_ids.filtered(lambda f: f.special_use == "inbox")
        self.assertEqual(inbox.uidvalidity, "4000000000")
        self.append(client, [make_mail(50)])
        self.sync(box)
        self.assertEqual(len(self.messages(box)), 22)

    def test_backfill_brings_older_mail(self):
        """The tick brings the newest mail; the backfill the rest, down to the first."""
        self.patch(type(self.env["inbox.integration"]), "_tick_limit", lambda self: 10)
        box = self.box()
        self.append(self.imap(), [make_mail(n) for n in range(35)])
        self.sync(box)
        newest = {f"Question {n}" for n in range(25, 35)}
        self.assertEqual(set(self.subjects(box)), newest)
        self.assertTrue(box.backfill_pending)
        self.run_cron("backfill")
        self.assertEqual(len(self.subjects(box)), 35)
        self.assertFalse(box.backfill_pending)

    def test_liar_is_found_and_healed(self):
        """What a faulty server omits, reorders, doubles or truncates, the audit finds and heals."""
        mails = [make_mail(n) for n in range(60)]
        for lies in (["omit"], ["truncate"], ["reorder", "double"], ["uidnext"]):
            with self.subTest(lies=lies):
                self._heal(lies, mails)

    def _heal(self, lies, mails):
        address = f"{lies[0]}@mail.test"
        liar = Liar(lies, share=0.2)
        with ImapProxy(self.environment.imap_port, liar) as proxy:
            self._allow_hosts(self.env, f"127.0.0.1:{proxy.port}")
            box = self.box(address, imap_port=proxy.port)
            client = self.imap(address)
            self.append(client, mails[:50])
            self.sync(box)
            self.sync(box)
            self.append(client, mails[50:])
            self.sync(box)
            self.assertTrue(any(liar.told.values()), liar.told)
            self.run_cron("audit")
        inbox = box.folder_ids.filtered(lambda f: f.special_use == "inbox")
        expected = sorted(f"Question {n}" for n in range(60))
        self.assertEqual(self.subjects(box), expected)
        self.assertIn(inbox.audit_state, ("complete", "healed"))
        self.assertEqual(inbox.audit_count, 60)
        self.assertEqual(set(self.messages(box).mapped("size")), {len(raw.replace(b"\n", b"\r\n")) for raw in mails})

    def test_poisoned_mail_is_quarantined_and_blocks_nothing(self):
        deep = b"From: a@b.c\r\nMIME-Version: 1.0\r\n" + b"".join(
            b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(300)
        )
        box = self.box()
        self.append(self.imap(), [make_mail(1), deep, make_mail(2)])
        self.sync(box)
        self.assertEqual(self.subjects(box), ["Question 1", "Question 2"])
        kept = self.env["inbox.quarantine"].search([("integration_id", "=", box.id)])
        self.assertEqual(len(kept), 1)
        self.assertIn("nested", kept.reason)
        self.assertEqual(len(kept.raw), -(-len(deep) // 3) * 4, "the raw mail is kept")

    def test_mail_the_database_refuses_is_quarantined(self):
        """A fault of storing one mail isolates that mail."""
        box, store = self.box(), type(self.env["inbox.message"])._after_store

        def after_store(messages):
            if "Question 2" in messages.mapped("subject"):
                raise ValueError("cannot digest")
            return store(messages)

        self.patch(type(self.env["inbox.message"]), "_after_store", after_store)
        self.append(self.imap(), [make_mail(n) for n in range(4)])
        with mute_logger("odoo.addons.lokario_inbox.models.inbox_folder"):
            self.sync(box)
        self.assertEqual(self.subjects(box), [f"Question {n}" for n in (0, 1, 3)])
        kept = self.env["inbox.quarantine"].search([("integration_id", "=", box.id)])
        self.assertEqual(kept.reason, "ValueError: cannot digest")
        self.patch(type(self.env["inbox.message"]), "_after_store", store)
        kept.action_retry()
        self.assertEqual((kept.state, kept.message_id.subject), ("restored", "Question 2"))

    def test_big_mail_comes_in_parts(self):
        """A 12 MB mail: text and list of attachments at once, the attachment on demand."""
        mail = EmailMessage()
        mail["From"], mail["Subject"], mail["Message-ID"] = "big@example.org", "Grand", "<big@example.org>"
        mail.set_content("Voici le plan.")
        content = bytes(range(256)) * 40_000
        mail.add_attachment(content, maintype="application", subtype="pdf", filename="plan n°1.pdf")
        box = self.box()
        self.append(self.imap(), [mail.as_bytes(), make_mail(1)])
        self.sync(box)
        self.assertEqual(self.subjects(box), ["Grand", "Question 1"])
        message = self.messages(box).filtered(lambda m: m.subject == "Grand")
        self.assertEqual(message.body_text.strip(), "Voici le plan.")
        attachment = message.attachment_ids
        self.assertEqual((attachment.name, attachment.content), ("plan n°1.pdf", False))
        action = attachment.action_download()
        self.assertIn(f"/web/content/{attachment.attachment_id.id}", action["url"])
        self.assertEqual(attachment.attachment_id.raw, content)

    def test_winmail_dat_of_a_big_mail_is_looked_into(self):
        """Its files are listed at once; each comes on demand, whole."""
        content = bytes(range(256)) * 5_000
        mail = EmailMessage()
        mail["From"], mail["Subject"] = "outlook@example.org", "Outlook"
        mail.set_content("Voici le plan.")
        winmail = tnef(file("plan.pdf", content), file("note.txt", b"deux"))
        mail.add_attachment(winmail, maintype="application", subtype="ms-tnef", filename="winmail.dat")
        box = self.box()
        self.append(self.imap(), [mail.as_bytes()])
        self.sync(box)
        files = self.messages(box).attachment_ids
        self.assertEqual(files.mapped("name"), ["winmail.dat", "plan.pdf", "note.txt"])
        self.assertEqual((files.mapped("content"), files[1].size), ([False] * 3, len(content)))
        for attachment, expected in zip(files, (winmail, content, b"deux"), strict=True):
            attachment.action_download()
            self.assertEqual(attachment.attachment_id.raw, expected, attachment.name)

    def test_files_written_into_a_text_come_on_demand(self):
        """As old programs send them: those of a big mail wait at the server, inside its text."""
        contents = [bytes(range(256)) * 5_000, b"deux"]
        written = [uu_file(f"plan{number}.bin", content) for number, content in enumerate(contents)]
        mail = b"Subject: Plans\r\n\r\nVoici\r\n%b\r\net\r\n%b\r\nBien \xe0 vous" % tuple(written)
        box = self.box()
        self.append(self.imap(), [mail])
        self.sync(box)
        message = self.messages(box)
        self.assertEqual(message.body_text.split(), ["Voici", "et", "Bien", "à", "vous"])
        self.assertEqual(message.attachment_ids.mapped("name"), ["plan0.bin", "plan1.bin"])
        for attachment, expected in zip(message.attachment_ids, contents, strict=True):
            attachment.action_download()
            self.assertEqual(attachment.attachment_id.raw, expected, attachment.name)

    def test_two_way_states(self):
        """Read, answered and archived here is so on the phone, in bulk."""
        box = self.box(is_two_way=True)
        client = self.imap()
        self.append(client, [make_mail(n) for n in range(3)])
        self.sync(box)
        read, answered, archived = self.messages(box).sorted("subject")
        read._push_seen(True)
        answered._push_answered()
        archived._push_move("archive")
        self.sync(box)
        client.select("INBOX")
        flags = b" ".join(client.fetch("1:*", "(FLAGS)")[1])
        self.assertIn(b"\\Seen", flags)
        self.assertIn(b"\\Answered", flags)
        self.assertEqual(client.search(None, "ALL")[1], [b"1 2"])
        self.assertEqual(client.select("Archive")[1], [b"1"])
        self.assertFalse(self.messages(box).filtered("is_push_pending"))
        self.sync(box)
        self.assertEqual(len(self.subjects(box)), 3)

    def test_archiving_taken_back(self):
        """Before the server was told, the mail stays; while it was told, the mail comes back."""
        box = self.box(is_two_way=True)
        client = self.imap()
        self.append(client, [make_mail(n) for n in range(2)])
        self.sync(box)
        early, late = self.messages(box).sorted("subject").conversation_id
        (early | late).inbox_update({"state": "archived"})
        early.inbox_update({"state": "new"})
        model = type(self.env["inbox.message"])
        store_pushed = model._store_pushed

        def take_back_first(messages, push):
            if push.move == "archive":
                late.inbox_update({"state": "new"})
                self.env.flush_all()
            return store_pushed(messages, push)

        with patch.object(model, "_store_pushed", take_back_first):
            self.sync(box)
        self.assertEqual((early.state, late.state, late.email_ids.push_move), ("new", "new", "inbox"))
        for _look in range(2):  # the first learns where the mail is now
            self.sync(box)
        self.assertEqual([client.select(name)[1] for name in ("INBOX", "Archive")], [[b"2"], [b"0"]])
        self.assertEqual((early.state, late.state), ("new", "new"))
        self.assertFalse(self.messages(box).filtered("is_push_pending"))

    def test_archived_on_the_phone_is_archived_here(self):
        """In a two-way mailbox; reopened here it stays open until the phone moves it again."""
        for is_two_way, state in ((True, "archived"), (False, "new")):
            address = f"phone{is_two_way}@mail.test"
            box, client = self.box(address, is_two_way=is_two_way), self.imap(address)
            self.append(client, [make_mail(n) for n in range(2)])
            self.sync(box)
            client.select("INBOX")
            client.copy("1", "Archive")
            client.store("1", "+FLAGS", "\\Deleted")
            client.expunge()
            self.sync(box)
            moved, kept = self.messages(box).sorted("subject").conversation_id
            self.assertEqual((moved.state, kept.state), (state, "new"), f"two ways: {is_two_way}")
            self.assertFalse(self.messages(box).filtered("is_push_pending"))
            moved.action_reopen()
            client.select("Archive")
            client.store("1", "+FLAGS", "\\Flagged")
            self.sync(box)
            self.assertEqual((moved.state, self.messages(box).sorted("subject")[0].is_flagged), ("in_progress", True))

    def test_a_first_sync_leaves_the_archive_in_the_archive(self):
        """What the server holds in Archive only waits for nobody; an answer in the inbox does."""
        box, client = self.box(), self.imap()
        old = [make_mail(n) for n in range(2)]
        self.append(
            client,
            [*old, make_mail(2, References="<m0@example.org>", From="Client 0 <client0@example.org>")],
            "Archive",
        )
        self.append(client, [make_mail(3, References="<m1@example.org>", From="Client 1 <client1@example.org>")])
        self.sync(box)
        self.assertFalse(any(self.messages(box).conversation_id.mapped("resolved_date")), "nobody resolved them now")
        states = {message.subject: message.conversation_id.state for message in self.messages(box)}
        self.assertEqual(
            states, {"Question 0": "archived", "Question 2": "archived", "Question 1": "new", "Question 3": "new"}
        )

    def test_spam_and_archive_each_find_their_folder(self):
        box = self.box(is_two_way=True)
        client = self.imap()
        self.append(client, [make_mail(n) for n in range(2)])
        self.sync(box)
        archived, spam = self.messages(box).sorted("subject")
        archived._push_move("archive")
        spam._push_move("junk")
        self.sync(box)
        self.assertEqual([client.select(name)[1] for name in ("INBOX", "Archive", "Junk")], [[b"0"], [b"1"], [b"1"]])

    def test_jobs_share_a_tick(self):
        """With two jobs wanted, the cron only enqueues; one job looks at every due mailbox, a second tick adds none."""
        boxes = [self.box(f"job{number}@mail.test") for number in range(3)]
        self.append(self.imap("job1@mail.test"), [make_mail(1)])
        self.env["ir.config_parameter"].set_param("lokario_inbox.sync_jobs", "2")
        with trap_jobs() as trap:
            for _tick in range(2):
                self.env["inbox.integration"]._cron_sync_all()
            trap.assert_jobs_count(2, only=self.env["inbox.integration"]._job_sync)
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            self.env(cr=cr)["inbox.integration"]._job_sync()
        self.env.invalidate_all()
        self.assertEqual([box.state for box in boxes], ["connected"] * 3)
        self.assertEqual(self.subjects(boxes[1]), ["Question 1"])

    def test_one_way_by_default(self):
        box = self.box()
        client = self.imap()
        self.append(client, [make_mail(1)])
        self.sync(box)
        self.messages(box)._push_seen(True)
        self.sync(box)
        client.select("INBOX")
        self.assertNotIn(b"Seen", client.fetch("1", "(FLAGS)")[1][0])

    def test_same_mail_in_two_mailboxes(self):
        """Each mailbox has its own copy, whatever the Message-ID says."""
        first, second = self.box(), self.box("second@mail.test")
        for address in (first.email_address, second.email_address):
            self.append(self.imap(address), [make_mail(1)])
        first.next_sync_at = False
        self.sync(second)
        self.assertEqual(self.subjects(first), ["Question 1"])
        self.assertEqual(self.subjects(second), ["Question 1"])

    def test_failing_account_backs_off_and_delays_nobody(self):
        good, bad = self.box(), self.box("bad@mail.test")
        bad.email_password = "wrong"
        self.append(self.imap(), [make_mail(1)])
        good.next_sync_at = False
        self.sync(bad)
        self.assertEqual(self.subjects(good), ["Question 1"])
        self.assertEqual((bad.state, bad.last_error_class, bad.failure_count), ("error", "login", 1))
        self.assertGreater(bad.next_sync_at, good.next_sync_at)
        self.assertEqual(len(bad.activity_ids), 1, "the owner is told")
        bad.email_password = self.password
        self.assertEqual(bad.failure_count, 0)
        self.sync(bad)
        self.assertEqual((bad.state, len(bad.activity_ids)), ("connected", 0))
