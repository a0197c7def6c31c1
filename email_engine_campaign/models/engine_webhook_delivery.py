from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.email_engine_bridge.exceptions import EngineRejected, EngineUnavailable

# Seconds until the next try: the schedule standardwebhooks.com recommends
RETRIES = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
LOG_DAYS = 30


class EngineWebhookDelivery(models.Model):
    """One delivery to a tenant: what was sent, how often, with what answer."""

    _name = "engine.webhook.delivery"
    _inherit = ["lokario.state.mixin", "lokario.access.mixin"]
    _description = "Webhook delivery"
    _machine_writes_as_sudo = True
    _order = "id desc"
    _rec_name = "message_id"
    _transitions = {"pending": {"pending", "sent", "failed"}, "sent": {"pending"}, "failed": {"pending"}}

    target_id = fields.Many2one("engine.webhook.target", required=True, index=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="target_id.tenant_id", store=True)
    company_id = fields.Many2one(related="target_id.company_id", store=True)
    message_id = fields.Char(required=True, readonly=True)
    body = fields.Text(required=True, readonly=True)
    state = fields.Selection(
        [("pending", "Waiting"), ("sent", "Delivered"), ("failed", "Given up")],
        required=True,
        default="pending",
        readonly=True,
    )
    attempts = fields.Integer(readonly=True)
    next_try_at = fields.Datetime(readonly=True, default=fields.Datetime.now)
    answer = fields.Char(readonly=True)

    _message_uniq = models.UniqueIndex("(message_id)")
    _due_idx = models.Index("(next_try_at) WHERE state = 'pending'")

    def action_retry(self):
        self.check_access("write")
        self._set_pending()

    def _set_pending(self):
        self.sudo()._set_state("pending", attempts=0, next_try_at=fields.Datetime.now())

    def _set_sent(self, answer):
        self.sudo()._set_state("sent", answer=answer)

    def _set_failed(self, answer):
        self.sudo()._set_state("failed", answer=answer)

    @api.model
    def _cron_deliver(self, limit=200):
        """Collect what is new and deliver what is due; one target that fails stops no other."""
        for target in self.env["engine.webhook.target"].search([("active", "=", True)]):
            target._collect()
        due = self.search(
            [("state", "=", "pending"), ("next_try_at", "<=", fields.Datetime.now())], limit=limit, order="next_try_at"
        )
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(due))
        for delivery in due:
            delivery.try_lock_for_update().filtered(lambda one: one.state == "pending")._deliver()
            if not commit_progress(1):
                break

    def _deliver(self):
        """Send the deliveries; the outcome is stored, never raised. Their ids let the receiver know repeats."""
        for delivery in self:
            delivery.attempts += 1
            try:
                status = delivery.target_id._get_client__().deliver(delivery.message_id, delivery.body.encode())
            except EngineUnavailable as error:
                delivery._try_later(str(error))
            except EngineRejected as error:  # its secret is none
                delivery._set_failed(str(error))
            else:
                delivery._set_sent(f"HTTP {status}")

    def _try_later(self, answer):
        if self.attempts > len(RETRIES):
            self._set_failed(answer)
            return
        wait = timedelta(seconds=RETRIES[self.attempts - 1])
        self.write({"answer": answer, "next_try_at": fields.Datetime.now() + wait})

    @api.autovacuum
    def _gc_deliveries(self):
        """The log is kept for a month."""
        old = self.search([("state", "!=", "pending"), ("create_date", "<", f"-{LOG_DAYS}d")], limit=10_000)
        old.unlink()
        return len(old), len(old) == 10_000
