from odoo import http
from odoo.exceptions import UserError, ValidationError
from odoo.http import request


class FollowupStatement(http.Controller):
    """The page behind a reminder's link. The token is the only key; nothing else of the database is reachable."""

    @http.route(
        "/followups/statement/<string:token>", type="http", auth="public", methods=["GET"], website=True, sitemap=False
    )
    def statement(self, token, **params):
        self._reminder(token)._set_read()
        return self._page(token, notice=params.get("done"))

    @http.route(
        "/followups/statement/<string:token>/promise", type="http", auth="public", methods=["POST"], website=True
    )
    def promise(self, token, day="", **_params):
        return self._act(token, "promise", lambda reminder, ids: reminder._promise_by_customer(ids, day))

    @http.route(
        "/followups/statement/<string:token>/dispute", type="http", auth="public", methods=["POST"], website=True
    )
    def dispute(self, token, reason="", line="", **_params):
        line_id = int(line) if line.isdigit() else None
        return self._act(token, "dispute", lambda reminder, ids: reminder._dispute_by_customer(ids, reason, line_id))

    def _act(self, token, done, action):
        reminder = self._reminder(token)
        if not reminder:
            raise request.not_found()
        chosen = [int(value) for value in request.httprequest.form.getlist("followup") if value.isdigit()]
        try:
            with request.env.cr.savepoint():
                action(reminder, chosen)
        except (UserError, ValidationError) as refusal:
            return self._page(token, error=refusal.args[0])
        return request.redirect(f"/followups/statement/{token}?done={done}")

    def _page(self, token, **context):
        reminder = self._reminder(token)
        if not reminder:
            raise request.not_found()
        request.update_context(lang=reminder.env.lang)  # the page speaks the customer's language, as the mail does
        response = request.render("lokario_billing.statement_page", {**reminder._statement_values(), **context})
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def _reminder(self, token):
        reminder = request.env["lokario.followup.reminder"]._of_token(token)
        return reminder.with_context(lang=reminder.partner_id.lang or reminder.env.lang)
