from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.lokario_base.models.webhook_delivery_mixin import STATES

PAUSE = timedelta(minutes=1)  # of the other instances' deliveries to a target that has just failed

# The first waiting one of each instance and target, where its time has come.
DUE = """
SELECT id FROM (
    SELECT DISTINCT ON (d.target_id, d.instance_id) d.id, d.next_try_at
      FROM saas_webhook_delivery d JOIN saas_webhook_target t ON t.id = d.target_id AND t.active
     WHERE d.state = 'pending' ORDER BY d.target_id, d.instance_id, d.id) first
 WHERE next_try_at <= clock_timestamp() AT TIME ZONE 'UTC' ORDER BY next_try_at, id LIMIT %s
"""


class SaasWebhookDelivery(models.Model):
    """One delivery of an event; those about one instance leave in the order of what happened."""

    _name = "saas.webhook.delivery"
    _inherit = ["lokario.webhook.delivery.mixin"]
    _description = "Webhook Delivery about an Instance"
    _machine_writes_as_sudo = True
    _order = "id desc"
    _rec_name = "message_id"

    target_id = fields.Many2one("saas.webhook.target", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="target_id.company_id", store=True)
    state = fields.Selection(STATES)
    instance_id = fields.Many2one("saas.instance", readonly=True, index=True, ondelete="cascade")
    event = fields.Char(required=True, readonly=True)

    _message_uniq = models.UniqueIndex("(message_id)")
    _waiting_idx = models.Index("(target_id, instance_id, id) WHERE state = 'pending'")

    @api.model
    def _cron_deliver(self):
        """Deliver what is due; what follows for an instance is due when the one before it has left."""
        while self._deliver_due():
            pass

    @api.model
    def _due(self, limit):
        self.flush_model()
        self.env.cr.execute(DUE, [limit])
        return self.browse(id_ for (id_,) in self.env.cr.fetchall())

    def _try_later(self, answer):
        """A target that has failed is not asked for each of its instances immediately."""
        super()._try_later(answer)
        pause = fields.Datetime.now() + PAUSE
        others = [("target_id", "=", self.target_id.id), ("state", "=", "pending"), ("next_try_at", "<", pause)]
        self.search([*others, ("id", "!=", self.id)]).write({"next_try_at": pause})
