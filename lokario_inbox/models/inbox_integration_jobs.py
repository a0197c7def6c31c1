from odoo import api, models

from .inbox_integration_sync import BACKFILL_LIMIT

CLAIM = 100  # mailboxes a job takes at a time; then it looks whether more are due


class InboxIntegration(models.Model):
    """Several machines: with ``lokario_inbox.sync_jobs`` above 0 the crons share their work out as jobs.

    The jobs of a tick are alike: each leases due mailboxes until none is left, so that a slow
    machine keeps nobody waiting. Identity keys keep a tick from piling up behind the last one.
    """

    _inherit = "inbox.integration"

    @api.model
    def _cron_sync_all(self):
        if not self._share_out("_job_sync"):
            super()._cron_sync_all()

    @api.model
    def _cron_backfill(self):
        if not self._share_out("_job_backfill"):
            super()._cron_backfill()

    def _share_out(self, method):
        """Enqueue the wanted number of jobs; returns that number."""
        count = int(self.env["ir.config_parameter"].sudo().get_param("lokario_inbox.sync_jobs") or 0)
        for number in range(count):
            getattr(self.with_delay(identity_key=f"lokario_inbox.{method}.{number}"), method)()
        return count

    @api.model
    def _job_sync(self):
        while self._sync_due("sync", self._tick_limit(), claim=CLAIM):
            pass
        if self.search_count([("backfill_pending", "=", True)], limit=1):
            self.env.ref("lokario_inbox.ir_cron_backfill")._trigger()

    @api.model
    def _job_backfill(self):
        while self._sync_due("backfill", BACKFILL_LIMIT, claim=1):
            pass
