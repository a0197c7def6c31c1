from odoo import api, fields, models


class DueNotice(models.Model):
    _inherit = "lokario.due.notice"

    kind = fields.Selection(selection_add=[("invoice", "Overdue invoice")], ondelete={"invoice": "cascade"})

    @api.model
    def _facts(self):
        return [*super()._facts(), *self._late_invoices()]

    @api.model
    def _late_invoices(self):
        """Invoices with an instalment that is late, to their salesperson."""
        companies = self.env["res.company"].search([])  # pylint: disable=no-search-all  # each has its own today
        late = fields.Domain.OR(
            fields.Domain("company_id", "=", company.id) & fields.Domain("date_maturity", "<", company._lokario_today())
            for company in companies
        )
        unpaid = fields.Domain(
            [
                ("parent_state", "=", "posted"),
                ("move_id.move_type", "=", "out_invoice"),
                ("move_id.payment_state", "in", ("not_paid", "partial")),
                ("account_type", "=", "asset_receivable"),
                ("amount_residual", ">", 0),
            ]
        )
        lines = self.env["account.move.line"]
        people = {}
        for move, due in lines._read_group(unpaid & late, ["move_id"], ["date_maturity:min"]):
            company = move.company_id
            if company not in people:
                people[company] = company._invoicing_people()
            yield "invoice", move, move.invoice_user_id, people[company], str(due)
