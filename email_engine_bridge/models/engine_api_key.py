import hashlib
import logging
import secrets

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from odoo.addons.lokario_base.identity import confirm_identity
from odoo.addons.lokario_base.tools.transaction import transaction

from ..exceptions import ApiProblem

_logger = logging.getLogger(__name__)

TOKEN_PREFIX = "lke"  # noqa: S105 only what keys start with
INDEX_LENGTH = 8
DEFAULT_CALLS_PER_MINUTE = 600


class EngineApiKey(models.Model):
    """A bearer key of the REST API, scoped to tenants; only its hash is kept."""

    _name = "engine.api.key"
    _inherit = ["lokario.access.mixin"]
    _description = "API key"
    _machine_writes_as_sudo = True
    _order = "revoked, name, id"

    name = fields.Char(required=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    scope = fields.Selection(
        [("tenants", "These tenants"), ("company", "All tenants of the company")],
        required=True,
        default="tenants",
    )
    tenant_ids = fields.Many2many("engine.tenant", string="Tenants")
    access = fields.Selection([("read", "Read"), ("write", "Read and write")], required=True, default="write")
    calls_per_minute = fields.Integer(required=True, default=DEFAULT_CALLS_PER_MINUTE)
    expires_at = fields.Datetime()
    revoked = fields.Boolean(readonly=True, copy=False)
    key_index = fields.Char("Starts with", readonly=True, copy=False, index=True)
    key_hash = fields.Char(readonly=True, copy=False, groups="base.group_system")
    last_used_at = fields.Datetime(readonly=True, copy=False)
    window_start = fields.Datetime(readonly=True, copy=False)
    window_calls = fields.Integer(readonly=True, copy=False)

    _key_hash_uniq = models.UniqueIndex("(key_hash)")
    _calls_positive = models.Constraint("CHECK(calls_per_minute > 0)", "Calls per minute: give a number above 0.")

    @api.constrains("scope", "tenant_ids", "company_id")
    def _check_tenants(self):
        for key in self:
            if key.scope == "tenants" and not key.tenant_ids:
                raise ValidationError(self.env._("Tenants: choose at least one for this key."))
            if key.tenant_ids.company_id - key.company_id:
                raise ValidationError(self.env._("Tenants: all of them must belong to the company of the key."))

    @api.model_create_multi
    def create(self, vals_list):
        keys = super().create(vals_list)
        keys._admit_companies()
        return keys

    def write(self, vals):
        done = super().write(vals)
        if "company_id" in vals:
            self._admit_companies()
        return done

    def _admit_companies(self):
        """Let the user of API calls work in the companies of these keys; its rules show it their tenants only."""
        self.env.ref("email_engine_bridge.user_api").sudo().company_ids |= self.sudo().company_id

    @api.model
    def _admit_all_companies(self):
        """Called at each update: keys of earlier releases."""
        self.sudo().search([])._admit_companies()

    def _issue_token(self):
        """Give the key a new secret and return the token, which is shown only now."""
        self.ensure_one()
        token = f"{TOKEN_PREFIX}_{secrets.token_hex(INDEX_LENGTH // 2)}_{secrets.token_urlsafe(32)}"
        self.sudo().write(
            {
                "key_hash": self._hash_token(token),
                "key_index": token[: len(TOKEN_PREFIX) + 1 + INDEX_LENGTH],
            }
        )
        return token

    @confirm_identity
    def action_issue_token(self):
        """Give the key a secret (a new one: the former stops working) and show it once."""
        self.ensure_one()
        self.check_access("write")
        if self.revoked:
            raise UserError(self.env._("Key %s is revoked for good. Create another key.", self.name))
        token = self._issue_token()
        _logger.info("API key %s: new token issued by user #%s", self.id, self.env.uid)
        message = self.env._("Key %s: copy it now, it is not shown again.", self.name)
        return self.env["engine.secret.shown"]._show(message, token)

    def action_revoke(self):
        self.check_access("write")
        self.sudo().write({"revoked": True})

    @api.model
    def _hash_token(self, token):
        """Return the SHA-256 of a token; it has 256 random bits, so no slow hash is due."""
        return hashlib.sha256(token.encode()).hexdigest()

    @api.model
    def _authenticate(self, token):
        """Return the key of this token, count the call, or raise what to answer."""
        key = self.search([("key_hash", "=", self._hash_token(token)), ("revoked", "=", False)])
        if not token or not key or (key.expires_at and key.expires_at < fields.Datetime.now()):
            raise ApiProblem(
                401,
                "Send a valid API key: Authorization: Bearer <key>.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if key._count_call__() > key.calls_per_minute:
            raise ApiProblem(
                429,
                f"More than {key.calls_per_minute} calls in a minute with this key.",
                headers={"Retry-After": "60"},
            )
        return key

    def _count_call__(self):
        """Return how many calls this key made in the current minute, this one included."""
        with transaction(self.env) as cr:
            cr.execute(
                SQL(
                    """UPDATE engine_api_key
                          SET window_calls = CASE WHEN window_start = date_trunc('minute', now_utc)
                                                  THEN window_calls + 1 ELSE 1 END,
                              window_start = date_trunc('minute', now_utc),
                              last_used_at = date_trunc('second', now_utc)
                         FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now_utc) clock
                        WHERE id = %s
                    RETURNING window_calls""",
                    self.id,
                )
            )
            return cr.fetchone()[0]

    def _get_api_context(self):
        """Return the context an API call runs in; record rules read its tenants."""
        self.ensure_one()
        tenants = self.tenant_ids
        if self.scope == "company":
            tenants = self.env["engine.tenant"].search([("company_id", "=", self.company_id.id)])
        return {
            "engine_tenant_ids": tuple(sorted(tenants.ids)),
            "allowed_company_ids": self.company_id.ids,
        }
