from odoo import fields, models


class InboxQuarantine(models.Model):
    """A mail that could not be read: kept raw, with the reason, blocking nothing."""

    _name = "inbox.quarantine"
    _description = "Quarantined e-mail"
    _order = "id desc"
    _rec_name = "subject"

    integration_id = fields.Many2one(
        "inbox.integration", required=True, index=True, ondelete="cascade"
    )
    folder_id = fields.Many2one("inbox.folder", required=True, ondelete="cascade")
    uidvalidity = fields.Char(required=True)
    uid = fields.Integer(required=True)
    subject = fields.Char()
    reason = fields.Char(required=True)
    raw = fields.Binary(string="Raw e-mail", attachment=True)
    raw_name = fields.Char(default="message.eml")
    state = fields.Selection(
        [("quarantined", "Quarantined"), ("restored", "Restored"), ("gone", "Gone at the server")],
        required=True, default="quarantined",
    )
    message_id = fields.Many2one("inbox.message", ondelete="set null")

    _uid_uniq = models.Constraint(
        "UNIQUE(folder_id, uidvalidity, uid)", "This message is already in quarantine."
    )
