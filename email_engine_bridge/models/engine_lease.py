from odoo import fields, models


class EngineLease(models.Model):
    """A part of an IP's day that one worker holds until it reports or falls silent."""

    _name = "engine.lease"
    _inherit = ["lokario.access.mixin"]
    _description = "Reservation"
    _order = "id desc"
    _rec_name = "token"

    token = fields.Char(required=True, readonly=True)
    ip_day_id = fields.Many2one("engine.ip.day", required=True, readonly=True, index=True, ondelete="cascade")
    ip_id = fields.Many2one(related="ip_day_id.ip_id", string="IP address")
    tenant_id = fields.Many2one(related="ip_day_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="ip_day_id.company_id", store=True)
    quantity = fields.Integer(required=True, readonly=True, help="Mails reserved at first")
    sent = fields.Integer(required=True, default=0, readonly=True, help="Reported as sent")
    state = fields.Selection(
        [("open", "Open"), ("settled", "Reported"), ("returned", "Returned")],
        required=True,
        default="open",
        readonly=True,
    )
    expires_at = fields.Datetime(required=True, readonly=True)
    purpose = fields.Char(readonly=True, help="Who reserved it, such as campaign/42")
    has_journal = fields.Boolean(readonly=True, help="Who reserved it records what is handed over")

    _token_uniq = models.UniqueIndex("(token)")
    _open_idx = models.Index("(expires_at) WHERE state = 'open'")
    _sent_within = models.Constraint("CHECK(sent >= 0 AND sent <= quantity)", "No more can be sent than was reserved.")

    def _sent_without_report(self):
        """Return {id: mails known to have left though the worker never reported them}.

        Overridden by whoever keeps a journal of deliveries. The default knows of none.
        """
        return dict.fromkeys(self.ids, 0)
