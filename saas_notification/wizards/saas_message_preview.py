from odoo import fields, models

from ..const import REMINDERS


class SaasMessagePreview(models.TransientModel):
    _inherit = "saas.message.preview"

    kind = fields.Selection(selection_add=REMINDERS, ondelete={kind: "cascade" for kind, _label in REMINDERS})
