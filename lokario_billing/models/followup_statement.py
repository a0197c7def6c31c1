from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from .followup_promise import LONGEST_PROMISE


class FollowupStatement(models.AbstractModel):
    """The statement page behind a reminder's link: pay, promise, dispute, without login."""

    _name = "lokario.followup.statement"
    _description = "Statement of a customer"

    @api.model
    def _followups(self, reminder):
        """The open documents of the customer that the reader may see, the reminded ones first.

        He reads those he is written to about; who gets the customer's invoices reads all of these.
        """
        reminded = reminder.step_ids.followup_id.filtered(lambda each: each.customer_id == reminder.customer_id)
        customer = reminder.customer_id.with_company(reminder.company_id)
        gets_invoices = reminder.partner_id in (customer, customer._followup_contact(customer.browse))
        domain = [
            ("company_id", "=", reminder.company_id.id),
            ("customer_id", "=", reminder.customer_id.id),
            ("kind", "in", ("invoice", "quote")),
            ("state", "!=", "done"),
        ]
        return reminded | self.env["lokario.followup"].sudo().search(domain).filtered(
            lambda each: each._recipient() == reminder.partner_id or (gets_invoices and each.kind == "invoice")
        )

    @api.model
    def _values(self, reminder):
        """Return what the page shows, as the documents are now. Reading it changes nothing."""
        decisions = self._followups(reminder)._decide()
        rows = [self._row(followup, decision) for followup, decision in decisions.items()]
        today = reminder.company_id._followup_today()
        return {
            "reminder": reminder,
            "company": reminder.company_id,
            "rows": rows,
            "open_lines": self.env["account.move.line"].concat(*(row["lines"] for row in rows if row["open"])),
            "totals": self._totals(reminder, [row for row in rows if row["open"] and row["followup"].move_id]),
            "token": reminder.access_token,
            "earliest": today,
            "latest": today + timedelta(days=LONGEST_PROMISE),
        }

    @api.model
    def _row(self, followup, decision):
        document = decision.document
        return {
            "followup": followup,
            "open": not decision.is_final,
            "due": document.owed_since,
            "claim": document.claim,
            "credit": document.credit_claim,
            "currency": followup.claim_currency_id,
            "lines": followup.move_id.invoice_line_ids.filtered(lambda line: line.display_type == "product"),
        }

    @api.model
    def _totals(self, reminder, rows):
        """Return [(claims, the customer's credit, currency, whether all of it can be paid online)]."""
        totals = {}
        for row in rows:
            claim, credit = totals.get(row["currency"], (0.0, 0.0))
            totals[row["currency"]] = (claim + row["claim"], credit + row["credit"])
        return [
            (claim, credit, currency, claim > credit and self._can_be_paid(reminder, claim - credit, currency))
            for currency, (claim, credit) in totals.items()
        ]

    # === PAY ALL === #

    @api.model
    def _can_be_paid(self, reminder, amount, currency):
        """Whether the company has a payment provider for this sum."""
        providers = self.env["payment.provider"].sudo()
        customer = reminder.customer_id
        return bool(
            providers._get_compatible_providers(reminder.company_id.id, customer.id, amount, currency_id=currency.id)
        )

    @api.model
    def _payable(self, reminder, currency):
        """Return (invoices of the page in this currency that can be paid online, what is due of them less credits)."""
        decisions = self._followups(reminder)._decide()
        due = {
            followup.move_id: decision.document.claim - decision.document.credit_claim
            for followup, decision in decisions.items()
            if followup.move_id.currency_id == currency and not decision.is_final and followup.move_id._has_to_be_paid()
        }
        moves = self.env["account.move"].concat(*due).sorted("invoice_date_due")
        return moves, moves.currency_id.round(sum(due.values())) if moves else 0.0

    # === WHAT THE CUSTOMER DOES === #

    @api.model
    def _set_read(self, reminder):
        """A person used the page behind the link: the mail was read."""
        reminder.step_ids._set_read()
        deliveries = self.env["lokario.delivery"].sudo()
        opened = deliveries.search([("mail_id", "in", reminder.mail_id.ids), ("opened_at", "=", False)])
        opened.opened_at = fields.Datetime.now()

    @api.model
    def _promise(self, reminder, followup_ids, day):
        """Record the customer's promise for documents of this statement.

        :param followup_ids: ids as they came from the page; foreign ones are refused
        :param day: date as ISO text
        """
        followups, promises = self._chosen(reminder, followup_ids), self.env["lokario.followup.promise"].sudo()
        try:
            promised_for = fields.Date.to_date(day)
        except ValueError:
            promised_for = None
        if not promised_for:
            raise UserError(self.env._("Choose the day on which you will pay."))
        if not all(promises._may_be_given(followup) for followup in followups):
            raise UserError(self.env._("You have promised before. Please pay now, or tell us below what is wrong."))
        values = {"promised_for": promised_for, "by_customer": True}
        promises.create([{**values, "followup_id": each.id, "amount": each.amount} for each in followups])

    @api.model
    def _dispute(self, reminder, followup_ids, reason, line_id=None):
        """Record the customer's dispute of a document, or of one line of it."""
        followups, disputes = self._chosen(reminder, followup_ids), self.env["lokario.followup.dispute"].sudo()
        if not (reason or "").strip():
            raise UserError(self.env._("Say in a few words what is wrong."))
        if not all(disputes._may_be_raised(followup) for followup in followups):
            raise UserError(self.env._("You have disputed it several times already. Please write to us."))
        line = followups.move_id.invoice_line_ids.filtered(lambda line: line.id == line_id)
        values = {"reason": reason[:2000], "move_line_id": line.id, "by_customer": True}
        disputes.create([{**values, "followup_id": each.id} for each in followups])

    @api.model
    def _chosen(self, reminder, followup_ids):
        """Return the chosen documents, as they are now; using the page says that the mail was read."""
        self._set_read(reminder)
        followups = self._followups(reminder)
        followups._refresh_plan()
        chosen = followups.filtered(lambda each: each.id in followup_ids and each.state != "done")
        if not chosen:
            raise UserError(self.env._("Choose at least one document of this page."))
        return chosen
