from urllib.parse import urlencode

from odoo import http
from odoo.exceptions import AccessDenied
from odoo.http import request

from odoo.addons.auth_signup.controllers.main import AuthSignupHome
from odoo.addons.lokario_base.controllers.pages import render_form
from odoo.addons.lokario_base.exceptions import TooManyTries


class VerificationPending(Exception):
    """The account was created; its address has to be verified before the user logs in."""


class Signup(AuthSignupHome):
    """Sign-up with a confirmed address, and the documents' short paths."""

    @http.route(["/auth/signup", "/auth/reset"], type="http", auth="public", website=True, sitemap=False)
    def auth_short_path(self, **params):
        target = "/web/signup" if request.httprequest.path.endswith("/auth/signup") else "/web/reset_password"
        return request.redirect(f"{target}?{urlencode(params)}" if params else target)

    @http.route(private_page=True)
    def web_auth_reset_password(self, *args, **kw):
        return super().web_auth_reset_password(*args, **kw)

    @http.route(private_page=True)
    def web_auth_signup(self, *args, **kw):
        try:
            return super().web_auth_signup(*args, **kw)
        except VerificationPending:
            return self._verification_page("sent")

    def do_signup(self, qcontext, do_login=True):
        if qcontext.get("token"):
            return super().do_signup(qcontext, do_login=do_login)
        users = request.env["res.users"]
        network = request.env["lokario.rate.limit"].sudo()._network(request.httprequest.environ)
        qcontext["login"] = users._check_signup(qcontext.get("login"), network)
        super().do_signup(qcontext, do_login=False)
        users._send_verification(qcontext["login"])
        raise VerificationPending

    @http.route(
        "/auth/verify",
        type="http",
        auth="public",
        website=True,
        sitemap=False,
        methods=["GET", "POST"],
        private_page=True,
    )
    def auth_verify(self, token="", password="", **params):
        """GET shows the button: programs that open the links of mails must not use the link up."""
        user_sudo = request.env["res.users"]._by_verification_token(token)
        if not user_sudo:
            return self._verification_page("invalid", status=410)
        if request.httprequest.method == "GET":
            return self._verification_page("confirm", token=token)
        try:
            user_sudo._verify_with_password(password)
        except TooManyTries as err:
            return self._verification_page("confirm", status=429, token=token, error=str(err))
        except AccessDenied:
            error = request.env._("The password is not correct.")
            return self._verification_page("confirm", status=403, token=token, error=error)
        return self._verification_page("verified", login=user_sudo.login)

    @http.route(
        "/auth/verify/resend",
        type="http",
        auth="public",
        website=True,
        sitemap=False,
        methods=["GET", "POST"],
        private_page=True,
    )
    def auth_verify_resend(self, login="", **params):
        """GET shows the form: somebody reloads the page, or opens its address again."""
        if request.httprequest.method == "GET":
            return self._verification_page("resend")
        request.env["res.users"]._send_verification(login)
        return self._verification_page("sent")

    def _verification_page(self, step, status=200, **values):
        values = {"step": step, "login": "", "error": "", **values}
        return render_form("lokario_account.signup_verification", values, status)
