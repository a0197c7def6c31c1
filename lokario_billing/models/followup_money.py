"""Money that is on its way: reasons to wait, each with an end."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta

from odoo import fields, models

# days that a provider may take; a wire transfer that was only announced has its own number of the company
PATIENCE = {"pending": 3, "authorized": 30, "done": 30}
UNMATCHED = timedelta(days=30)  # a line of the bank statement holds no longer
LONGEST_REFERENCE = 8  # words; banks cut references into pieces


@dataclass
class BankMoney:
    """What came in and is not matched yet; the days are the last ones on which it holds reminders."""

    customers: dict[int, date] = field(default_factory=dict)
    references: dict[str, date] = field(default_factory=dict)
    amounts: dict[float, date] = field(default_factory=dict)  # of lines that name nobody

    def of(self, customer, move, amounts):
        """Return the last day on which money that fits holds this invoice, or None."""
        days = [self.customers.get(customer.id)]
        days += [self.references.get(_plain(name)) for name in (move.name, move.payment_reference) if name]
        days += [self.amounts.get(round(amount, 2)) for amount in amounts]
        return max((day for day in days if day), default=None)


class Followup(models.Model):
    _inherit = "lokario.followup"

    def _payments_on_their_way(self):
        """Return {invoice or quote: last day on which its online payments hold its reminders}."""
        paid = fields.Domain("state", "=", "done") & fields.Domain("payment_id", "=", False)
        under_way = fields.Domain("state", "in", ("pending", "authorized")) | paid
        invoices = fields.Domain("invoice_ids", "in", self.move_id.ids)
        quotes = fields.Domain("sale_order_ids", "in", self.order_id.ids)
        transactions = self.env["payment.transaction"].sudo().search(under_way & (invoices | quotes))
        per_document = defaultdict(transactions.browse)
        for transaction in transactions:
            for document in (*transaction.invoice_ids, *transaction.sale_order_ids):
                per_document[document] |= transaction
        return {document: group._last_day_of_waiting() for document, group in per_document.items()}

    def _money_on_the_bank_statement(self, company):
        """Return the BankMoney of a company."""
        money = BankMoney()
        if not company.followup_hold_credit:
            return money
        lines = self.env["account.bank.statement.line"].sudo()
        since = company._followup_today() - UNMATCHED
        domain = [("company_id", "=", company.id), ("is_reconciled", "=", False), ("date", ">=", since)]
        lines = lines.search([*domain, ("amount", ">", company.followup_tolerance)], order="date")
        for line, payer in lines._payers().items():
            until = line.date + UNMATCHED
            money.references |= dict.fromkeys(_references(f"{line.payment_ref or ''} {line.ref or ''}"), until)
            if payer:
                money.customers[payer.id] = until
            else:
                money.amounts[round(line.amount, 2)] = until
        return money


class BankStatementLine(models.Model):
    _inherit = "account.bank.statement.line"

    def _payers(self):
        """Return {line: the customer it names or whose account it comes from; perhaps nobody}."""
        numbers = {line: _plain(line.account_number or "") for line in self}
        accounts = self.env["res.partner.bank"].sudo().search([("sanitized_acc_number", "in", list(numbers.values()))])
        owners = {account.sanitized_acc_number: account.partner_id for account in accounts}
        nobody = self.env["res.partner"]
        return {
            line: (line.partner_id or owners.get(number, nobody)).commercial_partner_id
            for line, number in numbers.items()
        }


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    def _last_day_of_waiting(self):
        """Return the last day on which these payments of one document hold its reminders.

        A wire transfer that was announced again and again counts from the first time.
        """
        announced = self.filtered(lambda each: each.provider_code == "custom" and each.state == "pending")
        counted = self - announced | announced.sorted("create_date")[:1]
        return max(each.create_date.date() + timedelta(days=each._patience()) for each in counted)

    def _patience(self):
        if self.provider_code == "custom" and self.state == "pending":
            return self.company_id.followup_transfer_days
        return PATIENCE[self.state]


def _plain(text):
    return re.sub(r"[\W_]", "", text).upper()


def _references(text):
    """Yield every run of words, written without anything between them."""
    words = [word for word in map(_plain, text.split()) if word]
    for start in range(len(words)):
        for end in range(start + 1, min(start + LONGEST_REFERENCE, len(words)) + 1):
            yield "".join(words[start:end])
