import hashlib
import hmac
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import config
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from ..tools.client_address import client_network
from ..tools.transaction import transaction

PROXIES, THIS_MACHINE = "lokario_base.proxies", "127.0.0.1, ::1"

GC_LIMIT = 10_000
KEEP = timedelta(days=2)


class RateLimit(models.Model):
    """Counts what strangers do, per key and period; keys are stored as keyed hashes, so no address is kept."""

    _name = "lokario.rate.limit"
    _inherit = ["lokario.access.mixin"]
    _description = "Rate Limit"
    _log_access = False

    key_hash = fields.Char(required=True)
    period_start = fields.Datetime(required=True, index=True)
    count = fields.Integer(required=True, default=0)

    _one_per_period = models.UniqueIndex("(key_hash, period_start)")

    @api.model
    def _take(self, scope: str, key: str, limit: int, period: timedelta) -> bool:
        """Count one more act of ``key`` in this period, for good; False once there were ``limit`` of them.

        Counted on a cursor of its own: what follows may be rolled back, the act was tried all the same.
        """
        key_hash = self._key_hash(scope, key)
        seconds = int(period.total_seconds())
        with transaction(self.env, ISOLATION_LEVEL_AUTOCOMMIT) as cr:
            cr.execute(
                """INSERT INTO lokario_rate_limit (key_hash, period_start, count)
                   VALUES (%s, to_timestamp(floor(extract(epoch FROM now()) / %s) * %s) AT TIME ZONE 'UTC', 1)
                   ON CONFLICT (key_hash, period_start) DO UPDATE SET count = lokario_rate_limit.count + 1
                   WHERE lokario_rate_limit.count < %s RETURNING 1""",
                [key_hash, seconds, seconds, limit],
            )
            return cr.fetchone() is not None

    @api.model
    def _network(self, environ: dict) -> str:
        """Return the network that a request counts for: the visitor's, as far as a named proxy says who that is."""
        return client_network(environ, self._proxies() if config["proxy_mode"] else "")

    @api.model
    def _proxies(self) -> str:
        return self.env["ir.config_parameter"].sudo().get_param(PROXIES, THIS_MACHINE)

    @api.model
    def _forget(self, scope: str, key: str):
        """Begin anew for ``key``, as after a password that was right."""
        with transaction(self.env, ISOLATION_LEVEL_AUTOCOMMIT) as cr:
            cr.execute("DELETE FROM lokario_rate_limit WHERE key_hash = %s", [self._key_hash(scope, key)])

    @api.model
    def _key_hash(self, scope: str, key: str) -> str:
        secret = self.env["ir.config_parameter"].sudo().get_param("database.secret")
        return hmac.new(secret.encode(), f"{scope}|{key}".encode(), hashlib.sha256).hexdigest()

    @api.autovacuum
    def _gc_limits(self):
        old = self.search([("period_start", "<", fields.Datetime.now() - KEEP)], limit=GC_LIMIT)
        old.unlink()
        return len(old), len(old) == GC_LIMIT
