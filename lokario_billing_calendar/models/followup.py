from odoo import api, fields, models


class Followup(models.Model):
    _inherit = "lokario.followup"

    event_id = fields.Many2one("calendar.event", string="Appointment", ondelete="set null")

    @api.depends("event_id")
    def _compute_name(self):
        super()._compute_name()

    @api.depends("event_id")
    def _compute_can_open_document(self):
        super()._compute_can_open_document()

    def _document(self):
        return super()._document() or self.event_id
