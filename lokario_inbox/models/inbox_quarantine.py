import base64
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import EXPUNGED_DAYS
from ..exceptions import UnreadableMail
from ..tools.fenced_reader import reader
from ..tools.sync_plan import Fetched, RawItem

GC_LIMIT = 1000  # mails erased of a mailbox in one go of the nightly cleaning


class InboxQuarantine(models.Model):
    """A mail that could not be read: kept raw, with the reason, blocking nothing."""

    _name = "inbox.quarantine"
    _inherit = ["lokario.access.mixin"]
    _description = "Quarantined e-mail"
    _order = "id desc"
    _rec_name = "reason"

    integration_id = fields.Many2one("inbox.integration", required=True, index=True, ondelete="cascade", readonly=True)
    folder_id = fields.Many2one("inbox.folder", required=True, ondelete="cascade", readonly=True)
    name = fields.Char(compute="_compute_name")
    uidvalidity = fields.Char(required=True, readonly=True)
    uid = fields.Integer(required=True, readonly=True)
    size = fields.Integer(readonly=True)
    received_at = fields.Datetime(string="Received", readonly=True)
    reason = fields.Char(string="Technical details", required=True, readonly=True)
    explanation = fields.Char(compute="_compute_explanation", string="Reason")
    raw = fields.Binary(string="Raw e-mail", attachment=True, readonly=True)
    raw_name = fields.Char(compute="_compute_name")
    state = fields.Selection(
        [("quarantined", "Quarantined"), ("restored", "Restored"), ("gone", "Gone at the server")],
        required=True,
        default="quarantined",
        readonly=True,
    )
    message_id = fields.Many2one("inbox.message", ondelete="set null", readonly=True)
    is_undelivered = fields.Boolean(
        readonly=True, help="The server lists the mail but did not deliver it: every audit asks again."
    )
    is_asked_again = fields.Boolean(readonly=True, help="The audit that is running has asked again.")

    _uid_uniq = models.Constraint("UNIQUE(folder_id, uidvalidity, uid)", "This message is already in quarantine.")

    def _compute_name(self):
        for mail in self:
            mail.name = self.env._("Mail %(uid)s of %(folder)s", uid=mail.uid, folder=mail.folder_id.name)
            mail.raw_name = f"{mail.folder_id.name}-{mail.uid}.eml".replace("/", "-")

    @api.depends("reason")
    @api.depends_context("lang")
    def _compute_explanation(self):
        """The reason in the reader's language; what follows the sentence are the server's words."""
        sentences = {
            "The parts of this mail are nested too deeply.": self.env._(
                "The parts of this mail are nested too deeply."
            ),
            "This mail has too many or too deeply nested parts.": self.env._(
                "This mail has too many or too deeply nested parts."
            ),
            "This mail takes more time or memory to read than a mail may.": self.env._(
                "This mail takes more time or memory to read than a mail may."
            ),
            "The server lists this mail but does not deliver it.": self.env._(
                "The server lists this mail but does not deliver it."
            ),
            "The server ends the connection when it is asked for this mail.": self.env._(
                "The server ends the connection when it is asked for this mail."
            ),
        }
        for mail in self:
            said = next((sentence for sentence in sentences if mail.reason.startswith(sentence)), "")
            rest = mail.reason.removeprefix(said).strip()
            explained = sentences.get(said) or self.env._("This mail cannot be read.")
            mail.explanation = f"{explained} {rest}".strip()

    def _keep(self, folder, event, item, reason):
        """Keep one RawItem that cannot be stored as a message; once, whatever is replayed."""
        known = self._at(folder, event.uidvalidity, [item.uid])
        if known:
            known.is_asked_again = event.found_missing
            return
        self.create(
            {
                "integration_id": folder.integration_id.id,
                "folder_id": folder.id,
                "uidvalidity": event.uidvalidity,
                "uid": item.uid,
                "size": item.size,
                "received_at": item.internaldate,
                "reason": reason.replace("\0", "")[:500],
                "raw": base64.b64encode(item.raw) if item.raw else False,
                "is_undelivered": not item.raw,
                "is_asked_again": event.found_missing,
            }
        )

    def _at(self, folder, uidvalidity, uids):
        return self.search(
            [
                ("folder_id", "=", folder.id),
                ("uidvalidity", "=", uidvalidity),
                ("uid", "in", list(uids)),
            ]
        )

    def _set_restored(self, message_id):
        self.write({"state": "restored", "message_id": message_id})

    def _set_gone(self):
        """The server no longer has what is still in quarantine."""
        self.filtered(lambda mail: mail.state == "quarantined").write({"state": "gone"})

    def _restore(self, folder, uidvalidity, placed):
        """Mails that could be stored after all: ``placed`` maps UID to message id."""
        for mail in self._at(folder, uidvalidity, placed).filtered(lambda m: m.state == "quarantined"):
            mail._set_restored(placed[mail.uid])

    @api.autovacuum
    def _gc_raw(self):
        """Erase the raw mail that the policy of its mailbox no longer keeps; a year later, what the server has lost."""
        now, done = fields.Datetime.now(), 0
        for integration in self.env["inbox.integration"].sudo().search([("retention_days", ">", 0)]):
            before = now - timedelta(days=integration.retention_days)
            old = [("integration_id", "=", integration.id), ("received_at", "<", before), ("raw", "!=", False)]
            mails = self.sudo().search(old, limit=GC_LIMIT)
            mails.write({"raw": False})
            done += len(mails)
        gone = [("state", "=", "gone"), ("write_date", "<", now - timedelta(days=EXPUNGED_DAYS))]
        lost = self.sudo().search(gone, limit=GC_LIMIT)
        lost.unlink()
        done += len(lost)
        return done, done >= GC_LIMIT

    def action_retry(self):
        """Fetch and parse the mail again; what can be read now becomes an ordinary message."""
        self.check_access("read")
        for mail in self.sudo().filtered(lambda m: m.state == "quarantined"):
            mail._retry()

    def _retry(self):
        """From the raw mail that was kept, else at the next audit from the server."""
        if not self.raw:
            self.folder_id.write({"audit_at": False})
            self.env.ref("lokario_inbox.ir_cron_audit").sudo()._trigger()
            self.unlink()
            return
        raw = base64.b64decode(self.raw)
        try:
            parsed = reader.parse_mail(raw)
        except UnreadableMail as err:
            raise UserError(self.env._("Still unreadable: %s", err)) from err
        item = RawItem(self.uid, "", self.received_at or None, self.size, raw=raw)
        event = Fetched(self.integration_id.id, self.folder_id.id, self.uidvalidity, (item,))
        message = self.env["inbox.store"]._store_batch(self.folder_id, event, [(item, parsed)])
        self._set_restored(message.id)
