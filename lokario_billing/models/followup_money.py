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
        """Return {invoice or quote: the facts that its online payments make (see payment.transaction)}."""
        paid = fields.Domain("state", "=", "done") & fields.Domain("payment_id", "=", False)
        under_way = fields.Domain("state", "in", ("pending", "authorized")) | paid
        documents = fields.Domain("invoice_ids", "in", moves.ids) | fields.Domain("sale_order_ids", "in", orders.ids)
        transactions = self.env["payment.transaction"].sudo().search(under_way & documents)
        per_document = defaultdict(transactions.browse)
        for transaction in transactions:
            for document in (*transaction.invoice_ids, *transaction.sale_order_ids):
                per_document[document] |= transaction
        return {document: group._last_days_of_waiting() for document, group in per_document.items()}

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

        A payment that names its invoice covers that one. A branch also counts what was paid to its parents; a credit
        within the tolerance covers nothing.
        """
        if not company.followup_hold_credit:
            return {}
        named, credits = self._credits(customers, company)
        if not named and not credits:
            return {}
        owing = [*credits, *self.env["account.move"].sudo().browse(named).commercial_partner_id.ids]
        domain = [("company_id", "=", company.id), ("partner_id", "child_of", owing)]
        domain += [("move_id.move_type", "=", "out_invoice"), ("amount_residual", ">", 0)]
        lines = self._open_lines([*domain, ("date_maturity", "<", company._followup_today())])
        covered = Counter()
        for line in lines.sorted(lambda line: (line.date_maturity, line.id)):
            left = line.amount_residual
            for purse, owner in ((named, line.move_id.id), (credits, line.partner_id.commercial_partner_id.id)):
                part = min(left, purse[owner])
                purse[owner] -= part
                left -= part
                covered[line.move_id.id] += part
        return covered

    @api.model
    def _credits(self, customers, company):
        """Return ({invoice id: payments that name it}, {customer id: other unmatched credit}) in the company's
        currency, without what is not worth mentioning.
        """
        ours = [("company_id", "in", company.sudo().parent_ids.ids), ("partner_id", "child_of", customers.ids)]
        named, credits = Counter(), Counter()
        for line in self._open_lines([*ours, ("amount_residual", "<", 0)]):
            credits[line.partner_id.commercial_partner_id.id] -= line.amount_residual
        for payment in self._payments_without_entry(ours, company):
            left = abs(payment.amount_company_currency_signed)
            for move in payment.invoice_ids.filtered("amount_residual"):
                part = min(left, abs(move.amount_residual_signed))
                named[move.id] += part
                left -= part
            credits[payment.partner_id.commercial_partner_id.id] += left
        worth = company.followup_tolerance
        return tuple(
            Counter({owner: amount for owner, amount in purse.items() if amount > worth}) for purse in (named, credits)
        )

    @api.model
    def _payments_without_entry(self, ours, company):
        """Return payments that wait for the bank statement: Enterprise makes no entry of them before."""
        since = company._followup_today() - UNMATCHED
        waiting = [("payment_type", "=", "inbound"), ("partner_type", "=", "customer"), ("state", "=", "in_process")]
        return (
            self.env["account.payment"].sudo().search([*ours, *waiting, ("move_id", "=", False), ("date", ">=", since)])
        )

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
