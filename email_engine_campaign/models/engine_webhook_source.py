import hashlib
import logging
import secrets

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.lokario_base.fields import Secret
from odoo.addons.lokario_base.identity import confirm_identity
from odoo.addons.lokario_base.tools import standard_webhooks
from odoo.addons.lokario_base.tools.client_address import is_named, not_networks
from odoo.addons.lokario_base.tools.transaction import transaction

_logger = logging.getLogger(__name__)


class EngineWebhookSource(models.Model):
    """A system that reports events: its tenants, how it authenticates, from where it may call.

    Our own pipe signs (Standard Webhooks). PowerMTA and MailWizz cannot: they send the token of the
    path, and their addresses can be listed. Without either nothing is accepted.
    """

    _name = "engine.webhook.source"
    _description = "Event source"
    _machine_writes_as_sudo = True
    _inherit = ["lokario.secret.mixin", "lokario.access.mixin"]
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    kind = fields.Selection([("powermta", "PowerMTA"), ("mailwizz", "MailWizz")], required=True, default="powermta")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    tenant_id = fields.Many2one("engine.tenant", ondelete="cascade", help="Empty: all tenants of the company")
    networks = fields.Char("Allowed addresses", help="Such as 192.0.2.1, 198.51.100.0/24. Empty: from anywhere.")
    signing_secret = Secret("Signing secret", help="whsec_…, for senders that sign")
    token_hash = fields.Char(readonly=True, copy=False, groups="base.group_system")
    has_token = fields.Boolean("Path token set", compute="_compute_has_token")
    last_received_at = fields.Datetime(readonly=True, copy=False)
    received_count = fields.Integer("Rows received", readonly=True, copy=False)

    _token_uniq = models.UniqueIndex("(token_hash) WHERE token_hash IS NOT NULL")

    def _compute_has_token(self):
        for source in self:
            source.has_token = bool(source.sudo().token_hash)

    @api.constrains("networks")
    def _check_networks(self):
        for source in self:
            if wrong := not_networks(source.networks or ""):
                raise ValidationError(
                    self.env._("Allowed addresses: “%s” is no address and no network, such as 10.0.0.0/8.", wrong[0])
                )

    def _issue_token(self):
        """Give the source a new path token and return it; it is shown only now."""
        self.ensure_one()
        token = secrets.token_urlsafe(32)
        self.sudo().token_hash = self._hash_token(token)
        return token

    @api.model
    def _hash_token(self, token):
        return hashlib.sha256(token.encode()).hexdigest()

    @confirm_identity
    def action_new_token(self):
        """Show the path of a new token, once."""
        self.ensure_one()
        self.check_access("write")
        _logger.info("webhook source %s: new address issued by user #%s", self.id, self.env.uid)
        path = f"{self.get_base_url()}/api/v2/webhooks/{self.kind}/{self._issue_token()}"
        return self.env["engine.secret.shown"]._show(self.env._("The address events are sent to:"), path)

    @api.model
    def _check_caller(self, kind, token, headers, address):
        """Raise ApiProblem 401 unless the token is known, or the headers could be those of a signed delivery.

        All that can be said before the body is read.
        """
        if token:
            known = self._find_by_token(kind, token)._allows(address)
        else:
            known = standard_webhooks.is_fresh(headers) and any(
                source._allows(address) for source in self.search([("kind", "=", kind)])
            )
        if not known:
            raise self._unknown_caller()

    def _unknown_caller(self):
        return ApiProblem(401, "This delivery is not signed, or its token or address is not known.")

    @api.model
    def _authenticate(self, kind, token, headers, body, address):
        """(the source a delivery comes from, the id of a signed one); raises ApiProblem 401 or 409."""
        if token:
            source, message_id = self._find_by_token(kind, token), None
        else:
            source, message_id = self._find_by_signature(kind, headers, body)
        if not source or not source._allows(address):
            raise self._unknown_caller()
        return source, message_id

    def _find_by_token(self, kind, token):
        return self.search([("token_hash", "=", self._hash_token(token)), ("kind", "=", kind)])

    def _find_by_signature(self, kind, headers, body):
        for source in self.search([("kind", "=", kind)]):
            secret = source._reveal_secret__("signing_secret")
            try:
                message_id = standard_webhooks.verify([secret] if secret else [], headers, body)
            except standard_webhooks.BadSignature:
                continue
            source._check_first_time(message_id)
            return source, message_id
        return self.browse(), None

    def _check_first_time(self, message_id):
        """Refuse a delivery that was taken before."""
        with transaction(self.env) as cr:
            cr.execute(
                "SELECT 1 FROM engine_webhook_receipt WHERE source_id = %s AND message_id = %s", (self.id, message_id)
            )
            if cr.fetchone():
                raise ApiProblem(409, "This delivery was received already.")

    def _allows(self, address):
        return bool(self) and (not self.networks or is_named(address, self.networks))

    def _get_tenants(self):
        self.ensure_one()
        return self.tenant_id or self.env["engine.tenant"].search([("company_id", "=", self.company_id.id)])

    def _receive(self, body, message_id=None):
        """Store the events of one delivery for the source's tenants; returns the intake's summary.

        :param message_id: of a signed delivery: it is taken once
        """
        intake = self.env["engine.event.ingest"]
        if self.kind == "mailwizz":
            summary = intake._ingest_mailwizz(self._get_tenants(), body)
        else:
            summary = intake._ingest(self._get_tenants(), [body])
        self._note(summary["received"], message_id)
        return summary

    def _note(self, received, message_id):
        """Remember the delivery; rolled back together with whatever made its answer an error."""
        if message_id:
            self.env["engine.webhook.receipt"].create({"source_id": self.id, "message_id": message_id})
        self.sudo().write({"last_received_at": fields.Datetime.now(), "received_count": self.received_count + received})
