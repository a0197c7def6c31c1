from odoo import api, fields, models
from odoo.fields import Domain

LOCK = "SELECT 1 FROM saas_instance WHERE id = %s FOR NO KEY UPDATE"


class SaasWebhookTarget(models.Model):
    """Who is notified of what happens to the instances of one client, or of all of them."""

    _name = "saas.webhook.target"
    _inherit = ["lokario.webhook.target.mixin"]
    _description = "Webhook about Instances"
    _machine_writes_as_sudo = True
    _check_company_auto = True
    _order = "partner_id, id"
    _rec_name = "url"
    _destination = "saas.destination"
    _shown_by = "saas.webhook.secret"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    partner_id = fields.Many2one(
        "res.partner", "Client", check_company=True, ondelete="cascade", help="Empty: the instances of all clients."
    )
    events = fields.Selection(
        [("all", "Everything"), ("instance", "State of the instance"), ("message", "Outcome of messages")],
        required=True,
        default="all",
    )
    delivery_ids = fields.One2many("saas.webhook.delivery", "target_id", "Deliveries")

    def _add_test(self):
        self._add("test", {"target": self.id})

    @api.model
    def _notify(self, instance, event, **data):
        """Have ``event`` delivered to all whom it concerns; belongs to the transaction in which it happened."""
        targets = self.sudo().search(self._domain_of(instance, event))
        if not targets:
            return
        self.env.cr.execute(LOCK, [instance.id])  # numbers are in the order of the commits
        for target in targets:
            target._add(event, {"instance": self._describe(instance), **data}, instance)
        self._deliver_soon()

    @api.model
    def _domain_of(self, instance, event):
        client = instance.sudo().partner_id.commercial_partner_id
        return (
            Domain("company_id", "=", instance.company_id.id)
            & Domain("events", "in", ["all", event.partition(".")[0]])
            & (Domain("partner_id", "=", False) | Domain("partner_id.commercial_partner_id", "=", client.id))
        )

    def _add(self, event, data, instance=None):
        payload = {"type": event, "timestamp": f"{fields.Datetime.now():%Y-%m-%dT%H:%M:%SZ}", "data": data}
        deliveries_sudo = self.env["saas.webhook.delivery"].sudo()
        deliveries_sudo._add(self, payload, event=event, instance_id=instance and instance.id)

    @api.model
    def _describe(self, instance):
        return {
            "uuid": instance.uuid,
            "name": instance.name,
            "url": instance.url,
            "state": instance.state,
            "plan": instance.sudo().plan_id.name,
            "expiration_date": instance.expiration_date and instance.expiration_date.isoformat(),
        }

    @api.model
    def _deliver_soon(self):
        self.env.ref("saas_manager_webhook.ir_cron_deliver").sudo()._trigger()
