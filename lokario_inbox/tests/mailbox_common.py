"""Mailboxes that are synchronised: the crons of the inbox as the tests' doors."""

from odoo.addons.lokario_mailbox.tests import mailbox_common


class MailboxCase(mailbox_common.MailboxCase):
    def run_cron(self, name="sync_all"):
        """The cron as the scheduler runs it."""
        with self.enter_registry_test_mode():
            self.env.ref(f"lokario_inbox.ir_cron_{name}").method_direct_trigger()
        self.env.invalidate_all()

    def sync(self, integration):
        """Due now, then the tick."""
        integration.next_sync_at = False
        self.env.flush_all()
        self.run_cron()

    def messages(self, integration):
        """The living messages of a mailbox."""
        return self.env["inbox.message"].search([("integration_id", "=", integration.id), ("deleted_at", "=", False)])

    def subjects(self, integration):
        return sorted(self.messages(integration).mapped("subject"))
