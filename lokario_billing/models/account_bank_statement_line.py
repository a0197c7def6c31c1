from odoo import models

from ..tools.bank_money import plain


class BankStatementLine(models.Model):
    _inherit = "account.bank.statement.line"

    def _payers(self):
        """Return {line: the customer it names or whose account it comes from; perhaps none}."""
        numbers = {line: plain(line.account_number or "") for line in self}
        accounts = self.env["res.partner.bank"].sudo().search([("sanitized_acc_number", "in", list(numbers.values()))])
        owners = {account.sanitized_acc_number: account.partner_id for account in accounts}
        unknown = self.env["res.partner"]
        return {
            line: (line.partner_id or owners.get(number, unknown)).commercial_partner_id
            for line, number in numbers.items()
        }
