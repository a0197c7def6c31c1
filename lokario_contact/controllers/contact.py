from odoo import http
from odoo.http import request

from odoo.addons.lokario_base.controllers.pages import render_form
from odoo.addons.lokario_base.exceptions import NotAccepted
from odoo.addons.lokario_base.tools.email_address import needs_smtputf8

from ..exceptions import CaptchaNeeded
from ..tools.captcha import BITS, Answer
from ..tools.contact import HONEYPOT, LIMITS, InvalidMessage, parse_message

MAX_BODY = 64 * 1024  # bytes of a posted form


class ContactForm(http.Controller):
    """The public page /contact; it works without JavaScript."""

    @http.route("/contact", type="http", auth="public", website=True, methods=["GET"], sitemap=True)
    def contact(self, sent=None, **params):
        return self._page({}, sent=bool(sent))

    @http.route("/contact", type="http", auth="public", website=True, methods=["POST"], max_content_length=MAX_BODY)
    def contact_post(self, **form):
        if form.get(HONEYPOT):
            return request.redirect("/contact?sent=1")  # a program: it learns nothing
        try:
            message, contact = parse_message(form), request.env["lokario.contact"]
            network = request.env["lokario.rate.limit"].sudo()._network(request.httprequest.environ)
            contact._submit(message, network, request.env.company, Answer.of(form))
        except InvalidMessage as err:
            return self._page(form, status=422, errors=self._texts(err.errors, form))
        except CaptchaNeeded as err:
            return self._page(form, err.status, problem=str(err), challenge=contact._challenge(network), bits=BITS)
        except NotAccepted as err:
            return self._page(form, status=err.status, problem=str(err))
        return request.redirect("/contact?sent=1")

    def _texts(self, errors, form):
        invalid = request.env._("This is not a valid e-mail address.")
        if needs_smtputf8(form.get("email")):
            invalid += " " + request.env._("Many mail servers refuse accents and other letters before the @.")
        texts = {
            "missing": request.env._("Please fill in this field."),
            "too_long": request.env._("This text is too long."),
            "invalid": invalid,
        }
        return {name: texts[kind] for name, kind in errors.items()}

    def _page(self, form, status=200, **values):
        kept = {name: form.get(name, "") if isinstance(form.get(name, ""), str) else "" for name in LIMITS}
        values = {"form": kept, "errors": {}, "limits": LIMITS, "honeypot": HONEYPOT, **values}
        return render_form("lokario_contact.contact_page", values, status)
