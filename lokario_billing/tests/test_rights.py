"""Who sees whose follow-ups and deliveries, and who decides about them."""

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestRights(BillingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        one_company = {"company_id": cls.env.company.id, "company_ids": [(6, 0, cls.env.company.ids)]}
        groups = {
            "plain": "base.group_user",
            "salesman": "sales_team.group_sale_salesman",
            "head": "sales_team.group_sale_salesman_all_leads",
            "biller": "lokario_billing.group_lokario_billing_user,account.group_account_invoice",
        }
        cls.users = {
            name: new_test_user(cls.env, f"rights-{name}", group, **one_company) for name, group in groups.items()
        }

    def test_a_salesperson_sees_the_follow_ups_of_his_own_documents(self):
        his = self.invoice(invoice_user_id=self.users["salesman"].id)
        others = self.invoice(invoice_user_id=self.users["head"].id)
        for move in his | others:
            move.action_view_followup()
        both = self.followup(his) | self.followup(others)
        self.assertEqual(len(both), 2)
        seen = {
            name: self.env["lokario.followup"].with_user(user).search([("id", "in", both.ids)])
            for name, user in self.users.items()
            if name != "plain"
        }
        self.assertEqual(seen["salesman"], self.followup(his))
        self.assertFalse(self.followup(others).with_user(self.users["salesman"]).has_access("read"))
        self.assertEqual((seen["head"], seen["biller"]), (both, both))

    def test_who_may_not_see_a_delivery_does_not_decide_about_it(self):
        invoice = self.invoice()
        delivery = self.env["lokario.delivery"].sudo()
        delivery = delivery.create(
            {
                "company_id": self.env.company.id,
                "res_model": invoice._name,
                "res_id": invoice.id,
                "route": "global",
                "state": "uncertain",
                "message_id": "<rights@alpha.test>",
            }
        )
        for name in ("action_was_delivered", "action_try_again"):
            for user in (self.users["plain"], self.users["salesman"]):
                with self.assertRaises(AccessError):
                    getattr(delivery.with_user(user), name)()
        self.assertEqual(delivery.state, "uncertain")
        delivery.with_user(self.users["biller"]).action_was_delivered()
        self.assertEqual(delivery.state, "sent")

    def test_the_name_of_a_mailbox_is_shown_to_those_who_may_read_it(self):
        mailboxes = self.env["inbox.integration"].sudo()
        values = {"company_id": self.env.company.id, "user_id": self.users["head"].id, "smtp_host": "smtp.alpha.test"}
        private, shared = mailboxes.create(
            [
                {**values, "name": "Head only", "visibility": "private", "email_address": "head@alpha.test"},
                {**values, "name": "Everybody's", "visibility": "shared", "email_address": "contact@alpha.test"},
            ]
        )
        invoice = self.invoice()
        of_it = {
            "company_id": self.env.company.id,
            "res_model": invoice._name,
            "res_id": invoice.id,
            "route": "mailbox",
        }
        deliveries = self.env["lokario.delivery"].sudo()
        deliveries = deliveries.create(
            [
                {
                    **of_it,
                    "company_id": mailbox.company_id.id,
                    "message_id": f"<{mailbox.id}@alpha.test>",
                    "integration_id": mailbox.id,
                }
                for mailbox in private | shared
            ]
        )
        reader = new_test_user(
            self.env,
            "rights-reader",
            "lokario_billing.group_lokario_billing_user,lokario_mailbox.group_lokario_mailbox_user",
            company_id=self.env.company.id,
            company_ids=[(6, 0, self.env.company.ids)],
        )
        shown = [row["integration_id"] for row in deliveries.with_user(reader).read(["integration_id"])]
        self.assertEqual(shown, [(private.id, "(no access)"), (shared.id, "Everybody's")])
