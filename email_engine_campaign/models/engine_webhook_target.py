from odoo import api, fields, models

from odoo.addons.lokario_base.models.webhook_target_mixin import OVERLAP

from .engine_event import NAMES

EVENTS_IN_DELIVERY = 500


class EngineWebhookTarget(models.Model):
    """Where a tenant is notified of what happens to its mail."""

    _name = "engine.webhook.target"
    _description = "Outgoing webhook"
    _inherit = ["engine.limited.mixin", "lokario.webhook.target.mixin"]
    _destination = "engine.destination"
    _shown_by = "engine.secret.shown"
    _machine_writes_as_sudo = True
    _order = "tenant_id, id"
    _rec_name = "url"

    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    last_event_id = fields.Integer(readonly=True, copy=False, default=lambda self: self._newest_event_id())
    horizon_id = fields.Integer(readonly=True, copy=False, default=lambda self: self._newest_event_id())
    delivery_ids = fields.One2many("engine.webhook.delivery", "target_id", "Deliveries")

    _url_uniq = models.UniqueIndex("(tenant_id, url) WHERE active IS TRUE", "This address gets the events already.")

    @api.model
    def _newest_event_id(self):
        self.env.cr.execute("SELECT coalesce(max(id), 0) FROM engine_event")
        return self.env.cr.fetchone()[0]

    def _add_test(self):
        payload = {"type": "test", "tenant_id": self.tenant_id.id, "data": []}
        self.env["engine.webhook.delivery"].sudo()._add(self, payload)

    @api.model
    def _deliver_soon(self):
        self.env.ref("email_engine_campaign.ir_cron_deliver_webhooks").sudo()._trigger()

    def _notify_gone(self):
        """The people behind the tenant learn it."""
        target = self.with_context(lang=self.company_id.sudo().partner_id.lang)
        target.env["engine.alert"]._raise_alert(target.tenant_id, target._say_gone())

    def _rotate(self, secret):
        """Sign with another secret; for a day the former one signs, too."""
        former = self._reveal_secret__("signing_secret")
        self.write({"former_secret": former, "signing_secret": secret})
        self.sudo().former_until = fields.Datetime.now() + OVERLAP

    def _describe(self):
        """Return the target as the API gives it; a secret never leaves."""
        self.ensure_one()
        return {
            "id": self.id,
            "tenant_id": self.tenant_id.id,
            "url": self.url,
            "active": self.active,
            "former_secret_until": self.former_until or None,
        }

    def _collect(self):
        """Put the events since the last time into deliveries.

        Only up to the newest event of the run before: numbers are given before they are committed, and
        a slower transaction may still bring a smaller one.
        """
        self.ensure_one()
        while rows := self._read_events():
            payload = {
                "type": "email.events",
                "tenant_id": self.tenant_id.id,
                "data": [self._describe_event(row) for row in rows],
            }
            self.env["engine.webhook.delivery"]._add(self, payload)
            self.last_event_id = rows[-1]["id"]
        self.last_event_id = max(self.last_event_id, self.horizon_id)
        self.horizon_id = max(self.horizon_id, self._newest_event_id())

    def _read_events(self):
        self.env.cr.execute(
            """SELECT e.id, e.type, e.time, e.campaign_id, r.message_id, e.rcpt, e.kind, e.reason, e.diagnostic
                 FROM engine_event e LEFT JOIN engine_campaign_recipient r ON r.id = e.recipient_id
                WHERE e.id > %s AND e.id <= %s AND e.tenant_id = %s AND e.type = ANY(%s) ORDER BY e.id LIMIT %s""",
            (self.last_event_id, self.horizon_id, self.tenant_id.id, list(NAMES), EVENTS_IN_DELIVERY),
        )
        return self.env.cr.dictfetchall()

    def _describe_event(self, row):
        return {
            "id": row["id"],
            "event": NAMES[row["type"]],
            "timestamp": f"{row['time']:%Y-%m-%dT%H:%M:%SZ}",
            "email": row["rcpt"],
            "campaign_id": row["campaign_id"],
            "message_id": row["message_id"],
            "bounce_class": row["kind"],
            "reason": row["reason"],
            "diagnostic": row["diagnostic"],
        }
