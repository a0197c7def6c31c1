from odoo import fields, models


class Lease(models.Model):
    """Who may act under a name, see `tools.transaction.lease`; written by SQL only."""

    _name = "lokario.lease"
    _inherit = ["lokario.access.mixin"]
    _description = "Lease of a Worker"
    _log_access = False
    _rec_name = "name"

    name = fields.Char(required=True, readonly=True)
    token = fields.Integer(required=True, readonly=True, help="Rises with each acquisition.")
    expires_at = fields.Datetime(required=True, readonly=True)

    _name_uniq = models.UniqueIndex("(name)")
