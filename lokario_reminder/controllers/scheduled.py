from odoo import http

from odoo.addons.lokario_base.controllers.scheduled import SCHEDULED_ROUTE, run_scheduled


class ReminderScheduled(http.Controller):
    @http.route("/cron/check-overdue-and-reminders", **SCHEDULED_ROUTE)
    def check_overdue_and_reminders(self, **params):
        return run_scheduled("lokario_reminder.ir_cron_check_due")
