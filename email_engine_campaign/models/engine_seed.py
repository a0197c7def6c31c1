from odoo import api, fields, models

from odoo.addons.email_engine_bridge.tools.bounce import provider_of


class EngineSeed(models.Model):
    """A mailbox of the tenant's own at a provider, to see where its mail arrives before many people get it."""

    _name = "engine.seed"
    _inherit = ["engine.address.mixin", "engine.limited.mixin", "lokario.access.mixin"]
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
