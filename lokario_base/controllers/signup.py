from urllib.parse import urlencode

from odoo import http
from odoo.http import request

from odoo.addons.auth_signup.controllers.main import AuthSignupHome


class VerificationPending(Exception):
    """The account was created; its address has to be confirmed before anybody logs in."""


class Signup(AuthSignupHome):
    """Sign-up with a confirmed address, and the documents' short paths."""

    @http.route(["/auth/signup", "/auth/reset"], type="http", auth="public", website=True, sitemap=False)
    def auth_short_path(self, **params):
        target = "/web/signup" if request.httprequest.path.endswith("/auth/signup") else "/web/reset_password"
        return request.redirect(f"{target}?{urlencode(params)}" if params else target)

    @http.route()
    def web_auth_signup(self, *args, **kw):
        try:
            return super().web_auth_signup(*args, **kw)
        except VerificationPending:
            return self._verification_page("sent")

    def do_signup(self, qcontext, do_login=True):
        super().do_signup(qcontext, do_login=do_login and bool(qcontext.get("token")))
        if not qcontext.get("token"):
            request.env["res.users"]._send_verification(qcontext.get("login"))
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
    def auth_verify(self, token="", **params):
        """GET shows the button: programs that open the links of mails must not use the link up."""
        user_sudo = request.env["res.users"]._by_verification_token(token)
        if not user_sudo:
            return self._verification_page("invalid", status=410)
        if request.httprequest.method == "GET":
            return self._verification_page("confirm", token=token)
        user_sudo._set_verified()
        return self._verification_page("verified", login=user_sudo.login)

    @http.route(
        "/auth/verify/resend",
        type="http",
        auth="public",
        website=True,
        sitemap=False,
        methods=["POST"],
        private_page=True,
    )
    def auth_verify_resend(self, login="", **params):
        request.env["res.users"]._send_verification(login)
        return self._verification_page("sent")

    def _verification_page(self, step, status=200, **values):
        request.session.touch()  # kept, so that the form's token is still good when it comes back
        values = {"step": step, "login": "", "disable_database_manager": True, **values}
        response = request.render("lokario_base.signup_verification", values)
        response.status_code = status
        return response
