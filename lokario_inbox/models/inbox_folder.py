from odoo import api, fields, models

from ..const import SPECIAL_USES

# Folders whose mail people want to see; a user may choose otherwise.
SYNCED_USES = ("inbox", "sent", "archive", False)
SEQUENCES = {"inbox": 1, "sent": 2, "archive": 3, "all": 4, "drafts": 20, "junk": 30, "trash": 40}


class InboxFolder(models.Model):
    _name = "inbox.folder"
    _inherit = ["lokario.access.mixin"]
    _description = "Mailbox folder"
    _order = "integration_id, sequence, path"

    integration_id = fields.Many2one("inbox.integration", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="integration_id.company_id")
    name = fields.Char(string="Folder", required=True, readonly=True)
    path = fields.Char(required=True, readonly=True, help="The name as the server writes it.")
    sequence = fields.Integer(default=10)
    special_use = fields.Selection(SPECIAL_USES, readonly=True)
    is_selectable = fields.Boolean(default=True, readonly=True, help="Off when the server no longer has the folder.")
    sync_enabled = fields.Boolean(string="Synchronised", default=True)
    # The cursor moves only in the transaction that stores or quarantines the messages.
    uidvalidity = fields.Char(readonly=True)
    uidnext = fields.Integer(readonly=True, help="Next UID the server announced.")
    cursor_uid = fields.Integer(readonly=True, help="Every message up to this UID is stored, quarantined or gone.")
    backfill_uid = fields.Integer(
        readonly=True, help="First sync, newest first: messages below this UID are still to come."
    )
    missing_uids = fields.Text(readonly=True, help="Messages an audit found at the server and not here: fetched next.")
    highestmodseq = fields.Char(readonly=True)
    message_count = fields.Integer(readonly=True, help="Messages on the server.")
    last_sync_at = fields.Datetime(string="Last change", readonly=True)
    audit_at = fields.Datetime(string="Complete as of", readonly=True)
    audit_count = fields.Integer(string="Messages proved", readonly=True)
    audit_proof = fields.Char(string="Proved by", readonly=True)
    audit_state = fields.Selection(
        [
            ("pending", "Not proved yet"),
            ("healing", "Being healed"),
            ("complete", "Complete"),
            ("healed", "Healed"),
        ],
        default="pending",
        readonly=True,
    )
    audit_note = fields.Char(string="Last finding", readonly=True)

    _path_uniq = models.Constraint("UNIQUE(integration_id, path)", "This folder is already known for the mailbox.")

    @api.model
    def _default_choice(self, special_use, has_all_mail):
        """Gmail has every mail in "All Mail" and again under its labels: only the first is read."""
        synced = special_use == "all" if has_all_mail else (special_use or False) in SYNCED_USES
        return {"sync_enabled": synced, "sequence": SEQUENCES.get(special_use, 10)}

    def write(self, vals):
        """A folder chosen again later is looked at at once."""
        if vals.get("sync_enabled"):
            self.integration_id.sudo().write({"next_sync_at": fields.Datetime.now()})
        return super().write(vals)
