from odoo import SUPERUSER_ID, api, models

from odoo.addons.lokario_base.tools.transaction import retrying

SYNC_PATH = "/inbox/integrations/sync-all"


class IrCron(models.Model):
    _inherit = "ir.cron"

    def _prepare_endpoint_run(self):
        """Who calls the URL of the synchronisation wants all mailboxes looked at, not only those that are due."""
        super()._prepare_endpoint_run()
        if self.endpoint_path == SYNC_PATH:
            retrying(self.env["inbox.integration"]._make_healthy_due)

    @classmethod
    def _run_outcome(cls, job, state):
        """A synchronisation after which no mailbox works has failed."""
        state = super()._run_outcome(job, state)
        if job["endpoint_path"] != SYNC_PATH or state != "done":
            return state
        with cls.pool.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            return "failed" if env["inbox.integration"]._all_fail() else "done"
