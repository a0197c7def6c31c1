import hashlib
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import hash_sign, verify_hash_signed

SCOPE = "lokario_base.form_token"
LIFETIME = timedelta(hours=12)  # a page may stay open over a working day
CHANGES, HOUR = 30, timedelta(hours=1)  # by one link
GC_LIMIT = 10_000


class FormToken(models.Model):
    """One-time tokens of the forms on pages behind a link: a form is good for one change, a link for some an hour.

    The page carries ``_issue(link)``; its POST goes on only if ``_redeem(link, token)`` is true. Only used tokens have
    a row. It belongs to the caller's transaction: what is rolled back can be sent again.
    """

    _name = "lokario.form.token"
    _inherit = ["lokario.access.mixin"]
    _description = "Used One-Time Form Token"
    _log_access = False

    nonce_hash = fields.Char(required=True)
    used_at = fields.Datetime(required=True, index=True)

    _once = models.UniqueIndex("(nonce_hash)")

    @api.model
    def _issue(self, link: str) -> str:
        """Return a token for one form of the page that ``link`` (its own token) opens."""
        return hash_sign(self.sudo().env, SCOPE, [link, secrets.token_hex(16)], expiration=LIFETIME)

    @api.model
    def _redeem(self, link: str, token: str) -> bool:
        """Whether ``token`` is of this link, not too old and used for the first time, and the link not too busy."""
        try:
            known, nonce = verify_hash_signed(self.sudo().env, SCOPE, token or "") or ("", "")
        except ValueError:
            return False
        if not nonce or known != link:
            return False
        self.env.cr.execute(
            """INSERT INTO lokario_form_token (nonce_hash, used_at) VALUES (%s, now() AT TIME ZONE 'UTC')
               ON CONFLICT DO NOTHING RETURNING 1""",
            [hashlib.sha256(nonce.encode()).hexdigest()],
        )
        is_first = self.env.cr.fetchone() is not None
        return is_first and self.env["lokario.rate.limit"].sudo()._take(SCOPE, link, CHANGES, HOUR)

    @api.autovacuum
    def _gc_tokens(self):
        old = self.search([("used_at", "<", fields.Datetime.now() - 2 * LIFETIME)], limit=GC_LIMIT)
        old.unlink()
        return len(old), len(old) == GC_LIMIT
