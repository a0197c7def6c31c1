from odoo import http
from odoo.http import request

# No cookie is set, so no CSRF token can be asked for: each form carries a one-time token instead.
PUBLIC = {"type": "http", "auth": "public", "csrf": False, "save_session": False, "private_page": True}


class Preferences(http.Controller):
    """The page behind a message's link. The token is the only key, and opens one person's choices."""

    @http.route("/saas/preferences/<string:token>", methods=["GET", "POST"], **PUBLIC)
    def preferences(self, token, **form):
        preferences, form_tokens = request.env["saas.preference"], request.env["lokario.form.token"]
        company_sudo, person_sudo = preferences._of_link(token)
        if not company_sudo or not person_sudo:
            raise request.not_found()
        request.update_context(lang=person_sudo.lang or company_sudo.partner_id.lang)
        preferences, is_sent = request.env["saas.preference"], request.httprequest.method == "POST"
        if is_sent and form_tokens._redeem(token, form.get("form_token", "")):
            preferences._choose(company_sudo, person_sudo, form)
            return request.redirect(f"/saas/preferences/{token}?saved=1", code=303)
        values = {
            "rows": preferences._rows(company_sudo, person_sudo),
            "channels": preferences._fields["channel"]._description_selection(request.env),
            "company": company_sudo,
            "form_token": form_tokens._issue(token),
            "saved": "saved" in form,
            "refused": is_sent,
            "disable_database_manager": True,
        }
        return request.render("saas_notification.preferences_page", values)
