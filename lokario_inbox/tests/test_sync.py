from odoo.tests import tagged

from .mailbox_common import MailboxCase, make_mail


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
        twice = self.env["inbox.message"].search([("subject", "=", "Question 3")])
        self.assertEqual(len(twice.placement_ids), 2, "the same mail twice in a folder is one message")
