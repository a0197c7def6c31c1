import secrets
from datetime import UTC, datetime, timedelta

from odoo import api, models
from odoo.tools import hash_sign, verify_hash_signed

SCOPE = "lokario_base.form_token"
HOURS = 12  # a page may stay open over a working day


class FormToken(models.AbstractModel):
    """One-time tokens of the forms on pages behind a link: a form is good for one change.

    The page carries ``_issue(link)``; its POST goes on only if ``_redeem(link, token)`` is true. The use is recorded in
    the caller's transaction: whatever is rolled back can be sent again.
    """

    _name = "lokario.form.token"
    _description = "One-Time Form Token"

    @api.model
    def _issue(self, link: str) -> str:
        """Return a token for one form of the page that ``link`` (its own token) opens."""
        expires = datetime.now(UTC) + timedelta(hours=HOURS)
        values = [link, secrets.token_hex(8), int(expires.timestamp())]
        return hash_sign(self.sudo().env, SCOPE, values, expiration=timedelta(hours=HOURS))

    @api.model
    def _redeem(self, link: str, token: str) -> bool:
        """Whether ``token`` was issued for this link, is not too old, and is used for the first time."""
        try:
            known, nonce, expires = verify_hash_signed(self.sudo().env, SCOPE, token or "") or ("", "", 0)
        except ValueError:
            return False
        if not expires or known != link:
            return False
        until = datetime.fromtimestamp(expires, UTC).replace(tzinfo=None)
        return self.env["lokario.rate.limit"].sudo()._use_once(SCOPE, nonce, until)
