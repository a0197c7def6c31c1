from odoo import http

from odoo.addons.lokario_base.controllers.scheduled import SCHEDULED_ROUTE, run_scheduled


class InboxScheduled(http.Controller):
    @http.route("/inbox/integrations/sync-all", **SCHEDULED_ROUTE)
    def sync_all(self, **_params):
        return run_scheduled("lokario_inbox.ir_cron_sync_all")
