from collections import Counter, defaultdict
from datetime import timedelta

from odoo import api, fields, models

from ..tools.bank_money import BankMoney

UNMATCHED = timedelta(days=30)  # a line of the bank statement holds no longer


class FollowupMoney(models.AbstractModel):
    """Money of customers that is not matched to their invoices yet."""

    _name = "lokario.followup.money"
    _description = "Unmatched money of customers"

    @api.model
    def _under_way(self, moves, orders):
        """Return {invoice or quote: last day on which its online payments hold its reminders}."""
        paid = fields.Domain("state", "=", "done") & fields.Domain("payment_id", "=", False)
        under_way = fields.Domain("state", "in", ("pending", "authorized")) | paid
        documents = fields.Domain("invoice_ids", "in", moves.ids) | fields.Domain("sale_order_ids", "in", orders.ids)
        transactions = self.env["payment.transaction"].sudo().search(under_way & documents)
        per_document = defaultdict(transactions.browse)
        for transaction in transactions:
            for document in (*transaction.invoice_ids, *transaction.sale_order_ids):
                per_document[document] |= transaction
        return {document: group._last_day_of_waiting() for document, group in per_document.items()}

    @api.model
    def _on_bank_statement(self, company):
        """Return the BankMoney of a company."""
        money = BankMoney()
        if not company.followup_hold_credit:
            return money
        lines = self.env["account.bank.statement.line"].sudo()
        since = company._followup_today() - UNMATCHED
        domain = [("company_id", "=", company.id), ("is_reconciled", "=", False), ("date", ">=", since)]
        lines = lines.search([*domain, ("amount", ">", company.followup_tolerance)], order="date")
        for line, payer in lines._payers().items():
            money.add(payer.id, line.amount, f"{line.payment_ref or ''} {line.ref or ''}", line.date + UNMATCHED)
        return money

    @api.model
    def _covered(self, customers, company):
        """Return {invoice id: what the customers' unmatched payments and credit notes cover of it, the oldest first}.

        A branch also counts what was paid to its parents; a credit within the tolerance covers nothing.
        """
        credits = self._credits(customers, company) if company.followup_hold_credit else {}
        if not credits:
            return {}
        domain = [("company_id", "=", company.id), ("partner_id", "child_of", list(credits))]
        domain += [("move_id.move_type", "=", "out_invoice"), ("amount_residual", ">", 0)]
        lines = self._open_lines([*domain, ("date_maturity", "<", company._followup_today())])
        covered = Counter()
        for line in lines.sorted(lambda line: (line.date_maturity, line.id)):
            customer = line.partner_id.commercial_partner_id.id
            part = min(line.amount_residual, credits[customer])
            credits[customer] -= part
            covered[line.move_id.id] += part
        return covered

    @api.model
    def _credits(self, customers, company):
        """Return {customer id: unmatched credit in the company's currency}, without what is not worth mentioning."""
        domain = [("company_id", "in", company.sudo().parent_ids.ids), ("amount_residual", "<", 0)]
        credit = Counter()
        for line in self._open_lines([*domain, ("partner_id", "child_of", customers.ids)]):
            credit[line.partner_id.commercial_partner_id.id] -= line.amount_residual
        return {customer: amount for customer, amount in credit.items() if amount > company.followup_tolerance}

    @api.model
    def _open_lines(self, domain):
        receivable = [("account_type", "=", "asset_receivable"), ("parent_state", "=", "posted")]
        return self.env["account.move.line"].sudo().search([*receivable, ("reconciled", "=", False), *domain])

    @api.model
    def _is_bank_stale(self, company):
        if not company.followup_bank_max_age:
            return False
        lines = self.env["account.bank.statement.line"].sudo()
        newest = lines.search([("company_id", "=", company.id)], order="date desc", limit=1)
        oldest_allowed = company._followup_today() - timedelta(days=company.followup_bank_max_age)
        return not newest or newest.date < oldest_allowed
