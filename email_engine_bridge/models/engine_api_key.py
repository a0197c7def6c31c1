import hashlib
import logging
import secrets
from datetime import timedelta
from typing import NamedTuple

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
ROTATION = timedelta(days=1)  # for which both keys work


class Rate(NamedTuple):
    """Calls a minute, what is left of them, and in how many seconds there are more."""

    limit: int
    remaining: int
    reset: int

    def headers(self):
        """The fields of draft-ietf-httpapi-ratelimit-headers."""
        return {f"RateLimit-{name.title()}": str(value) for name, value in self._asdict().items()}


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
    former_hash = fields.Char(readonly=True, copy=False, groups="base.group_system")
    former_until = fields.Datetime("Former key works until", readonly=True, copy=False)
    areas = fields.Char(
        "Only these areas", help="Areas of the API, separated by commas, such as contacts, stats; empty: all"
    )
    last_used_at = fields.Datetime(readonly=True, copy=False)
    window_start = fields.Datetime(readonly=True, copy=False)
    window_calls = fields.Integer(readonly=True, copy=False)

    _key_hash_uniq = models.UniqueIndex("(key_hash)")
    _calls_positive = models.Constraint("CHECK(calls_per_minute > 0)", "Calls per minute: give a number above 0.")

    @api.constrains("areas")
    def _check_areas(self):
        for key in self:
            if unknown := key._get_areas() - self._known_areas():
                raise ValidationError(
                    self.env._(
                        "Only these areas: %(unknown)s is none. There are: %(known)s.",
                        unknown=", ".join(sorted(unknown)),
                        known=", ".join(sorted(self._known_areas())),
                    )
                )

    @api.model
    def _known_areas(self):
        """Return the tags of the API's routes; an addon that adds routers with another tag adds it."""
        return {"quotas", "powermta", "domains", "ips"}

    def _get_areas(self):
        self.ensure_one()
        return {area.strip().lower() for area in (self.areas or "").split(",") if area.strip()}

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
        self.sudo().search([])._admit_companies()  # pylint: disable=no-search-all  # a handful

    def _issue_token(self, overlap=None):
        """Give the key a new secret and return the token, which is shown only now.

        :param overlap: timedelta for which the former one still works
        """
        self.ensure_one()
        former = {"former_hash": self.sudo().key_hash, "former_until": fields.Datetime.now() + (overlap or timedelta())}
        token = f"{TOKEN_PREFIX}_{secrets.token_hex(INDEX_LENGTH // 2)}_{secrets.token_urlsafe(32)}"
        self.sudo().write(
            {
                "key_hash": self._hash_token(token),
                "key_index": token[: len(TOKEN_PREFIX) + 1 + INDEX_LENGTH],
                **former,
            }
        )
        return token

    @confirm_identity
    def action_issue_token(self):
        """Give the key a secret (a new one: the former stops working) and show it once."""
        return self._show_new_token(timedelta())

    @confirm_identity
    def action_rotate_token(self):
        """Give the key a new secret; the former one works for another day, so that nobody is locked out meanwhile."""
        return self._show_new_token(ROTATION)

    def _show_new_token(self, overlap):
        self.ensure_one()
        self.check_access("write")
        if self.revoked:
            raise UserError(self.env._("Key %s is revoked for good. Create another key.", self.name))
        token = self._issue_token(overlap)
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
        """Count the call and return (key of this token, its `Rate`), or raise what to answer."""
        key = self.search([("revoked", "=", False), *self._get_token_domain(token)])
        if not token or not key or (key.expires_at and key.expires_at < fields.Datetime.now()):
            raise ApiProblem(
                401,
                "Send a valid API key: Authorization: Bearer <key>.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        calls, seconds = key._count_call__()
        rate = Rate(key.calls_per_minute, max(0, key.calls_per_minute - calls), seconds)
        if calls > key.calls_per_minute:
            raise ApiProblem(
                429,
                f"More than {key.calls_per_minute} calls in a minute with this key.",
                headers={"Retry-After": str(seconds), **rate.headers()},
            )
        return key, rate

    @api.model
    def _get_token_domain(self, token):
        """The key of this token, or the one whose former token it is until the overlap of a rotation ends."""
        hashed = self._hash_token(token)
        former = [("former_hash", "=", hashed), ("former_until", ">", fields.Datetime.now())]
        return ["|", ("key_hash", "=", hashed), "&", *former]

    def _count_call__(self):
        """Return (calls of this key in the current minute, this one included; seconds until the next minute)."""
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
                    RETURNING window_calls, 60 - extract(second FROM now_utc)::int""",
                    self.id,
                )
            )
            calls, seconds = cr.fetchone()
            return calls, max(1, seconds)

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
