import base64
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ..tools.sent_mailbox import MailboxUnavailable

_logger = logging.getLogger(__name__)

WAIT_FOR_PROVIDER = 60  # seconds
GIVE_UP = timedelta(days=3)
WATCH = timedelta(minutes=10)  # a hidden copy or a late copy of the provider is looked for this long
RETRIES = (5, 20, 60, 120, 300, 900)  # seconds between two looks


class InboxSentCopy(models.Model):
    """The copy of one sent mail in the Sent folder: filed once, by the provider or by us; hidden copies removed."""

    _name = "inbox.sent.copy"
    _description = "Copy of a Sent E-mail"
    _order = "id"
    _rec_name = "message_id_header"

    integration_id = fields.Many2one("inbox.integration", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="integration_id.company_id", store=True, index=True)
    message_id_header = fields.Char("Message-ID", required=True)
    raw = fields.Binary(attachment=True)
    state = fields.Selection(
        [
            ("pending", "To be filed"),
            ("provider", "Filed by the provider"),
            ("filed", "Filed"),
            ("failed", "Not filed"),
        ],
        required=True,
        default="pending",
        index=True,
    )
    is_appending = fields.Boolean(help="An APPEND was begun: what is found in Sent from then on may be ours.")
    hidden_copy = fields.Boolean(help="A hidden Bcc to the mailbox is on its way and is to be removed.")
    sent_at = fields.Datetime(required=True, default=fields.Datetime.now)
    looks = fields.Integer()
    next_look_at = fields.Datetime(required=True, default=fields.Datetime.now, index=True)
    error = fields.Char()

    _message_uniq = models.Constraint(
        "UNIQUE(integration_id, message_id_header)", "The copy of this mail is already taken care of."
    )

    @api.model
    def _due_domain(self):
        return (Domain("state", "=", "pending") | Domain("hidden_copy", "=", True)) & Domain(
            "next_look_at", "<=", "now"
        )

    @api.model
    def _cron_file(self, limit=200):
        """File the copies that are due, one IMAP connection per mailbox; a dead mailbox delays only itself."""
        domain = self._due_domain()
        due = self.search(domain, limit=limit, order="next_look_at, id")
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=self.search_count(domain))
        for integration, copies in due.grouped("integration_id").items():
            copies.try_lock_for_update().filtered_domain(domain)._look(integration)
            if not commit_progress(len(copies)):
                break

    @api.model
    def _hidden_copies(self, integration, message_ids):
        """Return those of the Message-IDs whose hidden copy may lie in the inbox of the mailbox."""
        if not message_ids:
            return frozenset()
        self.env.cr.execute(
            """SELECT message_id_header FROM inbox_sent_copy
                WHERE hidden_copy AND integration_id = %(integration)s AND message_id_header = ANY(%(ids)s)
                UNION
               SELECT message_id_header FROM inbox_outgoing
                WHERE state IN ('sending', 'unsettled') AND integration_id = %(integration)s
                  AND message_id_header = ANY(%(ids)s)""",
            {"integration": integration.id, "ids": message_ids},
        )
        return frozenset(row[0] for row in self.env.cr.fetchall())

    def _look(self, integration):
        """Look after copies of one mailbox over one connection; what fails is tried again later."""
        try:
            with integration._open_sent_mailbox__() as box:
                for copy in self:
                    copy._file(box)
        except MailboxUnavailable as err:
            self._postpone(str(err))

    def _file(self, box):
        """One look: is it in Sent, must we file it, is the hidden copy there to be removed?"""
        self.ensure_one()
        found = box.find("sent", self.message_id_header)
        if self.state == "pending":
            self._settle(box, found)
        elif len(found) > 1:  # the provider was late: ours came first, its copy stays
            box.remove("sent", self.message_id_header, keep=1)
            self._learn("provider")
        if self.hidden_copy and self.state != "pending" and box.remove("inbox", self.message_id_header):
            self.write({"hidden_copy": False, "raw": False})
            self.integration_id.evidence_proven_at = fields.Datetime.now()
        self._postpone()

    def _settle(self, box, found):
        if found:
            self.state = "filed" if self.is_appending else "provider"
            if not self.is_appending:
                self._learn("provider")
                self.integration_id.evidence_proven_at = fields.Datetime.now()
        elif self._provider_had_its_time():
            self.is_appending = True
            self.env.cr.commit()  # pylint: disable=invalid-commit  # the intent, before the act
            box.append("sent", base64.b64decode(self.with_context(bin_size=False).raw))
            self._learn("append")
            self.state = "filed"

    def _provider_had_its_time(self):
        if self.integration_id.sent_filing == "append":
            return True
        wait = WATCH if self.integration_id._files_sent_itself() else self._wait_for_provider()
        return fields.Datetime.now() - self.sent_at >= wait

    @api.model
    def _wait_for_provider(self):
        """How long an unknown provider may take to file its own copy before we file ours."""
        seconds = self.env["ir.config_parameter"].sudo().get_param("lokario_inbox.sent_copy_wait", WAIT_FOR_PROVIDER)
        return timedelta(seconds=int(seconds))

    def _learn(self, filing):
        """Remember who files for this mailbox, as long as nobody chose it."""
        if self.integration_id.sent_filing == "auto":
            self.integration_id.sent_filing = filing

    def _postpone(self, error=""):
        """Plan the next look, or stop looking."""
        now = fields.Datetime.now()
        for copy in self:
            looks = copy.looks + 1
            values = {"looks": looks, "error": error}
            wait = RETRIES[min(looks, len(RETRIES)) - 1]
            values["next_look_at"] = now + timedelta(seconds=wait)
            if copy.state == "pending" and now - copy.sent_at > GIVE_UP:
                values |= {"state": "failed", "hidden_copy": False}
            elif copy.state != "pending" and now - copy.sent_at > WATCH and not error:
                values["hidden_copy"] = False
            if copy.state != "pending" and not copy.hidden_copy:
                values["raw"] = False
            copy.write(values)

    @api.autovacuum
    def _gc_done(self):
        done = self.search(
            [("state", "!=", "pending"), ("hidden_copy", "=", False), ("sent_at", "<", "-30d")], limit=5000
        )
        done.unlink()
        return len(done), 0
