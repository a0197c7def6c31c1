from odoo import fields, models


class EngineContactTag(models.Model):
    """A word to choose contacts by."""

    _name = "engine.contact.tag"
    _inherit = ["engine.limited.mixin", "lokario.access.mixin"]
    _description = "Contact tag"
    _order = "name, id"

    name = fields.Char(required=True)
    color = fields.Integer()
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)

    _name_uniq = models.UniqueIndex("(tenant_id, name)", "This tenant has this tag already.")
