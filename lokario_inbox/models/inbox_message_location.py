from odoo import fields, models

from ..tools.sync_plan import ARCHIVED


class InboxMessageLocation(models.Model):
    """A message in a folder: (folder, UIDVALIDITY, UID) is its identity at the server."""

    _name = "inbox.message.location"
    _inherit = ["lokario.access.mixin"]
    _description = "Location of an e-mail in a folder"
    _order = "folder_id, uid desc"
    _rec_name = "uid"

    integration_id = fields.Many2one("inbox.integration", required=True, index=True, ondelete="cascade")
    folder_id = fields.Many2one("inbox.folder", required=True, ondelete="cascade")
    message_id = fields.Many2one("inbox.message", required=True, index=True, ondelete="cascade")
    uidvalidity = fields.Char(required=True)
    uid = fields.Integer(required=True)
    flags = fields.Char(help="IMAP flags, one space between.")
    audited_size = fields.Integer(help="RFC822.SIZE an audit saw when it checked the content.")
    expunged_at = fields.Datetime(help="Expunged: the server no longer holds it here.")

    _uid_uniq = models.Constraint(
        "UNIQUE(folder_id, uidvalidity, uid)", "This message is already placed in the folder."
    )

    def _place(self, folder, uidvalidity, rows, replace=False):
        """Write (uid, message id, flags, audited size) in bulk; a known location is left as it is.

        ``replace``: an audit fetched again what it found wrong, so the new content wins.
        """
        if not rows:
            return
        action = "NOTHING"
        if replace:
            action = """UPDATE SET message_id = EXCLUDED.message_id, flags = EXCLUDED.flags,
                        audited_size = EXCLUDED.audited_size, expunged_at = NULL"""
        self.env.cr.execute_values(
            f"""INSERT INTO inbox_message_location
                    (integration_id, folder_id, uidvalidity, uid, message_id, flags, audited_size)
                VALUES %s ON CONFLICT (folder_id, uidvalidity, uid) DO {action}""",  # noqa: S608  a constant above
            [
                (folder.integration_id.id, folder.id, uidvalidity, uid, message_id, flags, size)
                for uid, message_id, flags, size in rows
            ],
            page_size=1000,
        )
        self.invalidate_model()

    def _update_flags(self, folder, uidvalidity, flags):
        """Store {uid: flags}; returns the messages whose flags changed, and of them those archived at the server."""
        changed = []
        rows = list(flags.items())
        for start in range(0, len(rows), 5000):
            changed += self.env.cr.execute_values(
                """UPDATE inbox_message_location p SET flags = v.flags
                     FROM (VALUES %s) AS v(folder_id, uidvalidity, uid, flags)
                     JOIN inbox_message_location o
                       ON o.folder_id = v.folder_id AND o.uidvalidity = v.uidvalidity AND o.uid = v.uid
                    WHERE p.id = o.id AND o.flags IS DISTINCT FROM v.flags
                RETURNING p.message_id, o.flags, v.flags""",
                [(folder.id, uidvalidity, *row) for row in rows[start : start + 5000]],
                page_size=5000,
                fetch=True,
            )
        self.invalidate_model(["flags"])
        archived = {found for found, old, new in changed if ARCHIVED in new and ARCHIVED not in (old or "")}
        messages = self.env["inbox.message"]
        return messages.browse({row[0] for row in changed}), messages.browse(archived)

    def _mark_expunged(self, folder, uidvalidity, uids):
        """Note that the server holds ``uids`` no longer; returns the messages concerned."""
        if not uids:
            return self.env["inbox.message"]
        self.env.cr.execute(
            """UPDATE inbox_message_location SET expunged_at = %s
                WHERE folder_id = %s AND uidvalidity = %s AND uid = ANY(%s) AND expunged_at IS NULL
            RETURNING message_id""",
            [fields.Datetime.now(), folder.id, uidvalidity, list(uids)],
        )
        messages = self.env["inbox.message"].browse({row[0] for row in self.env.cr.fetchall()})
        self.invalidate_model(["expunged_at"])
        kept = self.env["inbox.quarantine"]._at(folder, uidvalidity, uids)
        kept._set_gone()
        return messages
