import json
import logging
import re
import uuid

from odoo import api, fields, models

from odoo.addons.email_engine_bridge.tools import standard_webhooks
from odoo.addons.email_engine_bridge.tools.webhook_client import WebhookClient
from odoo.addons.lokario_base.fields import Secret
from odoo.addons.lokario_base.identity import confirm_identity

_logger = logging.getLogger(__name__)

EVENTS_IN_DELIVERY = 500
LOCAL = re.compile(r"http://(?:localhost|127\.0\.0\.1)(?=[:/?#]|$)")
NAMES = {
    "d": "email.delivered",
    "b": "email.bounced",
    "rb": "email.bounced",
    "t": "email.deferred",
    "f": "email.complained",
    "open": "email.opened",
    "click": "email.clicked",
    "unsubscribe": "email.unsubscribed",
}


class EngineWebhookTarget(models.Model):
    """Where a tenant is notified of what happens to its mail."""

    _name = "engine.webhook.target"
    _description = "Outgoing webhook"
    _inherit = ["lokario.secret.mixin", "lokario.access.mixin"]
    _machine_writes_as_sudo = True
    _order = "tenant_id, id"
    _rec_name = "url"

    url = fields.Char("Address", required=True)
    active = fields.Boolean(default=True)
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    signing_secret = Secret(
        "Signing secret",
        destination=("url",),
        help="whsec_…; the receiver verifies with it (standardwebhooks.com)",
    )
    last_event_id = fields.Integer(readonly=True, copy=False, default=lambda self: self._newest_event_id())
    horizon_id = fields.Integer(readonly=True, copy=False, default=lambda self: self._newest_event_id())
    delivery_ids = fields.One2many("engine.webhook.delivery", "target_id", "Deliveries")

    @api.constrains("url")
    def _check_url(self):
        for target in self:
            label = self._fields["url"]._description_string(self.env)
            schemes = ("https", "http") if LOCAL.match(target.url) else ("https",)
            self.env["engine.destination"]._check_url(label, target.url, schemes)

    @api.model_create_multi
    def create(self, vals_list):
        """Give every target a secret of its own, unless one is set."""
        for vals in vals_list:
            vals["signing_secret"] = vals.get("signing_secret") or standard_webhooks.new_secret()
        return super().create(vals_list)

    def _secret_cleared(self, field):
        """Another receiver gets a secret of its own; the button shows it."""
        for target in self:
            target.signing_secret = standard_webhooks.new_secret()

    @api.model
    def _newest_event_id(self):
        self.env.cr.execute("SELECT coalesce(max(id), 0) FROM engine_event")
        return self.env.cr.fetchone()[0]

    @confirm_identity
    def action_show_secret(self):
        """Make a new secret and show it, once."""
        self.ensure_one()
        self.check_access("write")
        self.signing_secret = standard_webhooks.new_secret()
        secret = self._reveal_secret__("signing_secret")
        _logger.info("webhook target %s: new secret shown to user #%s", self.id, self.env.uid)
        return self.env["engine.secret.shown"]._show(self.env._("The receiver verifies deliveries with:"), secret)

    def _get_client__(self):
        self.ensure_one()
        secret = self._reveal_secret__("signing_secret")
        return WebhookClient(self.url, [secret] if secret else [], self.env["engine.destination"]._get_pin())

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
                "data": [self._describe(row) for row in rows],
            }
            self.env["engine.webhook.delivery"].create(
                {"target_id": self.id, "message_id": f"msg_{uuid.uuid4().hex}", "body": json.dumps(payload)}
            )
            self.last_event_id = rows[-1]["id"]
        self.last_event_id = max(self.last_event_id, self.horizon_id)
        self.horizon_id = max(self.horizon_id, self._newest_event_id())

    def _read_events(self):
        self.env.cr.execute(
            """SELECT id, type, time, campaign_id, rcpt, kind, reason, diagnostic FROM engine_event
                WHERE id > %s AND id <= %s AND tenant_id = %s AND type = ANY(%s) ORDER BY id LIMIT %s""",
            (self.last_event_id, self.horizon_id, self.tenant_id.id, list(NAMES), EVENTS_IN_DELIVERY),
        )
        return self.env.cr.dictfetchall()

    def _describe(self, row):
        return {
            "id": row["id"],
            "event": NAMES[row["type"]],
            "timestamp": f"{row['time']:%Y-%m-%dT%H:%M:%SZ}",
            "email": row["rcpt"],
            "campaign_id": row["campaign_id"],
            "bounce_class": row["kind"],
            "reason": row["reason"],
            "diagnostic": row["diagnostic"],
        }
