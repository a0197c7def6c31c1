from odoo import api, models


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    @api.model
    def _check_credentials(self, *, scope, key):
        uid = super()._check_credentials(scope=scope, key=key)
        return None if uid and self.env["res.users"].sudo().browse(uid).deletion_suspended_at else uid
