from odoo import fields, models

from ..const import SPECIAL_USES


class InboxFolder(models.Model):
    _name = "inbox.folder"
    _description = "Mailbox folder"
    _order = "integration_id, sequence, path"
    _rec_name = "path"

    integration_id = fields.Many2one(
        "inbox.integration", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="integration_id.company_id")
    path = fields.Char(required=True, readonly=True)
    sequence = fields.Integer(default=10)
    special_use = fields.Selection(SPECIAL_USES, readonly=True)
    sync_enabled = fields.Boolean(string="Synchronised", default=True)
    # The cursor moves only in the transaction that stores or quarantines the messages.
    uidvalidity = fields.Char(readonly=True)
    uidnext = fields.Integer(readonly=True, help="Next UID the server announced.")
    cursor_uid = fields.Integer(
        readonly=True, help="Every message up to this UID is stored, quarantined or gone."
    )
    backfill_uid = fields.Integer(
        readonly=True, help="First sync, newest first: messages below this UID are still to come."
    )
    highestmodseq = fields.Char(readonly=True)
    message_count = fields.Integer(readonly=True, help="Messages on the server.")
    last_sync_at = fields.Datetime(readonly=True)
    audit_at = fields.Datetime(string="Complete as of", readonly=True)
    audit_count = fields.Integer(string="Messages proved", readonly=True)
    audit_proof = fields.Char(string="Proved by", readonly=True)
    audit_state = fields.Selection(
        [("pending", "Not proved yet"), ("complete", "Complete"), ("healed", "Healed")],
        default="pending", readonly=True,
    )
    audit_note = fields.Char(readonly=True)

    _path_uniq = models.Constraint(
        "UNIQUE(integration_id, path)", "This folder is already known for the mailbox."
    )
