"""Two of everything: companies, branches, people of each role with ordinary rights, and two of their documents each."""

from datetime import timedelta

from odoo import fields
from odoo.fields import Command

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

    `people[role]` are users of the French company, one of each name; `belgians[role]` one of the Belgian company only.
    Nobody is an administrator.
    """

    names = NAMES

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
                "followup_closes": 23.999,
                "followup_approved_at": fields.Datetime.now(),
            }
        )
        cls.belgian.partner_id.lang = "en_US"
        cls.branch = cls.env["res.company"].create({"name": "Branch", "parent_id": cls.french.id})
        cls.twig = cls.env["res.company"].create({"name": "Branch of the branch", "parent_id": cls.branch.id})
        cls.people = cls.colleagues(cls.names, cls.french)
        cls.belgians = {role: users[0] for role, users in cls.colleagues(["jef"], cls.belgian).items()}
        cls.buyer, cls.boss = cls.env["res.partner"].create(
            [
                {"name": name, "email": f"{name.lower()}@beta.test", "parent_id": cls.customer.id, "lang": "en_US"}
                for name in ("Buyer", "Boss")
            ]
        )

    @classmethod
    def colleagues(cls, names, company):
        """Make users of each role who work in this company alone; return {role: users}."""
        values = [
            {
                "name": f"{name}_{role}",
                "login": f"{name}_{role}",
                "password": f"{name}_{role}",
                "email": f"{name}_{role}@{company.name.split()[0].lower()}.test",
                "lang": "en_US",
                "company_id": company.id,
                "company_ids": [Command.set(company.ids)],
                "group_ids": [Command.set([cls.env.ref(group).id for group in f"base.group_user,{groups}".split(",")])],
            }
            for role, groups in ROLES.items()
            for name in names
        ]
        users = iter(cls.env["res.users"].create(values))
        return {role: [next(users) for _name in names] for role in ROLES}

    @classmethod
    def invoices_of(cls, user, company=None, count=2):
        """Return late invoices of a salesperson, the first one the latest."""
        company = company or cls.french
        dates = [fields.Date.today() - timedelta(days=10 + number) for number in range(count)]
        line = {"name": "Work", "quantity": 1, "tax_ids": [Command.clear()]}
        values = {
            "move_type": "out_invoice",
            "company_id": company.id,
            "partner_id": cls.customer.id,
            "invoice_user_id": user.id,
            "invoice_payment_term_id": False,
        }
        moves = cls.env["account.move"].with_company(company)
        moves = moves.create(
            [
                {
                    **values,
                    "invoice_date": due - timedelta(days=30),
                    "invoice_date_due": due,
                    "invoice_line_ids": [Command.create({**line, "price_unit": 100 + number})],
                }
                for number, due in enumerate(dates)
            ]
        )
        moves.action_post()
        moves.is_move_sent = True
        return moves.with_env(cls.env)

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


class DocumentsCase(PeopleCase):
    """`documents[user]` are two invoices and two quotes of each salesperson."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.documents = {
            user: {"invoices": cls.invoices_of(user), "quotes": cls.quotes_of(user)} for user in cls.people["seller"]
        }
