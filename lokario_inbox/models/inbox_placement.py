from odoo import fields, models


class InboxPlacement(models.Model):
    """A message in a folder: (folder, UIDVALIDITY, UID) is its identity at the server."""

    _name = "inbox.placement"
    _description = "Place of an e-mail in a folder"
    _order = "folder_id, uid desc"
    _rec_name = "uid"

    integration_id = fields.Many2one(
        "inbox.integration", required=True, index=True, ondelete="cascade"
    )
    folder_id = fields.Many2one("inbox.folder", required=True, ondelete="cascade")
    message_id = fields.Many2one("inbox.message", required=True, index=True, ondelete="cascade")
    uidvalidity = fields.Char(required=True)
    uid = fields.Integer(required=True)
    flags = fields.Char(help="IMAP flags, one space between.")
    expunged_at = fields.Datetime(help="Tombstone: the server no longer holds it here.")

    _uid_uniq = models.Constraint(
        "UNIQUE(folder_id, uidvalidity, uid)", "This message is already placed in the folder."
    )
