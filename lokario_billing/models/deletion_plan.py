from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.lokario_base.tools.deletion import (
    HAND_OVER,
    KEEP,
    Belonging,
    DeletionStep,
    LegalHold,
    StepOutcome,
)

from .followup_run import OPEN_INVOICES

NEGOTIATED = ("draft", "sent")  # states of a quote
ORDER_CONTACTS = ("partner_id", "partner_invoice_id", "partner_shipping_id")
HOLD = relativedelta(years=10)  # article L123-22 of the French Code de commerce, from the end of the fiscal year


class DeletionPlan(models.AbstractModel):
    """When an account is deleted: what accounting needs stays, without personal data, as long as the law asks."""

    _inherit = "lokario.deletion.plan"

    @api.model
    def _steps(self):
        return [*super()._steps(), DeletionStep("billing_quotes", 30, self.env._("Quotes that were never ordered"))]

    @api.model
    def _release_steps(self):
        return [*super()._release_steps(), DeletionStep("billing_files", 50, self.env._("Files of invoices"))]

    @api.model
    def _obstacles(self, user):
        open_moves = self._moves_of(user.partner_id).filtered(
            lambda move: move.state == "posted" and move.is_invoice() and move.payment_state in OPEN_INVOICES
        )
        reasons = [self.env._("The document %s is not paid yet. Settle it first.", move.name) for move in open_moves]
        return [*super()._obstacles(user), *reasons]

    @api.model
    def _consequences(self, user):
        own = self._open_quotes(user).filtered(lambda quote: quote.partner_id.commercial_partner_id == user.partner_id)
        text = self.env._("Quotes that you did not order are deleted: %s.", ", ".join(own.mapped("name")))
        return [*super()._consequences(user), *([text] if own else [])]

    @api.model
    def _open_quotes(self, user):
        return self.env["sale.order"].search([("partner_id", "=", user.partner_id.id), ("state", "in", NEGOTIATED)])

    @api.model
    def _responsible_domain(self, model):
        """Who sold what is ordered already needs no successor; who closed a follow-up neither."""
        domain = super()._responsible_domain(model)
        of_billing = {"sale.order": ("state", "in", NEGOTIATED), "lokario.followup": ("state", "!=", "done")}
        return [*domain, of_billing[model]] if model in of_billing else domain

    @api.model
    def _belongings(self, user):
        """What a company negotiates and has ordered is the company's, whoever of its people is named."""
        if user.partner_id.commercial_partner_id == user.partner_id:
            return super()._belongings(user)
        quotes, orders = self._open_quotes(user), self._unfinished_orders(user)
        quoted = self.env._("Quotes of your company under negotiation: %s", ", ".join(quotes.mapped("name")))
        ordered = self.env._("Orders of your company that are not finished: %s", ", ".join(orders.mapped("name")))
        return [
            *super()._belongings(user),
            *self._of_company(user, "sale.order:customer", quotes, quoted),
            *self._of_company(user, "sale.order:ordered", orders, ordered),
        ]

    @api.model
    def _unfinished_orders(self, user):
        """The orders that wait for their invoice, or for their delivery where the stock is managed."""
        orders = self.env["sale.order"]
        unfinished = Domain("invoice_status", "!=", "invoiced")
        if "delivery_status" in orders:
            unfinished |= Domain("delivery_status", "not in", ("full", False))
        return orders.search(Domain("partner_id", "=", user.partner_id.id) & Domain("state", "=", "sale") & unfinished)

    @api.model
    def _of_company(self, user, key, orders, label):
        owned = Belonging(
            name="orders_of_company",
            key=key,
            model="sale.order",
            ids=orders._ids,
            label=label,
            choices=(KEEP, HAND_OVER),
            heirs=self._colleagues(user)._ids,
        )
        return [owned] if orders else []

    @api.model
    def _carry_out_orders_of_company(self, deletion, belonging, choice, heir):
        """The colleague, or the company, stands where the person stood; conditions and other addresses stay."""
        person = deletion._partners()
        for order in self.env["sale.order"].browse(belonging.ids):
            contact = heir.partner_id or order.partner_id.commercial_partner_id
            named = [name for name in ORDER_CONTACTS if order[name] in person]
            computed = [field for field in order._fields.values() if field.store and field.compute]
            with self.env.protecting(computed, order):
                order.write(dict.fromkeys(named, contact.id))

    @api.model
    def _moves_of(self, partners):
        everyone = self.env["res.partner"].with_context(active_test=False).search([("id", "child_of", partners.ids)])
        return self.env["account.move"].search(
            ["|", ("partner_id", "in", everyone.ids), ("partner_shipping_id", "in", everyone.ids)]
        )

    @api.model
    def _held_partner_reason(self, partner):
        entries = self.env["account.move.line"].search_count([("partner_id", "=", partner.id)], limit=1)
        if entries or self._moves_of(partner):
            return self.env._("Accounting documents name this contact.")
        if self.env["sale.order"].search_count([("partner_id", "=", partner.id), ("state", "=", "sale")], limit=1):
            return self.env._("Orders name this contact.")
        return super()._held_partner_reason(partner)

    @api.model
    def _is_message_held(self, message):
        return message.model == "account.move" or super()._is_message_held(message)

    @api.model
    def _legal_holds(self, deletion):
        posted = self._moves_of(deletion._partners()).filtered(lambda move: move.state == "posted")
        holds = [
            LegalHold(
                "account.move",
                len(moves),
                fields.Date.to_string(self._hold_until(company, max(moves.mapped("date")))),
                self.env._("Accounting: ten years from the end of the fiscal year (Code de commerce, L123-22)"),
            )
            for company, moves in posted.grouped("company_id").items()
        ]
        return [*super()._legal_holds(deletion), *holds]

    @api.model
    def _hold_until(self, company, date):
        return company.compute_fiscalyear_dates(date)["date_to"] + HOLD

    @api.model
    def _step_billing_quotes(self, deletion):
        """A person's own quotes that nobody ordered go, and the name under what was ordered.

        What a company negotiates is the company's, whoever of its people is named; cancelled quotes stay, for figures.
        """
        partners = deletion._partners()
        orders = self.env["sale.order"].search([("partner_id", "in", partners.ids)])
        orders.filtered("signed_by").write({"signed_by": False, "signature": False})
        quotes = orders.filtered(
            lambda order: order.state in NEGOTIATED and order.partner_id.commercial_partner_id in partners
        )
        ids = quotes.ids
        quotes._action_cancel()
        quotes.unlink()
        return StepOutcome({"sale.order": ids})

    @api.model
    def _step_billing_files(self, deletion):
        """The last hold has ended: the PDF and XML of the invoices, which name the person, go too."""
        moves = self._moves_of(deletion._partners())
        files = self.env["ir.attachment"].with_context(skip_res_field_check=True)
        files = files.search([("res_model", "=", "account.move"), ("res_id", "in", moves.ids)])
        ids = files.ids
        files.unlink()
        return StepOutcome({"ir.attachment": ids})
