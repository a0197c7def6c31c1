import base64

from odoo import http
from odoo.http import request

# The smallest transparent GIF
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PAGE_HEAD = '<!DOCTYPE html><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
# Of a page that somebody else wrote: its pictures and styles, no script, and an origin of its own without any cookie
MESSAGE_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src https: http: data:;"
    " style-src 'unsafe-inline' https:; font-src https: data:"
)
# private_page: headers of pages behind a link, small bodies. No cookie is set, so no CSRF token can be asked for.
PUBLIC = {"type": "http", "auth": "public", "csrf": False, "save_session": False, "private_page": True}


def _is_read():
    """Programs that only look where a link leads ask with HEAD: nobody has read anything."""
    return request.httprequest.method == "GET"


class Engagement(http.Controller):
    """What recipients of a campaign reach from its message. Tokens are all that is needed, and all that is shown."""

    def _recipient(self, purpose, token):
        recipients_sudo = request.env["engine.campaign.recipient"].sudo()
        recipient_sudo = recipients_sudo._find_by_token(purpose, token.replace("\0", ""))
        if not recipient_sudo:
            raise request.not_found()
        request.update_context(lang=recipient_sudo.company_id.partner_id.lang)
        return recipient_sudo

    @http.route("/engine/u/<string:token>", methods=["GET"], **PUBLIC)
    def ask_unsubscribe(self, token):
        """A page with a button: following the link alone changes nothing (RFC 8058, section 3.2)."""
        recipient_sudo = self._recipient("unsubscribe", token)
        page = "unsubscribed_page" if recipient_sudo._has_left() else "unsubscribe_page"
        return request.render(f"email_engine_campaign.{page}", {"recipient": recipient_sudo, "token": token})

    @http.route("/engine/u/<string:token>", methods=["POST"], **PUBLIC)
    def unsubscribe(self, token, **form):
        """The mail client's robot (`List-Unsubscribe=One-Click`) or the page's button: no cookie, no redirect."""
        recipient_sudo = self._recipient("unsubscribe", token)
        recipient_sudo._unsubscribe()
        if form.get("List-Unsubscribe") == "One-Click":
            return request.make_response("OK", [("Content-Type", "text/plain")])
        return request.render("email_engine_campaign.unsubscribed_page", {"recipient": recipient_sudo, "token": token})

    @http.route("/engine/p/<string:token>", methods=["GET", "POST"], **PUBLIC)
    def preferences(self, token, **form):
        """Leave or keep single lists."""
        recipient_sudo = self._recipient("unsubscribe", token)
        form_tokens, is_sent = request.env["lokario.form.token"], request.httprequest.method == "POST"
        if is_sent and form_tokens._redeem(token, form.get("form_token", "")):
            recipient_sudo._set_lists(request.httprequest.form.getlist("list"))
            return request.redirect(f"/engine/p/{token}?saved=1", code=303)  # read again what is stored now
        values = {"recipient": recipient_sudo, "token": token, "saved": "saved" in form, "refused": is_sent}
        values["form_token"] = form_tokens._issue(token)
        return request.render("email_engine_campaign.preferences_page", values)

    @http.route("/engine/d/<string:token>", methods=["GET", "POST"], **PUBLIC)
    def confirm(self, token, **_form):
        """A page with a button: programs that follow links in mails confirm nothing."""
        optin_sudo = request.env["engine.optin"].sudo()._find_by_token(token.replace("\0", ""))
        if not optin_sudo:
            raise request.not_found()
        request.update_context(lang=optin_sudo.company_id.partner_id.lang)
        if request.httprequest.method == "POST":
            optin_sudo._confirm(request.httprequest.remote_addr)
            return request.redirect(f"/engine/d/{token}", code=303)  # read again what is stored now
        values = {"recipient": optin_sudo, "token": token, "is_expired": optin_sudo._is_expired()}
        return request.render("email_engine_campaign.optin_page", values)

    @http.route("/engine/w/<string:token>", methods=["GET"], **PUBLIC)
    def web_version(self, token):
        """A message as a browser shows it. The tenant wrote it: it runs nothing, and is no page of this site."""
        texts = self._recipient("web", token)._render_texts()
        if not texts:
            raise request.not_found()
        headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", MESSAGE_POLICY)]
        message = texts[1] if "<html" in texts[1].lower() else f"{PAGE_HEAD}{texts[1]}"  # else a phone shows it tiny
        return request.make_response(message, headers)

    @http.route("/engine/o/<string:token>.gif", methods=["GET"], **PUBLIC)
    def opened(self, token):
        recipient_sudo = self._recipient("open", token)
        if _is_read():
            recipient_sudo._record_engagement("open")
        headers = [("Content-Type", "image/gif"), ("Cache-Control", "no-store")]
        return request.make_response(PIXEL, headers)

    @http.route("/engine/c/<string:token>/<int:position>", methods=["GET"], **PUBLIC)
    def clicked(self, token, position):
        """To a link of this campaign or message, and nowhere else."""
        url = self._recipient("click", token)._follow_link(position, is_counted=_is_read())
        if not url:
            raise request.not_found()
        return request.redirect(url, code=302, local=False)
