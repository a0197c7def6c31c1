from odoo import api, models


class ProjectTask(models.Model):
    _inherit = "project.task"

    @api.model_create_multi
    def create(self, vals_list):
        tasks = super().create(vals_list)
        tasks._notice_if_late()
        return tasks

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"date_deadline", "user_ids", "priority", "state", "stage_id", "project_id", "active"}:
            self._notice_if_late()
        return result

    def _notice_if_late(self):
        dated = self.filtered("date_deadline")
        if dated:
            self.env["lokario.due.notice"].sudo()._check_immediately(dated)
