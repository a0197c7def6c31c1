import hashlib
from datetime import timedelta

from odoo import api, fields, models

from ..exceptions import ApiProblem

KEPT_HOURS = 24
MOST_KEPT = 64 * 1024  # bytes of an answer; a longer one is the caller's own text given back, or a long list of errors
BEGIN = """
INSERT INTO engine_api_call (key_id, name, fingerprint, create_date)
VALUES (%s, %s, %s, clock_timestamp() AT TIME ZONE 'UTC') ON CONFLICT DO NOTHING RETURNING id
"""


class EngineApiCall(models.Model):
    """A call with an Idempotency-Key and its answer: the same call gets the answer again and does nothing.

    The row is written in the transaction of the call. Who calls meanwhile waits for it and is answered from it; a
    call that fails leaves no row, and may be repeated.
    """

    _name = "engine.api.call"
    _inherit = ["lokario.access.mixin"]
    _description = "Repeatable API call"
    _log_access = False

    key_id = fields.Many2one("engine.api.key", required=True, index=True, ondelete="cascade")
    name = fields.Char("Idempotency-Key", required=True)
    fingerprint = fields.Char(required=True)
    create_date = fields.Datetime(required=True, index=True, default=fields.Datetime.now)
    status = fields.Integer()
    content_type = fields.Char()
    body = fields.Text(help="Empty: it was too long to be kept.")

    _name_uniq = models.UniqueIndex("(key_id, name)")

    @api.model
    def _begin(self, key, name, *parts):
        """Return this call, new (without `status`) or answered already; raises 422 when it was another one."""
        fingerprint = hashlib.sha256(b"\0".join(parts)).hexdigest()
        self.env.cr.execute(BEGIN, (key.id, name, fingerprint))
        found = self.env.cr.fetchone()
        if found:
            return self.browse(found[0])
        call = self.search([("key_id", "=", key.id), ("name", "=", name)])
        if call.fingerprint != fingerprint:
            raise ApiProblem(422, "This Idempotency-Key was used for another call within the last day.")
        return call

    def _remember(self, status, content_type, body):
        kept = body.decode() if len(body) <= MOST_KEPT else False
        self.write({"status": status, "content_type": content_type, "body": kept})

    def _answer(self):
        """(body, content type, status) of the answer that was given; raises 409 when it was too long to be kept."""
        if self.body is False:
            raise ApiProblem(
                409,
                f"This call was done and answered with {self.status}; the answer was too long to be kept: read what it"
                " has stored.",
            )
        return self.body.encode(), self.content_type, self.status

    @api.autovacuum
    def _gc_calls(self):
        limit = fields.Datetime.now() - timedelta(hours=KEPT_HOURS)
        old = self.search([("create_date", "<", limit)], limit=10_000)
        old.unlink()
        return len(old), len(old) == 10_000
