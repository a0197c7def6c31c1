from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.fields import Domain

from ..tools.mailbox_run import MailboxRun
from ..tools.sent_filing import SentCopy, check_copy
from ..tools.steps import run_step

WAIT_FOR_PROVIDER = 60  # seconds
GIVE_UP = timedelta(days=3)
WATCH = timedelta(minutes=10)  # the Bcc self-copy, or a late copy of the provider, is looked for this long
GC_LIMIT = 5000  # rows erased in one go of the nightly cleaning
RETRIES = (5, 20, 60, 120, 300, 900)  # seconds between two checks


class InboxSentCopy(models.Model):
    """The copy of one sent mail in the Sent folder: filed once; a Bcc self-copy is removed."""

    _name = "inbox.sent.copy"
    _inherit = ["lokario.access.mixin"]
    _description = "Copy of a Sent E-mail"
    _order = "id"
    _rec_name = "message_id_header"

    integration_id = fields.Many2one("inbox.integration", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="integration_id.company_id", store=True, index=True)
    message_id_header = fields.Char("Message-ID", required=True)
    outgoing_id = fields.Many2one("mailbox.outgoing", "Mail", index="btree_not_null", ondelete="cascade")
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
    has_self_copy = fields.Boolean(help="A Bcc to the mailbox itself is on its way and is to be removed.")
    sent_at = fields.Datetime(required=True, default=fields.Datetime.now)
    checks = fields.Integer()
    next_check_at = fields.Datetime(required=True, default=fields.Datetime.now, index=True)
    error = fields.Char()

    _message_uniq = models.Constraint(
        "UNIQUE(integration_id, message_id_header)", "The copy of this mail is already taken care of."
    )

    @api.model
    def _due_domain(self):
        return (Domain("state", "=", "pending") | Domain("has_self_copy", "=", True)) & Domain(
            "next_check_at", "<=", "now"
        )

    @api.model
    def _cron_file(self):
        """File the copies that are due, all mailboxes at the same time."""
        MailboxRun(self, self._due_domain(), order="next_check_at, id").serve()

    @api.model
    def _queue(self, mails):
        """See to it that sent mails (mailbox.outgoing) are once in the Sent folder of their mailbox.

        Called in the transaction that records their acceptance; one copy for all who got the same mail.
        """
        firsts = {mail.message_id_header: mail for mail in mails.sorted("id", reverse=True)}
        with_self_copy = set(mails.filtered("has_self_copy").mapped("message_id_header"))
        mailbox = [("integration_id", "=", mails.integration_id.id), ("message_id_header", "in", list(firsts))]
        known = self.sudo().search(mailbox)
        later = known.filtered(lambda copy: copy.message_id_header in with_self_copy)
        later.write({"has_self_copy": True, "next_check_at": fields.Datetime.now()})
        taken = set(known.mapped("message_id_header"))
        self.sudo().create(
            [
                {
                    "integration_id": mail.integration_id.id,
                    "message_id_header": name,
                    "outgoing_id": mail.id,
                    "has_self_copy": name in with_self_copy,
                }
                for name, mail in firsts.items()
                if name not in taken
            ]
        )
        self.env.ref("lokario_mailbox.ir_cron_file_sent_copies").sudo()._trigger()

    @api.model
    def _self_copies(self, integration, message_ids):
        """Return those of the Message-IDs whose Bcc self-copy may lie in the inbox of the mailbox."""
        if not message_ids:
            return frozenset()
        self.env.cr.execute(
            """SELECT message_id_header FROM inbox_sent_copy
                WHERE has_self_copy AND integration_id = %(integration)s AND message_id_header = ANY(%(ids)s)
                UNION
               SELECT message_id_header FROM mailbox_outgoing
                WHERE state IN ('sending', 'verifying') AND integration_id = %(integration)s
                  AND message_id_header = ANY(%(ids)s)""",
            {"integration": integration.id, "ids": message_ids},
        )
        return frozenset(row[0] for row in self.env.cr.fetchall())

    # === A VISIT === #

    def _visit(self, in_time):
        """Return what a thread does for these copies of one mailbox, over one connection."""
        copies = [copy._as_known() for copy in self]

        def act(box, ask):
            for copy in copies:
                finding = check_copy(box, copy, partial(ask, self._begin_append, copy.key))
                ask(self._take_finding, copy.key, finding)
                if not in_time():
                    return

        return act

    def _as_known(self):
        return SentCopy(
            self.id,
            self.message_id_header,
            is_filed=self.state != "pending",
            may_append=bool(self.outgoing_id) and self._provider_had_its_time(),
            has_self_copy=self.has_self_copy,
        )

    @api.model
    def _begin_append(self, copy_id):
        """The intent, before the act; returns the bytes to file."""
        copy = self.browse(copy_id)
        run_step(self.env, lambda: copy.write({"is_appending": True}))
        return copy.outgoing_id.sudo()._raw_bytes()

    @api.model
    def _take_finding(self, copy_id, finding):
        run_step(self.env, lambda: self.browse(copy_id)._take(finding))

    def _take(self, finding):
        if self.state == "pending":
            self._decide(finding)
        elif finding.seen > 1:
            self._learn("provider")
        if finding.is_self_copy_removed:
            self.has_self_copy = False
            self.integration_id.sent_mail_seen_at = fields.Datetime.now()
        self._postpone()

    def _set_filed(self):
        self.state = "filed"

    def _set_provider(self):
        self.state = "provider"

    def _decide(self, finding):
        if finding.is_appended:
            self._set_filed()
            self._learn("append")
        elif finding.seen and self.is_appending:  # ours, by a worker that died before it could say so
            self._set_filed()
        elif finding.seen:
            self._set_provider()
            self._learn("provider")
            self.integration_id.sent_mail_seen_at = fields.Datetime.now()

    def _visit_failed(self, error):
        """What was not checked is tried again later."""
        run_step(self.env, lambda: self.filtered_domain(self._due_domain())._postpone(error))

    def _provider_had_its_time(self):
        if self.integration_id.sent_filing == "append":
            return True
        wait = WATCH if self.integration_id._files_sent_itself() else self._wait_for_provider()
        return fields.Datetime.now() - self.sent_at >= wait

    @api.model
    def _wait_for_provider(self):
        """How long an unknown provider may take to file its own copy before we file ours."""
        seconds = self.env["ir.config_parameter"].sudo().get_param("lokario_mailbox.sent_copy_wait", WAIT_FOR_PROVIDER)
        return timedelta(seconds=int(seconds))

    def _learn(self, filing):
        """Remember who files for this mailbox, unless a person chose it."""
        if self.integration_id.sent_filing == "auto":
            self.integration_id.sent_filing = filing

    def _postpone(self, error=""):
        """Plan the next check, or end them."""
        now = fields.Datetime.now()
        for copy in self:
            checks = copy.checks + 1
            values = {"checks": checks, "error": error}
            wait = RETRIES[min(checks, len(RETRIES)) - 1]
            values["next_check_at"] = now + timedelta(seconds=wait)
            if copy.state == "pending" and now - copy.sent_at > GIVE_UP:
                values |= {"state": "failed", "has_self_copy": False}
            elif copy.state != "pending" and now - copy.sent_at > WATCH and not error:
                values["has_self_copy"] = False
            copy.write(values)
        self.filtered(lambda copy: copy.state == "failed")._notify_owner()

    def _notify_owner(self):
        """The mail itself left; its copy is missing in Sent, and only a person can mend that."""
        for integration, copies in self.grouped("integration_id").items():
            integration.message_notify(
                partner_ids=integration.user_id.partner_id.ids,
                subject=self.env._(
                    "Sent mails of %(address)s are not in its Sent folder", address=integration.email_address
                ),
                body=self.env._(
                    "%(number)s mails left, but for three days the mailbox did not take their copies: %(error)s",
                    number=len(copies),
                    error=copies[-1:].error or "",
                ),
            )

    @api.autovacuum
    def _gc_done(self):
        done = self.search(
            [("state", "!=", "pending"), ("has_self_copy", "=", False), ("sent_at", "<", "-30d")], limit=GC_LIMIT
        )
        done.unlink()
        return len(done), len(done) == GC_LIMIT
