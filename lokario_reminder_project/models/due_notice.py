from datetime import timedelta

from odoo import api, fields, models

from .res_config_settings import CRITICAL_HOURS


class DueNotice(models.Model):
    _inherit = "lokario.due.notice"

    kind = fields.Selection(
        selection_add=[("task_late", "Late task"), ("task_critical", "Critical task")],
        ondelete={"task_late": "cascade", "task_critical": "cascade"},
    )

    @api.model
    def _facts(self):
        return [*super()._facts(), *self._tasks()]

    @api.model
    def _tasks(self, tasks=None):
        """Late tasks, and critical ones whose deadline is near, to their assignees or else the project's manager.

        What is copied to make tasks is no task.
        """
        horizon = fields.Datetime.now() + timedelta(hours=self._critical_hours())
        domain = fields.Domain("date_deadline", "<", horizon) & fields.Domain("is_closed", "=", False)
        domain &= fields.Domain("has_template_ancestor", "=", False) & fields.Domain("has_project_template", "=", False)
        if tasks is not None:
            domain &= fields.Domain("id", "in", tasks.ids)
        for task in self.env["project.task"].search(domain):
            late = task.date_deadline < fields.Datetime.now()
            if late or task.priority in ("2", "3"):
                kind = "task_late" if late else "task_critical"
                yield kind, task, task.user_ids, task.project_id.user_id | task.create_uid, str(task.date_deadline)

    @api.model
    def _critical_hours(self):
        return int(self.env["ir.config_parameter"].sudo().get_param(CRITICAL_HOURS, 48))

    @api.model
    def _check_immediately(self, tasks):
        """Notify of a task that is late when it is written, under the key that the hourly check uses."""
        self._open_missing(self._addressed(list(self._tasks(tasks))))
