from odoo import http
from odoo.http import request

PULL_ROUTE = {"type": "http", "auth": "public", "methods": ["GET"], "save_session": False}


class PmtaPull(http.Controller):
    """PowerMTA fetches its own configuration: `include https://…/engine/pmta/<token>/config`.

    Its `include` can send no header, so the token is in the path (User's Guide, include).
    """

    @http.route("/engine/pmta/<string:token>/config", **PULL_ROUTE)
    def pull(self, token):
        server = self._find(token)
        return self._answer(server._get_pulled_text(), "text/plain; charset=utf-8")

    @http.route("/engine/pmta/<string:token>/keys.tar", **PULL_ROUTE)
    def pull_keys(self, token):
        """`curl -fsS …/keys.tar | tar -x -C /etc/pmta`: the private keys that the configuration names."""
        server = self._find(token)
        return self._answer(server._get_key_archive(), "application/x-tar")

    def _find(self, token):
        server = request.env["engine.powermta.server"].sudo()._find_by_pull_token(token)
        if not server:
            raise request.not_found()
        return server

    def _answer(self, content, kind):
        return request.make_response(content, headers=[("Content-Type", kind), ("Cache-Control", "no-store")])
