from odoo.tests import tagged

from odoo.addons.lokario_billing.tests.common import BillingCase


@tagged("post_install", "-at_install")
class TestFollowupProject(BillingCase):
    def test_a_task_is_followed_up(self):
        task = self.env["project.task"].sudo().create({"name": "Roof", "partner_id": self.customer.id})
        followup = self.started(task)
        self.assertEqual((followup.kind, followup.partner_id), ("project", self.customer))
        self.assertEqual((followup.task_id, followup._document(), followup.name), (task, task, "Roof"))
