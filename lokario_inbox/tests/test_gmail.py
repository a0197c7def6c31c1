from functools import partial

from odoo.tests import tagged

from lokario_testing.environments.imap_proxy import gmail_proxy, hide_capabilities
from odoo.addons.lokario_mailbox.tests.mailbox_common import make_mail

from .mailbox_common import MailboxCase


@tagged("post_install", "-at_install")
class TestGmail(MailboxCase):
    """Gmail's own name of a mail (X-GM-MSGID): read once, whatever the number of its labels."""

    @classmethod
    def _make_environment(cls, environment):
        environment.folders["All Mail"] = r"\All"

    def setUp(self):
        super().setUp()
        self.proxy = self.enterContext(gmail_proxy(self.environment.imap_port))
        self.contents = 0
        self.proxy.change = partial(self._count, self.proxy.change)
        self._allow_hosts(self.env, f"127.0.0.1:{self.proxy.port}")

    def gmail(self, count=20):
        """A Gmail mailbox of mails in "All Mail", all of them in the inbox, too, half under the label Clients."""
        box, client = self.box(imap_port=self.proxy.port), self.imap()
        self.append(client, [make_mail(number) for number in range(count)], '"All Mail"')
        client.create("Clients")
        client.select('"All Mail"')
        client.copy("1:*", "INBOX")
        client.copy(f"1:{count // 2}", "Clients")
        return box, client

    def _count(self, change, connection, unit):
        self.contents += b"BODY[] {" in unit
        return change(connection, unit)

    def look(self, box):
        """One look at the mailbox; returns how many mails the server delivered whole."""
        before = self.contents
        self.sync(box)
        self.assertEqual((box.state, box.last_sync_error), ("connected", False))
        return self.contents - before

    def test_all_mail_is_read_once_and_a_label_costs_no_content(self):
        box, client = self.gmail()
        self.assertEqual(self.look(box), 20)
        self.assertEqual(box.folder_ids.filtered("sync_enabled").mapped("special_use"), ["all"])
        messages = self.messages(box)
        self.assertEqual((len(messages), len(set(messages.mapped("server_ref")))), (20, 20))
        box.folder_ids.filtered(lambda folder: folder.path in ("INBOX", "Clients")).sync_enabled = True
        self.assertEqual(self.look(box), 0)
        self.assertEqual(self.messages(box), messages, "the same mails")
        places = self.env["inbox.message.location"].search([("integration_id", "=", box.id)])
        self.assertEqual(
            {path: len(of_folder) for path, of_folder in places.grouped(lambda place: place.folder_id.path).items()},
            {"All Mail": 20, "INBOX": 20, "Clients": 10},
        )
        self.append(client, [make_mail(20)], '"All Mail"')
        client.select('"All Mail"')
        client.copy("21", "Clients")
        self.assertEqual(self.look(box), 1)
        self.assertEqual(len(self.messages(box)), 21)
        self.run_cron("audit")
        self.assertEqual(set(box.folder_ids.filtered("sync_enabled").mapped("audit_state")), {"complete"})

    def test_without_all_mail_every_label_still_reads_a_mail_once(self):
        """Who hides "All Mail" from IMAP has his labels read: content once, places as many as labels."""
        box, _client = self.gmail()
        self.look(box)
        folders = box.folder_ids
        folders.sync_enabled = False
        self.messages(box).unlink()
        folders.write({"uidvalidity": False, "cursor_uid": False, "backfill_uid": False, "uidnext": 0})
        folders.filtered(lambda folder: folder.path in ("INBOX", "Clients")).sync_enabled = True
        self.assertEqual(self.look(box), 20)
        self.assertEqual(self.subjects(box), sorted(f"Question {number}" for number in range(20)))

    def test_a_number_that_lies_loses_nothing(self):
        """Two mails under one number: the size tells them apart, and the content is read."""
        box, client = self.gmail(2)
        self.sync(box)
        self.env.cr.execute("UPDATE inbox_message SET size = size + 1 WHERE integration_id = %s", [box.id])
        self.append(client, [make_mail(7)], "Clients")
        box.folder_ids.filtered(lambda folder: folder.path == "Clients").sync_enabled = True
        self.assertEqual(self.look(box), 2)
        self.assertEqual(self.subjects(box), ["Question 0", "Question 1", "Question 7"])

    def test_renumbered_folder_costs_no_content(self):
        """Even mails without a Message-ID, twins to everybody else, are recognised by their number."""
        box, client = self.gmail(10)
        twins = [make_mail(99, Message_ID=None, Subject=f"Jumeau {letter}") for letter in "AB"]
        self.append(client, twins, '"All Mail"')
        self.sync(box)
        before = {message.subject: message.id for message in self.messages(box)}
        self.assertEqual(len(before), 12)
        self.environment.doveadm(
            "mailbox", "update", "-u", box.email_address, "--uid-validity", "4000000000", "All Mail"
        )
        self.assertEqual(self.look(box), 0)
        self.assertEqual({message.subject: message.id for message in self.messages(box)}, before)

    def test_archiving_takes_the_inbox_label(self):
        """Gmail's one folder is "All Mail": nothing moves there, the label of the inbox goes."""
        box, client = self.gmail(2)
        box.is_two_way = True
        self.sync(box)
        self.messages(box).sorted("subject")[0].conversation_id.action_archive_conversation()
        self.sync(box)
        self.assertFalse(self.messages(box).filtered("is_push_pending"))
        client.select('"All Mail"')
        self.assertEqual(client.search(None, "KEYWORD", "NoInboxLabel")[1], [b"1"])

    def test_archived_at_gmail_is_archived_here(self):
        """What has no inbox label waits for nobody; archived on the phone, it is so here in a two-way mailbox."""
        box, client = self.gmail(4)
        box.is_two_way = True
        client.select('"All Mail"')
        client.store("1", "+FLAGS", "NoInboxLabel")
        self.sync(box)
        conversations = self.messages(box).sorted("subject").conversation_id
        self.assertEqual(conversations.mapped("state"), ["archived", "new", "new", "new"])
        client.store("2", "+FLAGS", "NoInboxLabel")
        client.store("3", "+FLAGS", "\\Flagged")
        self.sync(box)
        self.assertEqual(conversations.mapped("state"), ["archived", "archived", "new", "new"])
        conversations[1].action_reopen()
        client.store("2", "+FLAGS", "\\Flagged")
        self.sync(box)
        self.assertEqual(conversations[1].state, "in_progress", "nobody archived it again")

    def test_a_server_without_numbers_is_asked_for_none(self):
        self.proxy.change = hide_capabilities("OBJECTID")
        box, _client = self.gmail(2)
        self.sync(box)
        self.assertEqual((box.last_sync_error, self.messages(box).mapped("server_ref")), (False, [False, False]))
