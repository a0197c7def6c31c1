from odoo import http
from odoo.exceptions import ValidationError
from odoo.http import request

from odoo.addons.account_payment.controllers.portal import PortalAccount

from .statement import PAGE

LINK = "/followups/statement/<string:token>/pay/<int:currency_id>"


class PayAll(PortalAccount):
    """One payment for all documents of a statement page, by Odoo's payment providers."""

    @http.route(LINK, methods=["GET"], sitemap=False, **PAGE)
    def pay_all(self, token, currency_id):
        reminder, moves, amount = self._claims(token, currency_id)
        if not moves or amount <= 0:
            return request.redirect(f"/followups/statement/{token}")
        currency = moves.currency_id
        others = len(moves) - 1
        reference = f"{moves[0].name} +{others}" if others else moves.name
        values = self._get_common_page_view_values(
            {
                "partner": reminder.customer_id,
                "company": reminder.company_id,
                "total_amount": amount,
                "currency": currency,
                "amount_residual": amount,
                "payment_reference": reference,
                "landing_route": f"/followups/statement/{token}",
                "transaction_route": f"{request.httprequest.path}/transaction",
            }
        )
        payment = {"reference": reference, "amount": amount, "currency": currency}
        values["tokens_sudo"] = values["tokens_sudo"].browse()  # whoever has the link is not the owner of a saved card
        values |= {"payment": payment, "amount": amount, "moves": moves, "reminder": reminder, "token": token}
        return request.render("lokario_billing.pay_all_page", values)

    @http.route(f"{LINK}/transaction", type="jsonrpc", auth="public")
    def pay_all_transaction(self, token, currency_id, payment_reference=None, amount=None, **kwargs):
        """The sum is what is due at this moment, whatever the page said."""
        reminder, moves, due = self._claims(token, currency_id)
        currency = moves.currency_id
        if not moves or kwargs.get("token_id") or currency.compare_amounts(float(amount or 0), due):
            raise ValidationError(request.env._("The amounts have changed. Please open the page again."))
        self._validate_transaction_kwargs(kwargs)
        return self._process_transaction(
            reminder.customer_id.id, currency.id, moves.ids, payment_reference, amount=due, **kwargs
        )

    def _claims(self, token, currency_id):
        reminder = request.env["lokario.followup.reminder"]._of_token(token.replace("\0", ""))
        if not reminder:
            raise request.not_found()
        statement = request.env["lokario.followup.statement"].with_env(reminder.env)
        return reminder, *statement._payable(reminder, reminder.env["res.currency"].browse(currency_id))
