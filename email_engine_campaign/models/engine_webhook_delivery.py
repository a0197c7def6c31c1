import json

from odoo import api, fields, models

from odoo.addons.lokario_base.models.webhook_delivery_mixin import STATES


class EngineWebhookDelivery(models.Model):
    """One delivery to a tenant: what was sent, how often, with what answer."""

    _name = "engine.webhook.delivery"
    _inherit = ["lokario.webhook.delivery.mixin"]
    _description = "Webhook delivery"
    _machine_writes_as_sudo = True
    _order = "id desc"
    _rec_name = "message_id"

    target_id = fields.Many2one("engine.webhook.target", required=True, index=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="target_id.tenant_id", store=True)
    company_id = fields.Many2one(related="target_id.company_id", store=True)
    state = fields.Selection(STATES)

    _message_uniq = models.UniqueIndex("(message_id)")
    _due_idx = models.Index("(next_try_at) WHERE state = 'pending'")

    def _describe(self):
        """Return the delivery as the API gives it."""
        self.ensure_one()
        return {
            "id": self.id,
            "message_id": self.message_id,
            "state": self.state,
            "attempts": self.attempts,
            "answer": self.answer or "",
            "answer_body": self.answer_body or "",
            "created_at": self.create_date,
            "next_try_at": self.next_try_at if self.state == "pending" else None,
            "payload": json.loads(self.body),
        }

    @api.model
    def _cron_deliver(self):
        """Collect what is new and deliver what is due."""
        for target in self.env["engine.webhook.target"].search([("active", "=", True)]):
            target._collect()
        self._deliver_due()
