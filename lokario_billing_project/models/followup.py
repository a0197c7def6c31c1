from odoo import api, fields, models


class Followup(models.Model):
    _inherit = "lokario.followup"

    task_id = fields.Many2one("project.task", ondelete="set null")

    @api.depends("task_id")
    def _compute_name(self):
        super()._compute_name()

    @api.depends("task_id")
    def _compute_can_open_document(self):
        super()._compute_can_open_document()

    def _document(self):
        return super()._document() or self.task_id
