from odoo import fields, models
from odoo.exceptions import UserError

from ..exceptions import EngineRejected


class EngineDmarcUpload(models.TransientModel):
    """Read files of DMARC reports."""

    _name = "engine.dmarc.upload"
    _inherit = ["lokario.access.mixin"]
    _description = "Read DMARC reports"

    file_ids = fields.Many2many("ir.attachment", string="XML, gz or zip files, or mails")
    report = fields.Text(readonly=True)

    def action_read(self):
        """Store what is new, say what was done; a file that cannot be read changes nothing."""
        self.ensure_one()
        if not self.file_ids:
            raise UserError(self.env._("Choose a file first."))
        files = self.file_ids
        files.check_access("unlink")  # they are gone afterwards: never a file that is somebody else's
        lines = [self._read_file(attachment_sudo) for attachment_sudo in files.sudo()]
        files.unlink()
        self.sudo().report = "\n".join(lines)
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def _read_file(self, attachment_sudo):
        name = attachment_sudo.name
        try:
            with self.env.cr.savepoint():
                new, known = self.env["engine.dmarc.report"]._store(attachment_sudo.raw or b"")
        except EngineRejected as error:
            why = self.env["engine.finding"]._say_error(error)
            return self.env._("%(file)s: %(why)s", file=name, why=why)
        return self.env._("%(file)s: new reports %(new)s, known ones %(known)s.", file=name, new=len(new), known=known)
