from odoo import api, fields, models

RECEIPT_DAYS = 7


class EngineWebhookReceipt(models.Model):
    """A signed delivery that was taken; a second one with its id is refused."""

    _name = "engine.webhook.receipt"
    _inherit = ["lokario.access.mixin"]
    _description = "Received delivery"

    source_id = fields.Many2one("engine.webhook.source", required=True, ondelete="cascade")
    message_id = fields.Char(required=True)

    _message_uniq = models.UniqueIndex("(source_id, message_id)")

    @api.autovacuum
    def _gc_receipts(self):
        """Signatures are valid for minutes; ids older than a week are not needed any more."""
        old = self.search([("create_date", "<", f"-{RECEIPT_DAYS}d")], limit=10_000)
        old.unlink()
        return len(old), len(old) == 10_000
