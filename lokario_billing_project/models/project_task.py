from odoo import models


class ProjectTask(models.Model):
    _name = "project.task"
    _inherit = ["project.task", "lokario.followup.source", "lokario.access.mixin"]
    _followup_link = "task_id"

    def _followup_defaults(self):
        return {
            "kind": "project",
            "source": "project",
            "company_id": (self.company_id or self.env.company).id,
            "partner_id": self.partner_id.id,
            "name": self.name,
        }
