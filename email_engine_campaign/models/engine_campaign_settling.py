from odoo import api, models
from odoo.tools import SQL


class EngineCampaign(models.Model):
    """Messages without an answer: what PowerMTA's records say of them."""

    _inherit = "engine.campaign"

    @api.model
    def _cron_settle_unknown(self):
        """Settle messages without an answer by PowerMTA's records; see `_settle_unknown`."""
        for tenant in self.env["engine.tenant"].search([("records_receipts", "=", True)]):
            self._settle_unknown(tenant)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    @api.model
    def _settle_unknown(self, tenant):
        """Queue again what provably never arrived; returns how many.

        A message leaves "unknown" by its own receipt, delivery or bounce record. When PowerMTA has
        written receipts of later messages, older than those by the settling time, a message without
        one was not taken: it waits again. Without such proof it stays unknown, and is never resent.
        """
        queued = self.env.execute_query(
            SQL(
                """UPDATE engine_campaign_recipient r SET state = 'queued', chunk_id = NULL, doubt_since = NULL,
                          answer = 'PowerMTA has no record of it: sent again'
                    WHERE r.tenant_id = %s AND r.doubt_since IS NOT NULL AND r.state = 'unknown'
                      AND r.doubt_since + %s * interval '1 second' <
                          (SELECT max(e.time) FROM engine_event e WHERE e.tenant_id = %s AND e.type = 'r')
                      AND NOT EXISTS (SELECT FROM engine_event e WHERE e.recipient_id = r.id)
                RETURNING r.campaign_id""",
                tenant.id,
                tenant.settle_seconds,
                tenant.id,
            )
        )
        campaigns = self.browse({campaign_id for (campaign_id,) in queued})
        campaigns.filtered(lambda one: one.state == "sent").write({"state": "sending", "finished_at": False})
        self.env["engine.campaign.recipient"].invalidate_model()
        return len(queued)
