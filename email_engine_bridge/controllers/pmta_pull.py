from odoo import http
from odoo.http import request


class PmtaPull(http.Controller):
    """PowerMTA fetches its own configuration: `include https://…/engine/pmta/<token>/config`.

    Its `include` can send no header, so the token is in the path (User's Guide, include).
    """

    @http.route("/engine/pmta/<string:token>/config", type="http", auth="public", methods=["GET"], save_session=False)
    def pull(self, token):
        server = request.env["engine.powermta.server"].sudo()._find_by_pull_token(token)
        if not server:
            return request.make_response("Not found\n", status=404, headers=[("Content-Type", "text/plain")])
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
        return request.make_response(server._get_pulled_text(), headers=headers)
