import hashlib
import logging

import psycopg2
from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.lokario_mailbox.tools.imap_wire import format_uids, parse_uids

from ..const import SPECIAL_USES
from ..tools.location_match import compare, match_renumbered

_logger = logging.getLogger(__name__)

# Folders whose mail people want to see; a user may choose otherwise.
SYNCED_USES = ("inbox", "sent", "archive", False)
SEQUENCES = {"inbox": 1, "sent": 2, "archive": 3, "all": 4, "drafts": 20, "junk": 30, "trash": 40}
SUSPICIOUS_COUNT = 10  # mails in a row that cannot be stored: not their fault


class InboxFolder(models.Model):
    """A folder of a mailbox, and what the synchronisation writes about it: bulk SQL, no commit."""

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
    audit_count = fields.Integer(string="Messages verified", readonly=True)
    audit_method = fields.Char(string="Verified by", readonly=True)
    audit_state = fields.Selection(
        [
            ("pending", "Not verified"),
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
        """A folder chosen again later is checked immediately."""
        if vals.get("sync_enabled"):
            self.integration_id.sudo().write({"next_sync_at": fields.Datetime.now()})
        return super().write(vals)

    # === MESSAGES === #

    def _store_fetched(self, event):
        """Messages, locations and the cursor that is true with them, in one transaction."""
        if self.uidvalidity and self.uidvalidity != event.uidvalidity:
            return False  # renumbered meanwhile: the next pass sees to it
        for item in event.items:
            if item.problem:
                self._quarantine(event, item, item.problem)
        self._store_items(event, [(item, item.mail) for item in event.items if item.mail])
        self._move_cursor(event)
        return self._place_stored(event, [item for item in event.items if item.is_stored])

    def _place_stored(self, event, items):
        """Place mails that were here when the network side asked; one purged since is asked for again."""
        if not items:
            return False
        known = self.env["inbox.store"]._ids_by_server_ref(
            self.integration_id, {item.server_ref: item.size for item in items}
        )
        here = [item for item in items if item.server_ref in known]
        self.env["inbox.message.location"]._place(
            self, event.uidvalidity, [(item.uid, known[item.server_ref], item.flags, None) for item in here]
        )
        self.env["inbox.message"].browse(set(known.values()))._follow_moves()
        gone = {item.uid for item in items} - {item.uid for item in here}
        if gone:
            self.missing_uids = format_uids({*gone, *self._missing()})
        return bool(gone)

    def _store_items(self, event, mails):
        """Store in bulk; mails that cannot be stored even alone go to quarantine.

        When no mail of a whole batch can be stored the fault is ours, not theirs: that stops the
        account, cursor unmoved, instead of filling the quarantine.
        """
        refused = self._try_items(event, mails)
        if refused and len(refused) == len(mails) > SUSPICIOUS_COUNT:
            raise refused[0][1]
        for item, err in refused:
            _logger.warning("Mail %s of folder %s cannot be stored: %r", item.uid, self.id, err)
            self._quarantine(event, item, f"{type(err).__name__}: {err}")

    def _try_items(self, event, mails):
        """Bulk first, then in halves until the poisoned mail stands alone: [(item, exception)]."""
        if not mails:
            return []
        try:
            with self.env.cr.savepoint():
                self.env["inbox.store"]._store_batch(self, event, mails)
                self.env.flush_all()
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            raise
        except Exception as err:  # noqa: BLE001  see _store_items
            self.env.invalidate_all()
            if len(mails) == 1:
                return [(mails[0][0], err)]
            middle = len(mails) // 2
            return self._try_items(event, mails[:middle]) + self._try_items(event, mails[middle:])
        return []

    def _quarantine(self, event, item, reason):
        self.env["inbox.quarantine"]._keep(self, event, item, reason)

    def _move_cursor(self, event):
        """Cursor columns only ever move forwards (backfill: downwards), whatever is replayed."""
        updates = [SQL("uidvalidity = %s", event.uidvalidity)]
        if event.cursor_uid is not None:
            updates.append(SQL("cursor_uid = GREATEST(cursor_uid, %s)", event.cursor_uid))
        if event.backfill_uid is not None:
            first = SQL("cursor_uid IS NULL AND %s", bool(event.cursor_uid))
            updates.append(
                SQL(
                    "backfill_uid = CASE WHEN %s OR (backfill_uid > 0 AND %s < backfill_uid)"
                    " THEN %s ELSE backfill_uid END",
                    first,
                    event.backfill_uid,
                    event.backfill_uid,
                )
            )
        if event.missing_done:
            updates.append(SQL("missing_uids = NULL"))
        elif event.found_missing:
            rest = set(self._missing()) - {item.uid for item in event.items}
            updates.append(SQL("missing_uids = %s", format_uids(rest) or None))
        self.env.cr.execute(SQL("UPDATE inbox_folder SET %s WHERE id = %s", SQL(", ").join(updates), self.id))
        self.invalidate_recordset()

    def _missing(self):
        return parse_uids(self.missing_uids)

    # === CHANGES === #

    def _store_flags(self, event):
        changed, archived = self.env["inbox.message.location"]._update_flags(self, event.uidvalidity, event.flags)
        (changed - archived)._refresh_states()
        archived._follow_moves()
        return False

    def _store_vanished(self, event):
        self.env["inbox.message.location"]._mark_expunged(self, event.uidvalidity, event.uids)._follow_moves()
        return False

    def _store_present(self, event):
        """Mark as expunged what an explicit SEARCH no longer lists; asks for what it lists and we lack."""
        stored = self._stored_sizes(event.uidvalidity)
        wrong, gone = compare(stored, dict.fromkeys(event.uids, 0))
        self.env["inbox.message.location"]._mark_expunged(self, event.uidvalidity, gone)._follow_moves()
        unknown = [uid for uid in wrong if self._is_overdue(uid)]
        if unknown:
            self.missing_uids = format_uids({*unknown, *self._missing()})
        return bool(unknown)

    def _is_overdue(self, uid):
        """True for a message that should be here: below the cursor and not the backfill's."""
        return uid <= self.cursor_uid and uid >= (self.backfill_uid or 0)

    def _store_checked(self, event):
        """The numbers by which the next synchronisation knows that nothing changed."""
        if self.uidvalidity != event.uidvalidity:
            return False
        self.write(
            {
                "uidnext": event.uidnext,
                "highestmodseq": event.highestmodseq,
                "message_count": event.message_count,
                "last_sync_at": fields.Datetime.now(),
            }
        )
        return False

    # === UIDVALIDITY CHANGED === #

    def _store_renumbered(self, event):
        """Keep messages, notes and links: only the locations are written anew."""
        self.env.cr.execute(
            """SELECT m.id, m.server_ref, m.message_id_header, m.size, m.date
                 FROM inbox_message_location p JOIN inbox_message m ON m.id = p.message_id
                WHERE p.folder_id = %s AND p.uidvalidity = %s AND p.expunged_at IS NULL""",
            [self.id, self.uidvalidity],
        )
        known = [(row[0], row[1], row[2] or "", *row[3:]) for row in self.env.cr.fetchall()]
        matched, unmatched = match_renumbered(known, event.rows)
        locations = self.env["inbox.message.location"]
        locations._place(
            self, event.uidvalidity, [(uid, message_id, flags, None) for uid, (message_id, flags) in matched.items()]
        )
        self._forget_numbering(self.uidvalidity)
        top = max((row[0] for row in event.rows), default=0)
        self.write(
            {
                "uidvalidity": event.uidvalidity,
                "cursor_uid": top,
                "backfill_uid": 0,
                "uidnext": 0,
                "highestmodseq": False,
                "missing_uids": format_uids(unmatched) or False,
                "audit_at": False,
                "audit_state": "pending",
                "audit_note": self.env._("The server renumbered this folder; messages were recognised."),
            }
        )
        lost = {row[0] for row in known} - {message_id for message_id, _flags in matched.values()}
        self.env["inbox.message"].browse(lost)._refresh_states()
        return True

    def _forget_numbering(self, uidvalidity):
        self.env.cr.execute(
            "DELETE FROM inbox_message_location WHERE folder_id = %s AND uidvalidity = %s",
            [self.id, uidvalidity],
        )
        self.env["inbox.message.location"].invalidate_model()
        self.env["inbox.quarantine"].search(
            [
                ("folder_id", "=", self.id),
                ("uidvalidity", "=", uidvalidity),
                ("state", "=", "quarantined"),
            ]
        ).unlink()

    # === AUDIT === #

    def _stored_sizes(self, uidvalidity):
        """{uid: sizes that are right} of the present locations; None for quarantined mail."""
        self.env.cr.execute(
            """SELECT p.uid, m.size, p.audited_size
                 FROM inbox_message_location p JOIN inbox_message m ON m.id = p.message_id
                WHERE p.folder_id = %s AND p.uidvalidity = %s AND p.expunged_at IS NULL""",
            [self.id, uidvalidity],
        )
        stored = {uid: (size, audited) for uid, size, audited in self.env.cr.fetchall()}
        self.env.cr.execute(
            """SELECT uid FROM inbox_quarantine WHERE folder_id = %s AND uidvalidity = %s
                  AND (is_undelivered IS NOT TRUE OR is_asked_again)""",
            [self.id, uidvalidity],
        )
        return {**{row[0]: None for row in self.env.cr.fetchall()}, **stored}

    def _store_audited(self, event):
        """Compare with the ledger; what is missing or truncated is fetched by the next pass."""
        if event.uidvalidity != self.uidvalidity:
            return False
        wrong, gone = compare(self._stored_sizes(event.uidvalidity), event.sizes)
        self.env["inbox.message.location"]._mark_expunged(self, event.uidvalidity, gone)._follow_moves()
        if wrong:
            self._start_healing(wrong, gone)
        else:
            self._write_verification(event.sizes, is_healed=self.audit_state == "healing" or gone)
        return bool(wrong)

    def _start_healing(self, wrong, gone):
        note = self.env._(
            "%(wrong)s missing or damaged, %(gone)s no longer at the server.", wrong=len(wrong), gone=len(gone)
        )
        self.write({"missing_uids": format_uids(wrong), "audit_state": "healing", "audit_note": note})

    def _write_verification(self, sizes, is_healed):
        """Everything the server lists is here, whole: say so, with what was compared."""
        lines = ",".join(f"{uid}:{size}" for uid, size in sorted(sizes.items()))
        fingerprint = hashlib.sha256(lines.encode()).hexdigest()[:12]
        self.write(
            {
                "audit_at": fields.Datetime.now(),
                "audit_count": len(sizes),
                "audit_method": self.env._("Numbers and sizes on a second connection (%s)", fingerprint),
                "audit_state": "healed" if is_healed else "complete",
                "missing_uids": False,
            }
        )
        self.env["inbox.quarantine"].search([("folder_id", "=", self.id), ("is_asked_again", "=", True)]).write(
            {"is_asked_again": False}
        )
        self._move_cursor_to(max(sizes, default=0))

    def _move_cursor_to(self, uid):
        self.env.cr.execute(
            "UPDATE inbox_folder SET cursor_uid = GREATEST(cursor_uid, %s) WHERE id = %s", [uid, self.id]
        )
        self.invalidate_recordset(["cursor_uid"])
