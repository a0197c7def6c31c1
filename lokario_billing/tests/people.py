"""Two of everything: companies, branches, people of each role with ordinary rights, and two of their documents each."""

from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import new_test_user

from .common import BillingCase

ROLES = {
    "seller": "sales_team.group_sale_salesman",
    "accountant": "account.group_account_invoice",
    "collector": "lokario_billing.group_lokario_billing_user",
    "manager": "lokario_billing.group_lokario_billing_manager,account.group_account_invoice",
}
NAMES = ("ann", "bea", "cid")


class PeopleCase(BillingCase):
    """A French company with a branch of a branch, a Belgian one in another currency, and people who work there.

    `people[role]` are three users of the French company; `belgians[role]` one of the Belgian company only. Nobody is an
    administrator. `documents[user]` are two invoices and two quotes of each salesperson.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.french = cls.company
        cls.belgian = cls.setup_other_company(name="Belge SA", currency_id=cls.env.ref("base.EUR").id)["company"]
        cls.env.ref("base.EUR").active = True
        cls.belgian.write(
            {
                "country_id": cls.env.ref("base.be").id,
                "email": "contact@belge.test",
                "followup_enabled": True,
                "followup_days": "all",
                "followup_holidays": False,
                "followup_opens": 0.0,
                "followup_closes": 23.99,
                "followup_approved_at": fields.Datetime.now(),
            }
        )
        cls.belgian.partner_id.lang = "en_US"
        cls.branch = cls.env["res.company"].create({"name": "Branch", "parent_id": cls.french.id})
        cls.twig = cls.env["res.company"].create({"name": "Branch of the branch", "parent_id": cls.branch.id})
        cls.people = {
            role: [cls.colleague(f"{name}_{role}", groups, cls.french) for name in NAMES]
            for role, groups in ROLES.items()
        }
        cls.belgians = {role: cls.colleague(f"jef_{role}", groups, cls.belgian) for role, groups in ROLES.items()}
        cls.buyer, cls.boss = cls.env["res.partner"].create(
            [
                {"name": name, "email": f"{name.lower()}@beta.test", "parent_id": cls.customer.id, "lang": "en_US"}
                for name in ("Buyer", "Boss")
            ]
        )
        cls.documents = {
            user: {"invoices": cls.invoices_of(user), "quotes": cls.quotes_of(user)} for user in cls.people["seller"]
        }

    @classmethod
    def colleague(cls, login, groups, company):
        return new_test_user(
            cls.env,
            login,
            f"base.group_user,{groups}",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
            email=f"{login}@{company.name.split()[0].lower()}.test",
            lang="en_US",
        )

    @classmethod
    def invoices_of(cls, user, company=None, count=2):
        """Return late invoices of a salesperson, the first one the latest."""
        company = company or cls.french
        moves = cls.env["account.move"]
        for number in range(count):
            due = fields.Date.today() - timedelta(days=10 + number)
            moves |= moves.with_company(company).create(
                {
                    "move_type": "out_invoice",
                    "company_id": company.id,
                    "partner_id": cls.customer.id,
                    "invoice_user_id": user.id,
                    "invoice_date": due - timedelta(days=30),
                    "invoice_date_due": due,
                    "invoice_payment_term_id": False,
                    "invoice_line_ids": [
                        Command.create(
                            {"name": "Work", "quantity": 1, "price_unit": 100 + number, "tax_ids": [Command.clear()]}
                        )
                    ],
                }
            )
        moves.action_post()
        moves.is_move_sent = True
        return moves

    @classmethod
    def quotes_of(cls, user, count=2):
        """Return quotes of a salesperson that their customer has had."""
        lines = [{"product_id": cls.product_a.id, "price_unit": 50.0 + number} for number in range(count)]
        orders = cls.env["sale.order"].create(
            [
                {
                    "partner_id": cls.customer.id,
                    "company_id": cls.french.id,
                    "user_id": user.id,
                    "order_line": [Command.create(line)],
                }
                for line in lines
            ]
        )
        orders.action_quotation_sent()
        return orders

    def plan(self, *companies):
        """Give the documents of these companies their follow-ups, as the hourly job does."""
        followups = self.env["lokario.followup"].sudo()
        for company in companies or (self.french, self.belgian):
            followups.env["lokario.followup.run"].with_company(company)._create_missing(company)
            followups.search([("company_id", "=", company.id)])._refresh_plan()
        self.env.flush_all()
