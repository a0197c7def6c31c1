import base64

from odoo import http
from odoo.http import request

from .preferences import PUBLIC

# The smallest transparent GIF
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


class Receipts(http.Controller):
    """What a message loads, and over which its links lead, where its reader has agreed."""

    def _note(self, field, token):
        message_sudo, url = request.env["saas.instance.mail"]._of_receipt(token.replace("\0", ""))
        if not message_sudo:
            raise request.not_found()
        asked = request.httprequest
        message_sudo._note_reading(field, asked.user_agent.string, asked.method)
        return url

    @http.route("/saas/opened/<string:token>.gif", methods=["GET"], **PUBLIC)
    def opened(self, token):
        self._note("opened_at", token)
        return request.make_response(PIXEL, [("Content-Type", "image/gif"), ("Cache-Control", "no-store")])

    @http.route("/saas/follow/<string:token>", methods=["GET"], **PUBLIC)
    def followed(self, token):
        """To the address that was signed, and nowhere else."""
        url = self._note("clicked_at", token)
        if not url:
            raise request.not_found()
        return request.redirect(url, code=302, local=False)
