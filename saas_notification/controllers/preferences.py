from odoo import http
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

# No cookie is set, so no CSRF token can be asked for: each form carries a one-time token instead.
PUBLIC = {"type": "http", "auth": "public", "csrf": False, "save_session": False, "private_page": True}


class Preferences(http.Controller):
    """The page behind a message's link. The token is the only key, and opens one person's choices."""

    @http.route("/saas/preferences/<string:token>", methods=["GET", "POST"], **PUBLIC)
    def preferences(self, token, **form):
        company_sudo, person_sudo = request.env["saas.preference"]._of_link(token)
        if not company_sudo or not person_sudo:
            raise request.not_found()
        request.update_context(lang=person_sudo.lang or company_sudo.partner_id.lang)
        preferences, form_tokens = request.env["saas.preference"], request.env["lokario.form.token"]
        is_sent = request.httprequest.method == "POST"
        if is_sent and form_tokens._redeem(token, form.get("form_token", "")):
            preferences._choose(company_sudo, person_sudo, form)
            return request.redirect(f"/saas/preferences/{token}?saved=1", code=303)
        values = {
            **preferences._page(company_sudo, person_sudo),
            "form_token": form_tokens._issue(token),
            "saved": "saved" in form,
            "refused": is_sent,
            "disable_database_manager": True,
        }
        return request.render("saas_notification.preferences_page", values)


class PortalPreferences(CustomerPortal):
    """The same choices for clients and contacts who have a login, one company after the other."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "saas_company_count" in counters:
            companies_sudo = request.env["saas.preference"]._companies_of(request.env.user.partner_id)
            values["saas_company_count"] = len(companies_sudo)
        return values

    @http.route("/my/messages", type="http", auth="user", website=True, methods=["GET", "POST"])
    def my_messages(self, company="", **form):
        preferences, person = request.env["saas.preference"], request.env.user.partner_id
        companies_sudo = preferences._companies_of(person)
        if request.httprequest.method == "POST":
            chosen_sudo = companies_sudo.filtered(lambda one: str(one.id) == company)
            if not chosen_sudo:
                raise request.not_found()
            preferences._choose(chosen_sudo, person, form)
            return request.redirect("/my/messages?saved=1", code=303)
        values = self._prepare_portal_layout_values() | {
            "pages": [preferences._page(company_sudo, person) for company_sudo in companies_sudo],
            "saved": "saved" in form,
            "page_name": "saas_messages",
        }
        return request.render("saas_notification.portal_preferences", values)
