from odoo.http import request

from odoo.addons.account.controllers.portal import PortalAccount


class PortalInvoice(PortalAccount):
    """An invoice that its customer has opened has arrived."""

    def _document_check_access(self, model_name, document_id, access_token=None):
        document_sudo = super()._document_check_access(model_name, document_id, access_token)
        if model_name == "account.move":
            document_sudo._set_seen_by(request.env.user)
        return document_sudo
