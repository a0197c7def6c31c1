from odoo import api, fields, models
from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

# The causes of tools/bounce_rules.py
REASONS = {
    "unknown mailbox": _lt("unknown mailbox"),
    "unknown domain": _lt("unknown domain"),
    "inactive": _lt("inactive mailbox"),
    "full": _lt("mailbox full"),
    "rate": _lt("the recipient gets too much mail"),
    "refused by the recipient": _lt("refused by the recipient"),
    "our name": _lt("our server's name or sender is not accepted"),
    "authentication": _lt("SPF, DKIM or DMARC is missing"),
    "blocklist": _lt("blocklist"),
    "reputation": _lt("reputation of the IP or domain"),
    "policy": _lt("policy of the receiver"),
    "spam": _lt("taken for spam"),
    "our side": _lt("our server's configuration"),
    "unreachable": _lt("their server cannot be reached"),
    "their server": _lt("trouble of their server"),
    "auto-reply": _lt("automatic reply"),
    "unknown": _lt("not said"),
}


class EngineReasonMixin(models.AbstractModel):
    """A record whose ``reason`` is a cause of `tools.bounce`, said in the reader's language."""

    _name = "engine.reason.mixin"
    _description = "Reason of a refusal"

    reason_words = fields.Char("Reason in words", compute="_compute_reason_words")

    @api.depends("reason")
    @api.depends_context("lang")
    def _compute_reason_words(self):
        for record in self:
            words = REASONS.get(record.reason)
            record.reason_words = self.env._(words) if words else record.reason
