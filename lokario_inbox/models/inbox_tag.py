from random import randint

from odoo import fields, models


class InboxTag(models.Model):
    _name = "inbox.tag"
    _inherit = ["lokario.access.mixin"]
    _description = "Inbox tag"
    _order = "name, id"

    name = fields.Char(required=True, translate=True)
    color = fields.Integer(default=lambda self: randint(1, 11))  # noqa: S311 - a colour
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)

    _name_uniq = models.Constraint("UNIQUE(company_id, name)", "This tag already exists.")
