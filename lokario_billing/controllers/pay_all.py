from odoo import http
from odoo.exceptions import ValidationError
from odoo.http import request

from odoo.addons.account_payment.controllers.portal import PortalAccount

from .statement import PAGE, check_limit

LINK = "/followups/statement/<string:token>/pay/<int(max=999999999):currency_id>"
MAX_REFERENCE = 200


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
        if not moves or currency.compare_amounts(self._cast_as_float(amount) or 0, due):
            raise ValidationError(request.env._("The amounts have changed. Please open the page again."))
        self._validate_transaction_kwargs(kwargs)
        self._check_choice(reminder, due, currency, kwargs)
        check_limit(token)
        fixed = {"token_id": None, "tokenization_requested": False, "is_validation": False}  # no card is kept or used
        kwargs |= {"flow": kwargs.get("flow"), "landing_route": f"/followups/statement/{token}", **fixed}
        reference = str(payment_reference or moves[0].name)[:MAX_REFERENCE]
        return self._process_transaction(
            reminder.customer_id.id, currency.id, moves.ids, reference, amount=due, **kwargs
        )

    def _check_choice(self, reminder, due, currency, given):
        """Refuse what the page does not offer: Odoo takes whichever provider of whichever company it is told."""
        user = request.env.user
        payer = reminder.customer_id if user._is_public() else user.partner_id
        providers_sudo = request.env["payment.provider"].sudo()
        offered_sudo = providers_sudo._get_compatible_providers(
            reminder.company_id.id, payer.id, due, currency_id=currency.id
        )
        methods_sudo = request.env["payment.method"].sudo()
        methods_sudo = methods_sudo._get_compatible_payment_methods(offered_sudo.ids, payer.id, currency_id=currency.id)
        provider_sudo = offered_sudo.filtered(lambda one: one.id == given.get("provider_id"))
        method_sudo = methods_sudo.filtered(lambda one: one.id == given.get("payment_method_id"))
        if not provider_sudo or provider_sudo not in method_sudo.provider_ids:
            raise ValidationError(request.env._("This way to pay is not offered. Please open the page again."))

    def _claims(self, token, currency_id):
        reminder = request.env["lokario.followup.reminder"]._of_token(token.replace("\0", ""))
        if not reminder:
            raise request.not_found()
        statement = request.env["lokario.followup.statement"].with_env(reminder.env)
        return reminder, *statement._payable(reminder, reminder.env["res.currency"].browse(currency_id))
