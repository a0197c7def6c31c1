from odoo import fields, models

PLACES = [
    ("waiting", "Not looked yet"),
    ("inbox", "Inbox"),
    ("tab", "Another tab"),
    ("spam", "Spam"),
    ("missing", "Not arrived"),
]


class EngineSeedPlacement(models.Model):
    """Where a campaign's message arrived in a seed mailbox, as the person who looked says."""

    _name = "engine.seed.placement"
    _inherit = ["lokario.access.mixin"]
    _description = "Placement of a seed test"
    _machine_writes_as_sudo = True
    _order = "id desc"
    _rec_name = "email"

    campaign_id = fields.Many2one("engine.campaign", required=True, readonly=True, index=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="campaign_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="campaign_id.company_id", store=True, index=True)
    seed_id = fields.Many2one("engine.seed", readonly=True, ondelete="set null")
    email = fields.Char("Address", required=True, readonly=True)
    provider = fields.Char("Mailbox provider", required=True, readonly=True)
    sent_at = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    place = fields.Selection(PLACES, required=True, readonly=True, default="waiting")
    seen_at = fields.Datetime(readonly=True)
    seen_uid = fields.Many2one("res.users", "Seen by", readonly=True)

    def action_inbox(self):
        self._note_place("inbox")

    def action_tab(self):
        self._note_place("tab")

    def action_spam(self):
        self._note_place("spam")

    def action_missing(self):
        self._note_place("missing")

    def _note_place(self, place):
        """Record what the person who looked into the mailbox has found."""
        self.check_access("write")
        self.sudo().write({"place": place, "seen_at": fields.Datetime.now(), "seen_uid": self.env.uid})
