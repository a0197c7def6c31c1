from odoo import http

from odoo.addons.lokario_base.controllers.scheduled import SCHEDULED_ROUTE, run_scheduled


class BillingScheduled(http.Controller):
    @http.route("/followups/process-automatic", **SCHEDULED_ROUTE)
    def process_automatic(self, **params):
        return run_scheduled("lokario_billing.ir_cron_process_followups")
