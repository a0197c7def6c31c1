from datetime import timedelta

from odoo import fields, http
from odoo.exceptions import AccessDenied, UserError
from odoo.http import content_disposition, request

from odoo.addons.lokario_base.controllers.pages import render_form
from odoo.addons.lokario_base.controllers.scheduled import SCHEDULED_ROUTE, run_scheduled
from odoo.addons.lokario_base.exceptions import TooManyTries
from odoo.addons.portal.controllers.portal import CustomerPortal

from ..tools.belongings import chosen

EXPORTS, HOUR = 3, timedelta(hours=1)  # of one person's data
REQUESTS, DAY = 5, timedelta(days=1)  # each is a row that stays, and a mail


class AccountDeletion(CustomerPortal):
    """The job's endpoint, the portal's page, and the link that undoes."""

    @http.route("/users/process-account-deletions", **SCHEDULED_ROUTE)
    def process_account_deletions(self, **params):
        return run_scheduled("lokario_account.ir_cron_account_deletions")

    @http.route("/my/account/deletion", type="http", auth="user", website=True, methods=["GET"], private_page=True)
    def deletion_page(self, **params):
        return self._deletion_page()

    @http.route("/my/account/deletion", type="http", auth="user", website=True, methods=["POST"], private_page=True)
    def deletion_request(self, password="", request_blacklist="", **params):
        user = request.env.user
        try:
            if not user._has_password():
                user._send_deletion_confirmation()
                return self._deletion_page(is_link_sent=True)
            credential = {"login": user.login, "password": password, "type": "password"}
            request.env["res.users"]._check_credentials(credential, {"interactive": True})
            return self._schedule(request_blacklist, params)
        except TooManyTries as err:
            return self._deletion_page(params, error=str(err))
        except AccessDenied:
            return self._deletion_page(params, error=request.env._("The password is not correct."))
        except UserError as err:
            return self._deletion_page(params, error=str(err))

    @http.route(
        "/my/account/deletion/confirm",
        type="http",
        auth="user",
        website=True,
        sitemap=False,
        methods=["GET", "POST"],
        private_page=True,
    )
    def deletion_confirm(self, token="", request_blacklist="", **params):
        """The link in the mail stands for the password; GET shows the button."""
        if not request.env.user._is_deletion_confirmed(token):
            return self._deletion_page(error=request.env._("This link is no longer valid. Ask for a new one."))
        if request.httprequest.method == "GET":
            return self._deletion_page(token=token)
        try:
            return self._schedule(request_blacklist, params)
        except UserError as err:
            return self._deletion_page(params, token=token, error=str(err))

    def _schedule(self, request_blacklist, params):
        deletions, user = request.env["lokario.account.deletion"], request.env.user
        recent = [("user_id", "=", user.id), ("create_date", ">", fields.Datetime.now() - DAY)]
        if deletions.sudo().search_count(recent) >= REQUESTS:
            raise UserError(request.env._("You asked for the deletion several times today. Try again tomorrow."))
        deletion_sudo = deletions._request(user, bool(request_blacklist), chosen(params)).sudo()
        if deletion_sudo.suspended:
            request.session.logout()
        return request.redirect("/users/deletion/requested")

    @http.route(
        ["/my/account/export", "/my/deactivate_account"], type="http", auth="user", website=True, methods=["GET"]
    )
    def form_of_these(self, **params):
        """Who had to log in again in between comes back with GET."""
        return request.redirect("/my/account/deletion")

    @http.route("/my/account/export", type="http", auth="user", website=True, methods=["POST"], private_page=True)
    def export(self, **params):
        """The person's own data as a ZIP, three times an hour."""
        user = request.env.user
        if not request.env["lokario.rate.limit"].sudo()._take("account-export", str(user.id), EXPORTS, HOUR):
            return self._deletion_page(
                error=request.env._("Your data was downloaded several times. Try again in an hour.")
            )
        headers = [("Content-Type", "application/zip"), ("Content-Disposition", content_disposition("my-data.zip"))]
        return request.make_response(request.env["lokario.account.export"]._zip(user), headers)

    @http.route("/my/deactivate_account", type="http", auth="user", website=True, methods=["POST"], private_page=True)
    def deactivate_account(self, validation="", password="", request_blacklist="", **post):
        if validation != request.env.user.login:
            return self._deletion_page(error=request.env._("Enter your login to confirm."))
        return self.deletion_request(password, request_blacklist, **post)

    @http.route("/users/deletion/requested", type="http", auth="public", website=True, methods=["GET"])
    def deletion_requested(self, **params):
        if request.session.uid and request.env.user.sudo().deletion_suspended_at:
            request.session.logout()
        return request.render("lokario_account.deletion_requested", {"disable_database_manager": True})

    @http.route(
        "/users/deletion/undo",
        type="http",
        auth="public",
        website=True,
        sitemap=False,
        methods=["GET", "POST"],
        private_page=True,
    )
    def deletion_undo(self, token="", **params):
        """GET shows the button: programs that open the links of mails must not undo anything."""
        deletion_sudo = request.env["lokario.account.deletion"]._by_undo_token(token)
        undone = bool(deletion_sudo) and request.httprequest.method == "POST"
        if undone:
            deletion_sudo._set_cancelled()
        values = {"token": token, "deletion": deletion_sudo, "undone": undone}
        return render_form("lokario_account.deletion_undo", values)

    def _deletion_page(self, params=None, **values):
        plan_sudo, user_sudo = request.env["lokario.deletion.plan"].sudo(), request.env.user.sudo()
        values.update(
            self._prepare_portal_layout_values(),
            page_name="account_deletion",
            last_day=user_sudo.deletion_ids.filtered(lambda deletion: deletion.state == "scheduled")[:1]._last_day(),
            consequences=plan_sudo._consequences(user_sudo),
            obstacles=plan_sudo._obstacles(user_sudo),
            has_password=user_sudo._has_password(),
            offers=request.env["lokario.account.belonging"].sudo()._offers(user_sudo, chosen(params or {})),
        )
        return request.render("lokario_account.portal_account_deletion", values)
