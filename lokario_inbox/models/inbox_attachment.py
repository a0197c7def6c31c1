import base64

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.lokario_mailbox.exceptions import MailboxError

from ..tools.single_message import download_attachment


class InboxAttachment(models.Model):
    """A part of a mail; above a size its content stays at the server until a person asks."""

    _name = "inbox.attachment"
    _inherit = ["lokario.access.mixin"]
    _description = "Attachment of an e-mail"
    _order = "message_id, sequence, id"

    integration_id = fields.Many2one("inbox.integration", required=True, index=True, ondelete="cascade")
    message_id = fields.Many2one("inbox.message", required=True, index=True, ondelete="cascade")
    sequence = fields.Integer()
    name = fields.Char(required=True)
    mimetype = fields.Char()
    size = fields.Integer(help="Bytes once decoded (an estimate until downloaded).")
    content_id = fields.Char(string="Content-ID")
    is_inline = fields.Boolean()
    part = fields.Char(help="IMAP part number, such as 1.2; behind “#”, the number of a file inside a winmail.dat.")
    content = fields.Binary(attachment=False)
    attachment_id = fields.Many2one("ir.attachment", string="Downloaded file", ondelete="set null")

    def action_download(self):
        """Open the file; one that waits at the server is fetched now, piece by piece.

        Reading a mailbox changes nothing there, so that a repeated request does no harm.
        """
        self.ensure_one()
        self.check_access("read")
        if self.content:
            url = f"/web/content/inbox.attachment/{self.id}/content?filename_field=name&download=true"
            return {"type": "ir.actions.act_url", "url": url, "target": "download"}
        sudo = self.sudo()  # the file is the mailbox's; who reads the mail may read it
        if not sudo.attachment_id:
            sudo._fetch_content__()
        url = f"/web/content/{sudo.attachment_id.id}?download=true"
        return {"type": "ir.actions.act_url", "url": url, "target": "download"}

    def _stored_bytes(self):
        """Return the content that is here, b"" when it waits at the server."""
        if self.content:
            return base64.b64decode(self.with_context(bin_size=False).content)
        return self.attachment_id.raw or b""

    def _fetch_content__(self):
        """Read the part from the server into an ir.attachment that follows this record's rights."""
        place = self.message_id.location_ids.filtered(lambda p: not p.expunged_at)[:1]
        if not place:
            raise UserError(self.env._("This mail is no longer in the mailbox: its attachment cannot be fetched."))
        address = (place.folder_id.path, place.uidvalidity, place.uid, self.part)
        try:
            content = self.integration_id._ask_server__(download_attachment, *address)
        except MailboxError as err:
            raise UserError(self.env["mailbox.health"]._remedy(err.error_class)) from err
        self.attachment_id = self.env["ir.attachment"].create(
            {
                "name": self.name,
                "raw": content,
                "res_model": self._name,
                "res_id": self.id,
                "mimetype": self.mimetype,
            }
        )
