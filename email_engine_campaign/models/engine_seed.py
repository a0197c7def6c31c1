from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.tools.bounce import provider_of
from odoo.addons.email_engine_bridge.tools.contact_rows import inspect_address, normalise_address


class EngineSeed(models.Model):
    """A mailbox of the tenant's own at a provider, to see where its mail arrives before many people get it."""

    _name = "engine.seed"
    _inherit = ["engine.limited.mixin", "lokario.access.mixin"]
    _description = "Seed mailbox"
    _order = "provider, email"
    _rec_name = "email"

    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    email = fields.Char("Address", required=True)
    provider = fields.Char("Mailbox provider", compute="_compute_provider", store=True)
    active = fields.Boolean(default=True)
    note = fields.Char(help="Who reads it, and where its password is kept")
    placement_ids = fields.One2many("engine.seed.placement", "seed_id", "Tests")

    _email_uniq = models.UniqueIndex("(tenant_id, email)", "This tenant has this seed mailbox already.")

    @api.depends("email")
    def _compute_provider(self):
        for seed in self:
            seed.provider = provider_of((seed.email or "").rpartition("@")[2])

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._normalised(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._normalised(vals) if "email" in vals else vals)

    def _normalised(self, vals):
        email = normalise_address(vals.get("email") or "")
        if inspect_address(email) == "invalid":
            raise UserError(self.env._("This is no address: %(addresses)s", addresses=email))
        return {**vals, "email": email}
