from odoo import api, fields, models

KEPT_DAYS = 30  # far longer than a worker hangs: the tokens of a name whose row is gone begin again


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

    @api.autovacuum
    def _gc_leases(self):
        """Forget the names of work that ended long ago, such as the parts of a campaign."""
        self.env.cr.execute(
            """DELETE FROM lokario_lease
                WHERE expires_at < clock_timestamp() AT TIME ZONE 'UTC' - %s * interval '1 day'""",
            [KEPT_DAYS],
        )
        self.invalidate_model()
