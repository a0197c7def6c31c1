import re
from datetime import timedelta

from odoo import http
from odoo.exceptions import UserError, ValidationError
from odoo.http import request

PAGE = {"type": "http", "auth": "public", "website": True, "private_page": True}
CHANGES = 20  # by one link in an hour
RECORD_ID = re.compile(r"[0-9]{1,9}")


def check_limit(token):
    """Count one more change by this link; raises UserError."""
    limits_sudo = request.env["lokario.rate.limit"].sudo()
    if not limits_sudo._take("lokario_billing.statement", token, CHANGES, timedelta(hours=1)):
        raise UserError(request.env._("This page took many messages within the hour. Please try again later."))


class FollowupStatement(http.Controller):
    """The page behind a reminder's link. The token is the only key; nothing else of the database is reachable."""

    @http.route("/followups/statement/<string:token>", methods=["GET"], sitemap=False, **PAGE)
    def statement(self, token, done="", **_params):
        """Programs open links, too: showing the page changes nothing."""
        return self._page(token, notice=done)

    @http.route("/followups/statement/<string:token>/read", methods=["POST"], **PAGE)
    def set_read(self, token, **_form):
        """The script of the page calls it at the first gesture of a person."""
        reminder = self._reminder(token)
        if not reminder:
            raise request.not_found()
        request.env["lokario.followup.statement"]._set_read(reminder)
        return request.make_response("", status=204)

    @http.route("/followups/statement/<string:token>/promise", methods=["POST"], **PAGE)
    def promise(self, token, day="", **form):
        statement = request.env["lokario.followup.statement"]
        return self._act(token, form, "promise", lambda reminder, ids: statement._promise(reminder, ids, day))

    @http.route("/followups/statement/<string:token>/dispute", methods=["POST"], **PAGE)
    def dispute(self, token, reason="", line="", **form):
        statement = request.env["lokario.followup.statement"]
        line_id = int(line) if RECORD_ID.fullmatch(line) else None
        return self._act(
            token, form, "dispute", lambda reminder, ids: statement._dispute(reminder, ids, reason, line_id)
        )

    def _act(self, token, form, done, action):
        reminder = self._reminder(token)
        if not reminder:
            raise request.not_found()
        chosen = [int(value) for value in request.httprequest.form.getlist("followup") if RECORD_ID.fullmatch(value)]
        try:
            with request.env.cr.savepoint():
                self._check_form(token, form.get("form_token", ""))
                action(reminder, chosen)
        except (UserError, ValidationError) as refusal:
            return self._page(token, error=refusal.args[0])
        return request.redirect(f"/followups/statement/{token}?done={done}")

    def _check_form(self, token, form_token):
        if not request.env["lokario.form.token"]._redeem(token, form_token):
            raise UserError(request.env._("This form was sent already or is too old. Please fill it in again."))
        check_limit(token)

    def _page(self, token, **context):
        reminder = self._reminder(token)
        if not reminder:
            raise request.not_found()
        request.update_context(lang=reminder.env.lang)  # the page speaks the customer's language, as the mail does
        form_token = request.env["lokario.form.token"]._issue(token)
        statement = request.env["lokario.followup.statement"].with_env(reminder.env)
        values = {**statement._values(reminder), "form_token": form_token, **context}
        return request.render("lokario_billing.statement_page", values)

    def _reminder(self, token):
        reminder = request.env["lokario.followup.reminder"]._of_token(token.replace("\0", ""))
        return reminder.with_context(lang=reminder.partner_id.lang or reminder.env.lang)
