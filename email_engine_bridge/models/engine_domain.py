from odoo import fields, models


class EngineDomain(models.Model):
    """A name a tenant sends from, or an IP says HELO with; it carries the DKIM keys."""

    _name = "engine.domain"
    _description = "Domain"
    _inherit = ["mail.thread"]
    _order = "name"

    name = fields.Char("Domain", required=True)
    active = fields.Boolean(default=True)
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="restrict", tracking=True)
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    ip_ids = fields.One2many("engine.ip", "domain_id", "IP addresses")

    _name_uniq = models.UniqueIndex("(name)", "This domain is registered already.")
