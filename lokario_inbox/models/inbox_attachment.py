from odoo import fields, models


class InboxAttachment(models.Model):
    """A part of a mail; above a size its content stays at the server until somebody asks."""

    _name = "inbox.attachment"
    _description = "Attachment of an e-mail"
    _order = "message_id, sequence, id"

    integration_id = fields.Many2one(
        "inbox.integration", required=True, index=True, ondelete="cascade"
    )
    message_id = fields.Many2one("inbox.message", required=True, index=True, ondelete="cascade")
    sequence = fields.Integer()
    name = fields.Char(required=True)
    mimetype = fields.Char()
    size = fields.Integer(help="Bytes once decoded (an estimate until downloaded).")
    content_id = fields.Char(string="Content-ID")
    is_inline = fields.Boolean()
    part = fields.Char(help="IMAP part number, such as 1.2.")
    content = fields.Binary(attachment=False)
    attachment_id = fields.Many2one("ir.attachment", string="Downloaded file", ondelete="set null")
