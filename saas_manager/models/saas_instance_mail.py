import logging
from datetime import timedelta
from functools import cache
from smtplib import SMTPServerDisconnected

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.mail import email_normalize_all

from odoo.addons.lokario_base.tools.transaction import own_transaction, session_lock

from ..const import MAIL_ATTEMPTS, MAIL_KINDS, MAIL_STATES, MAIL_TEMPLATES
from ..exceptions import SaasError
from ..tools import admin_credentials
from ..tools.admin_credentials import MailCredentials

_logger = logging.getLogger(__name__)

LEFT = ("sending", "sent", "unknown", "refused")  # states of a mail that is not sent again for the same occasion
RETRIABLE = {"failed", "skipped", "unknown"}
GC_LIMIT = 10_000
INTERRUPTED_AFTER = timedelta(hours=1)  # far longer than a worker lives that sends one mail


class SaasInstanceMail(models.Model):
    """One attempt to send a message to a client: the text as sent, to whom, when, with which outcome.

    Passwords and one-time links are blanked in the text, see `MailCredentials`.
    """

    _name = "saas.instance.mail"
    _inherit = ["lokario.choice.name.mixin", "lokario.access.mixin"]
    _description = "Message about a SaaS Instance"
    _order = "id desc"
    _rec_name = "kind"

    instance_id = fields.Many2one("saas.instance", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="instance_id.company_id", store=True)
    partner_id = fields.Many2one("res.partner", "Client", index=True, ondelete="set null")
    contact_id = fields.Many2one("res.partner", ondelete="set null", help="Empty: the client.")
    channel = fields.Selection([("email", "E-mail")], required=True, default="email")
    kind = fields.Selection(MAIL_KINDS, "Message", required=True)
    template_id = fields.Many2one("mail.template", ondelete="set null")
    email_to = fields.Char("To")
    occasion = fields.Char(required=True, help="Attempts for the same event share it.")
    detail = fields.Char(help="Distinguishes two events of a kind.")
    state = fields.Selection(
        MAIL_STATES,
        required=True,
        default="queued",
        help="Unknown: the server was stopped between sending and writing down the outcome.",
    )
    reason = fields.Char()
    message_id = fields.Char("Message-ID")
    sent_at = fields.Datetime()
    subject = fields.Char()
    body = fields.Html("Text as Sent", help="Without passwords and one-time links.")

    _occasion_uniq = models.UniqueIndex(
        "(instance_id, occasion, channel, coalesce(contact_id, 0))"
        " WHERE state IN ('queued', 'sending', 'sent', 'unknown')",
        "This mail has left already.",
    )

    @api.depends("subject", "kind")
    @api.depends_context("lang")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for mail in self:
            mail.display_name = mail.subject or labels.get(mail.kind)

    # === QUEUE === #

    def _queue(self, instance, kind, detail=""):
        """Write messages about ``instance`` down together with the jobs that send them, in the caller's transaction."""
        for mail_sudo in self._open(instance, kind, detail):
            if mail_sudo._is_sendable():
                mail_sudo._queue_sending()

    def _queue_sending(self):
        self.with_delay(
            channel="root.mail",
            eta=self._not_before(),
            identity_key=f"saas.instance.mail:{self.id}",
            description=f"Mail {self.kind} of {self.instance_id.database_name}",
        )._job_send()

    def _job_send(self):
        """Send what waits for the client of this mail's instance, the oldest first.

        A run that finds this mail half-way is that of a killed one, which may have sent it.
        """
        if not self.exists():
            return
        instance = self.instance_id
        waiting = [("instance_id", "=", instance.id), ("id", "<=", self.id), ("state", "=", "queued")]
        for mail in self.search(waiting, order="id"):
            mail._send_now()
        with instance._own_transaction() as own:
            self.with_env(own.env)._interrupted()
            own._notify_mail_outcome()

    def _send(self, instance, kind, detail=""):
        """Send the messages about ``instance`` now; whatever happens is written down, nothing is raised.

        :return: whether the mail server has taken them
        """
        with instance._own_transaction() as own:
            mails_sudo = own.env["saas.instance.mail"].sudo()
            mails_sudo._earlier(own, kind, detail)._interrupted()
            opened_sudo = mails_sudo._open(own, kind, detail)
        outcomes = [mail_sudo._send_now() for mail_sudo in opened_sudo.with_env(self.sudo().env)]
        return bool(outcomes) and all(outcomes)

    def _send_now(self):
        """Send it, unless another worker is at it: each recipient's job looks after the elder mails of its instance."""
        with session_lock(self.env, self._lock_name()) as is_mine:
            if not is_mine:
                return False
            with own_transaction(self) as own:
                return own._try()

    def _lock_name(self):
        self.ensure_one()
        return f"{self._name} {self.id}"

    def _open(self, instance, kind, detail=""):
        """Write down what is to be sent; without what may have left already."""
        earlier, opened_sudo = self._earlier(instance, kind, detail), self.sudo().browse()
        for contact, channel in self._recipients(instance, kind):
            of_recipient = earlier.filtered(lambda mail, to=(contact, channel): (mail.contact_id, mail.channel) == to)
            if not of_recipient.filtered(lambda mail: mail.state in LEFT):
                queued = of_recipient.filtered(lambda mail: mail.state == "queued")
                values = self._values_of(instance, kind, detail, contact, channel)
                opened_sudo |= queued or self.sudo().create(values)
        return opened_sudo

    @api.model
    def _recipients(self, instance, kind):
        """Hook: return (contact, channel) of each message about an event, the client's last; no contact: the client."""
        return [(self.env["res.partner"], "email")]

    @api.model
    def _template_of(self, kind):
        """Hook: return the external identifier of the template of such messages."""
        return MAIL_TEMPLATES[kind]

    def _values_of(self, instance, kind, detail, contact, channel):
        template = self.env.ref(self._template_of(kind), raise_if_not_found=False)
        return {
            "instance_id": instance.id,
            "partner_id": instance.partner_id.id,
            "contact_id": contact.id,
            "channel": channel,
            "kind": kind,
            "occasion": self._occasion(instance, kind, detail),
            "detail": detail,
            "email_to": contact.email if contact else self._recipient(instance, kind),
            "template_id": template and template.id,
        }

    def _earlier(self, instance, kind, detail=""):
        """The attempts for the same event."""
        occasion = self._occasion(instance, kind, detail)
        return self.sudo().search([("instance_id", "=", instance.id), ("occasion", "=", occasion)])

    def _interrupted(self):
        """Those whose worker was killed while it sent them: they may have left, and are not repeated."""
        interrupted = self.filtered(lambda mail: mail.state == "sending" and mail._is_abandoned())
        if interrupted:
            problem = self.env._("Interrupted: the mail may have been sent. Send it again if the client has none.")
            interrupted._set_unknown(problem)
            interrupted[:1]._log()
        return interrupted

    def _is_abandoned(self):
        """Whether its worker is dead: who sends a mail holds its lock until the outcome is written down."""
        with session_lock(self.env, self._lock_name()) as is_free:
            self.invalidate_recordset(["state"])
            return bool(is_free) and self.state == "sending"

    # === SEND === #

    def _sentence(self, instance):
        """What became of the last mail about ``instance``, for the person who caused it."""
        if not instance.activation_date:
            return self.env._("The client was never notified of it, and is not now.")
        if instance.mail_state in {"queued", "sending"}:
            last = instance.mail_ids._last_attempts(instance)
            waiting = last.filtered(lambda mail: mail.state in {"queued", "sending"})
            if len(waiting) > 1:
                return self.env._("%s messages are queued; their outcome appears here.", len(waiting))
            return self.env._(
                "The e-mail to %s is queued; its outcome appears here.", waiting.email_to or instance.partner_id.email
            )
        if instance.mail_state == "refused":
            return self.env._("No e-mail: %s", instance.mail_ids[:1].reason)
        if instance.mail_state == "sent":
            return self.env._("The e-mail to %s has been sent.", instance.partner_id.email)
        if instance.mail_state == "unknown":
            return self.env._("An e-mail may have been sent: %s", instance.mail_problem)
        return self.env._("No e-mail could be sent (%s).", instance.mail_problem or self.env._("unknown reason"))

    def _recipient(self, instance, kind):
        """The client's address; one alone for credentials, also of a client who has several."""
        addresses = email_normalize_all(instance.partner_id.email) if kind == "provisioned" else []
        return addresses[0] if addresses else instance.partner_id.email

    def _occasion(self, instance, kind, detail):
        dates = {
            "suspended": instance.suspension_date,
            "reactivated": instance.reactivation_date,
            "terminated": instance.termination_date,
            "expiring": instance.expiration_date,
            "converted": instance.conversion_date,
        }
        return f"{kind}:{instance.attempt or instance.uuid}:{detail or dates.get(kind) or ''}"

    def _try(self):
        """Render and send, if nobody else has; the rendered mail exists only inside this transaction."""
        waits = self.state != "queued" or self._not_before()
        if not waits and self._is_sendable() and getattr(self, f"_send_by_{self.channel}")():
            self._log()
        return self.state == "sent"

    def _not_before(self):
        """Hook: return when it may leave, None for now."""
        return

    def _is_sendable(self):
        """Whether there are a template and an address, and it is wanted; what is missing is written down."""
        if refusal := self._refusal():
            self._set_refused(refusal)
        elif not self._template():
            self._set_failed(self.env._("The template is missing."))
        elif not self.email_to:
            self._set_skipped(self._no_address())
        else:
            return True
        self._log()
        return False

    def _template(self):
        """Hook: return the template of a message of this channel."""
        return self.template_id

    def _no_address(self):
        """Hook: say that the recipient cannot be reached by this channel."""
        return self.env._("The client has no e-mail address.")

    def _refusal(self):
        """Hook: return why the recipient gets no such message, None when he does."""
        return

    def _send_by_email(self):
        """Return whether it was this worker that tried.

        It is claimed when the mail server is there, see `mail.mail._send`: a worker that dies before leaves it queued.
        """
        claim = cache(self._claim)  # asked for once
        try:
            with self.env.cr.savepoint():  # a template that somebody broke must not undo the record of it
                mail_sudo = self._render()
            mail_sudo.with_context(saas_claim=claim).send(raise_exception=False)
        except SMTPServerDisconnected:
            self._keep_text(mail_sudo)
            self._set_unknown(self.env._("The mail server ended the connection without an answer."))
            return True
        except (SaasError, UserError, ValueError) as err:
            self._set_failed(str(err).strip().splitlines()[0])
            return True
        if is_mine := claim():
            self._record(mail_sudo)
        mail_sudo.unlink()
        return is_mine

    def _record(self, mail_sudo):
        """Write down what the mail server said."""
        self._keep_text(mail_sudo)
        if mail_sudo.state == "sent":
            self._set_sent()
        else:
            self._set_failed(mail_sudo.failure_reason or mail_sudo.failure_type or mail_sudo.state)

    def _render(self):
        """The mail as it leaves, with stand-ins for credentials; see `mail.mail._prepare_outgoing_body`."""
        lang = self._language()
        context = {"template_preview_lang": lang, "saas_reader": (lang, self._timezone(), self._reader().name)}
        context |= self._context_of_template()
        template_sudo = self.template_id.sudo().with_context(**context)
        mail_id = template_sudo.send_mail(self.instance_id.id, email_values=self._values())
        return template_sudo.env["mail.mail"].browse(mail_id)

    def _reader(self):
        return self.contact_id or self.instance_id.partner_id

    def _language(self):
        """The reader's, else the client's, else the company's."""
        client, company = self.instance_id.partner_id, self.instance_id.company_id
        return self.contact_id.lang or client.lang or company.partner_id.lang or self.env.lang

    def _timezone(self):
        """The reader's, else the client's, else the company's."""
        client, company = self.instance_id.partner_id, self.instance_id.company_id
        return self.contact_id.tz or client.tz or company.partner_id.tz or "UTC"

    def _keep_text(self, mail_sudo):
        """Write down what was said, without what only its reader may know."""
        credentials = mail_sudo.env.context.get("saas_credentials")
        subject, body = mail_sudo.subject or "", str(mail_sudo.body_html or "")
        if credentials:
            subject, body = credentials.blank(subject), credentials.blank(body)
        self.write({"message_id": mail_sudo.message_id, "subject": subject, "body": body})

    def _claim(self):
        """Write down that it is about to leave; False when another worker sends it."""
        with own_transaction(self) as own:
            mine = own.try_lock_for_update().filtered(lambda mail: mail.state == "queued")
            mine._set_sending()
        return bool(mine)

    def _set_sending(self):
        self.write({"state": "sending"})

    def _set_sent(self):
        self.write({"state": "sent", "reason": False, "sent_at": fields.Datetime.now()})
        if self.kind == "provisioned":
            self.instance_id.sudo()._set_guarded(pending_password=False)

    def _set_unknown(self, reason):
        self.write({"state": "unknown", "reason": reason})

    def _set_skipped(self, reason):
        self.write({"state": "skipped", "reason": reason})

    def _set_refused(self, reason):
        self.write({"state": "refused", "reason": reason})

    def _set_failed(self, reason):
        self.write({"state": "failed", "reason": reason})

    def _values(self):
        """The client and nobody else, whatever recipients somebody gave the template: the mail holds credentials."""
        return {"auto_delete": False, "email_to": self.email_to, "email_cc": False, "recipient_ids": []}

    def _context_of_template(self):
        """What the template may show besides the record: credentials, in no other place than here."""
        if self.kind != "provisioned":
            return {}
        instance = self.instance_id
        password = instance.sudo()._reveal_secret__("pending_password")
        if not password:
            raise SaasError(self.env._("The password is no longer known: send new credentials."))
        if instance.credential_mode == "password":
            return {"saas_credentials": MailCredentials(password=password)}
        with instance._database().session() as connection:
            token = admin_credentials.reset_token(connection, instance.plan_id.link_validity)
        return {"saas_credentials": MailCredentials(url=f"{instance.url}/web/reset_password?token={token}")}

    def _log(self):
        """Say in the log and in the chatter what became of the mail."""
        instance = self.instance_id
        outcome = dict(self._fields["state"]._description_selection(self.env))[self.state]
        reason = f" ({self.reason})" if self.reason else ""
        _logger.info(
            "instance %s: mail %s (template %s, %s) to partner %s: %s%s",
            *(instance.id, self.kind, self.template_id.id, self.message_id or "no Message-ID"),
            *(instance.partner_id.id, self.state, reason),
        )
        instance.message_post(
            body=self.env._(
                "Mail “%(mail)s” to %(to)s: %(outcome)s%(reason)s",
                mail=self._template().name or self.kind,
                to=self.email_to or "?",
                outcome=outcome,
                reason=reason,
            )
        )

    def _send_again(self, instance):
        """Send again what has not reached its recipient the last time, because a person says so."""
        last = self._last_attempts(instance)
        if "provisioned" in last.mapped("kind"):
            self.env["saas.credentials"]._check_recipient(instance)
        missed = last.filtered(lambda mail: mail.state in RETRIABLE)
        if not missed:
            raise UserError(self.env._("The last mail has not failed."))
        missed.filtered(lambda mail: mail.state == "unknown").sudo()._set_failed(
            self.env._("Unknown; sent again by hand.")
        )
        missed.flush_recordset()  # its place among what may have left is free for the next attempt
        self._queue(instance, missed[:1].kind, missed[:1].detail)

    def action_send_again(self):
        """Send these messages again, whatever became of them, because a person says so; the others stay."""
        self.instance_id.check_access("write")
        if self.filtered(lambda mail: mail.state not in RETRIABLE):
            raise UserError(
                self.env._("Only what has failed, or of which it is unknown whether it left, is sent again.")
            )
        for mail in self:
            if mail.kind == "provisioned":
                self.env["saas.credentials"]._check_recipient(mail.instance_id)
            mail.sudo()._set_failed(self.env._("Sent again by hand."))
            mail.flush_recordset()  # its place among what may have left is free for the next attempt
            self._queue(mail.instance_id, mail.kind, mail.detail)

    def action_mark_sent(self):
        """The recipient has it, or the server's log says so: a person knows what was unknown."""
        self.instance_id.check_access("write")
        for mail in self.filtered(lambda mail: mail.state == "unknown"):
            mail.sudo()._set_sent()

    def _retry_failed(self):
        """Try failed mails again, a few times; queue again what has lost its job."""
        self._recover()
        failed = self.search([("state", "=", "failed"), ("instance_id.state", "!=", "error")]).instance_id
        due = [(instance, mail) for instance in failed for mail in self._to_try_again(instance)]
        self.env["ir.cron"]._commit_progress(remaining=len(due))
        for instance, mail in due:
            self._send(instance, mail.kind, mail.detail)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    def _to_try_again(self, instance):
        """Yield a message of the newest event, and of the credentials: of these no later event makes another one."""
        last, credentials = self._last_attempts(instance), self._earlier(instance, "provisioned").sorted("id")[-1:]
        if any(map(self._is_tried_again, last)):
            yield last[:1]
        if instance.state == "active" and credentials not in last and self._is_tried_again(credentials):
            yield credentials

    def _recover(self):
        """Nobody works any more on what was begun an hour ago; a job that is still there is not doubled."""
        mails_sudo = self.sudo()
        long_ago = fields.Datetime.now() - INTERRUPTED_AFTER
        for mail in mails_sudo.search([("state", "=", "sending"), ("write_date", "<", long_ago)]):
            mail._interrupted()
        for mail in mails_sudo.search([("state", "=", "queued")]):
            mail._queue_sending()

    def _last_attempts(self, instance):
        """The last attempt for each recipient of the newest event, the client's first."""
        mails = instance.mail_ids.sorted("id")
        of_event = mails.filtered(lambda mail: mail.occasion == mails[-1:].occasion)
        last = {(mail.contact_id, mail.channel): mail.id for mail in of_event}
        return mails.browse(last.values()).sorted(lambda mail: (mail.contact_id.id, mail.channel, mail.id))

    def _is_tried_again(self, mail):
        if mail.state != "failed":
            return False
        same = [(name, "=", mail[name].id) for name in ("instance_id", "contact_id")]
        tries = self.search_count([*same, ("occasion", "=", mail.occasion), ("channel", "=", mail.channel)])
        return tries < MAIL_ATTEMPTS

    # === RETENTION === #

    @api.autovacuum
    def _gc_messages(self):
        """Delete what is older than the policy says (Settings → Lokario → Clients' Instances); 0 keeps everything."""
        days = int(self.env["ir.config_parameter"].sudo().get_param("saas.message_days") or 0)
        if not days:
            return 0, False
        ended = [("state", "not in", ("queued", "sending")), ("create_date", "<", f"-{days}d")]
        old = self.sudo().search(ended, limit=GC_LIMIT)
        count = len(old)
        old.unlink()
        return count, count == GC_LIMIT
