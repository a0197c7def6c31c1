import re

from odoo import api, models
from starlette.exceptions import HTTPException

from odoo.addons.email_engine_bridge.models.engine_api_admission import Admission

WEBHOOK = re.compile(r"/webhooks/([^/]+)(?:/([^/]+))?/?")
INGEST = "/contacts/ingest"
MAX_ROWS_BODY = 32 * 1024 * 1024  # bytes
MAX_SIGNED_BODY = 8 * 1024 * 1024  # bytes; a signature is known only after the whole body


class EngineApiAdmission(models.AbstractModel):
    """Webhooks authenticate without a key; imports and webhooks send many rows."""

    _inherit = "engine.api.admission"

    @api.model
    def _admit(self, path, httprequest):
        if webhook := WEBHOOK.fullmatch(path):
            return self._admit_webhook(*webhook.groups(), httprequest)
        admission = super()._admit(path, httprequest)
        if path.startswith(INGEST):
            return admission._replace(max_body=MAX_ROWS_BODY, has_rows=True)
        return admission

    @api.model
    def _admit_webhook(self, kind, token, httprequest):
        if httprequest.method != "POST":
            raise HTTPException(405, headers={"Allow": "POST"})  # no secret: no need to ask who calls
        sources_sudo = self.env["engine.webhook.source"].sudo()
        sources_sudo._check_caller(kind, token, httprequest.headers, httprequest.remote_addr)
        return Admission(MAX_ROWS_BODY if token else MAX_SIGNED_BODY, has_rows=True)
