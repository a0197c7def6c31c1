from odoo import fields, models


class EngineIpAdd(models.TransientModel):
    """Add a domain with its IP, as the API call and scripts/add_domain.py do."""

    _name = "engine.ip.add"
    _inherit = ["lokario.access.mixin"]
    _description = "Add a domain and its IP address"

    tenant_id = fields.Many2one("engine.tenant", required=True)
    domain = fields.Char(required=True, help="Also the host name the IP says HELO with: mail1.example.com")
    address = fields.Char("IP address", required=True)
    selector = fields.Char("DKIM selector", required=True, default="default")

    def action_add(self):
        self.ensure_one()
        ip = self.tenant_id._add_domain(self.domain, self.address, selector=self.selector)
        return {
            "type": "ir.actions.act_window",
            "res_model": "engine.domain",
            "res_id": ip.domain_id.id,
            "view_mode": "form",
        }
