from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from .followup_promise import LONGEST_PROMISE


class FollowupReminder(models.Model):
    """The statement page behind a reminder's link: pay, promise, dispute, without login."""

    _inherit = "lokario.followup.reminder"

    @api.model
    def _of_token(self, token):
        """Return the reminder of a valid token (sudo), or nothing; the unique index makes the look-up exact."""
        if not token or len(token) < 32:
            return self.browse()
        return self.sudo().search(
            [
                ("access_token", "=", token),
                ("token_expires_at", ">", fields.Datetime.now()),
            ],
            limit=1,
        )

    def _statement_followups(self):
        """The open documents of the customer that the reader may see, the reminded ones first.

        He reads those he is written to about; who gets the customer's invoices reads all of these.
        """
        self.ensure_one()
        reminded = self.step_ids.followup_id.filtered(lambda followup: followup.customer_id == self.customer_id)
        customer = self.customer_id.with_company(self.company_id)
        gets_invoices = self.partner_id in (customer, customer._followup_contact(customer.browse))
        others = (
            self.env["lokario.followup"]
            .sudo()
            .search(
                [
                    ("company_id", "=", self.company_id.id),
                    ("customer_id", "=", self.customer_id.id),
                    ("kind", "in", ("invoice", "quote")),
                    ("state", "!=", "done"),
                ]
            )
        )
        return reminded | others.filtered(
            lambda each: each._recipient() == self.partner_id or (gets_invoices and each.kind == "invoice")
        )

    def _set_read(self):
        """The customer opened the page behind the link: the mail was read."""
        self.step_ids.filtered(lambda step: step.state == "sent").state = "read"
        deliveries = self.env["lokario.delivery"].sudo()
        opened = deliveries.search([("mail_id", "in", self.mail_id.ids), ("opened_at", "=", False)])
        opened.opened_at = fields.Datetime.now()

    def _statement_values(self):
        followups = self._statement_followups()
        followups._refresh_plan()  # what was paid a minute ago is no longer asked for
        invoices = followups.filtered(lambda followup: followup.move_id and followup.state != "done")
        today = self.company_id._followup_today()
        return {
            "reminder": self,
            "company": self.company_id,
            "followups": followups,
            "totals": [
                (sum(group.mapped("claim_amount")), currency)
                for currency, group in invoices.grouped("claim_currency_id").items()
            ],
            "token": self.access_token,
            "earliest": today,
            "latest": today + timedelta(days=LONGEST_PROMISE),
        }

    def _promise_by_customer(self, followup_ids, day):
        """Record the customer's promise for documents of this statement.

        :param followup_ids: ids as they came from the page; foreign ones are refused
        :param day: date as ISO text
        """
        followups = self._own_followups(followup_ids)
        try:
            promised_for = fields.Date.to_date(day)
        except ValueError:
            promised_for = None
        if not promised_for:
            raise UserError(self.env._("Choose the day on which you will pay."))
        if not all(followup._may_promise() for followup in followups):
            raise UserError(self.env._("You have promised before. Please pay now, or tell us below what is wrong."))
        self.env["lokario.followup.promise"].sudo().create(
            [
                {
                    "followup_id": followup.id,
                    "promised_for": promised_for,
                    "amount": followup.amount,
                    "by_customer": True,
                }
                for followup in followups
            ]
        )

    def _dispute_by_customer(self, followup_ids, reason, line_id=None):
        """Record the customer's dispute of a document, or of one line of it."""
        followups = self._own_followups(followup_ids)
        if not (reason or "").strip():
            raise UserError(self.env._("Say in a few words what is wrong."))
        lines = followups.move_id.invoice_line_ids
        line = lines.filtered(lambda line: line.id == line_id)
        self.env["lokario.followup.dispute"].sudo().create(
            [
                {"followup_id": followup.id, "reason": reason[:2000], "move_line_id": line.id, "by_customer": True}
                for followup in followups
            ]
        )

    def _own_followups(self, followup_ids):
        chosen = self._statement_followups().filtered(lambda f: f.id in followup_ids and f.state != "done")
        if not chosen:
            raise UserError(self.env._("Choose at least one document of this page."))
        return chosen
