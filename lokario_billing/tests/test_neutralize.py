from odoo.tests import tagged
from odoo.tools import file_open

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestNeutralize(BillingCase):
    def test_a_copy_writes_to_nobody(self):
        move = self.invoice()
        move.action_view_followup()
        reminder = self.env["lokario.followup.reminder"]._prepare(move.followup_ids._plan_and_store())
        token = reminder.access_token
        self.env.flush_all()
        with file_open("lokario_billing/data/neutralize.sql") as script:
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        self.run_cron()
        with self.sending():
            self.env["mail.mail"].process_email_queue()
        self.assertFalse(self.mails())
        self.assertFalse(self.company.followup_enabled)
        self.assertFalse(self.env["lokario.followup.reminder"]._of_token(token))
