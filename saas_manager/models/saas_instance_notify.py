import logging

from odoo import models
from odoo.exceptions import UserError
from odoo.tools.mail import email_normalize_all

from ..const import MAIL_ATTEMPTS, MAIL_TEMPLATES
from ..exceptions import SaasError
from ..tools import admin_credentials
from ..tools.admin_credentials import MailCredentials

_logger = logging.getLogger(__name__)


class SaasInstance(models.Model):
    _inherit = "saas.instance"

    # === MAILS === #

    def _send_provisioning_email(self):
        """Send the address, login and password (or link) of the new instance to the client."""
        return self._send_lifecycle_email("provisioned")

    def _send_suspension_email(self):
        """Tell the client that the access is cut."""
        return self._send_lifecycle_email("suspended")

    def _send_reactivation_email(self):
        """Tell the client that the access is open again."""
        return self._send_lifecycle_email("reactivated")

    def _send_termination_email(self):
        """Confirm to the client that the database is deleted."""
        return self._send_lifecycle_email("terminated")

    def _send_lifecycle_email(self, kind):
        """Send one mail now; whatever happens is written down, nothing is raised.

        :return: whether the mail server has taken it
        """
        self.ensure_one()
        with self._own_transaction() as own:
            attempt_id = own._open_mail_attempt(kind)
        if not attempt_id:
            return False
        with self._own_transaction() as own:
            return own._try_mail(own.env["saas.instance.mail"].sudo().browse(attempt_id))

    def _open_mail_attempt(self, kind):
        """Write down that a mail is about to leave; None when it may have left already."""
        occasion = f"{kind}:{self.attempt or self.uuid}:{self._occasion_date(kind)}"
        attempts_sudo = self.env["saas.instance.mail"].sudo()
        earlier = attempts_sudo.search([("instance_id", "=", self.id), ("occasion", "=", occasion)])
        interrupted = earlier.filtered(lambda attempt: attempt.state == "sending")
        if interrupted:
            problem = self.env._("Interrupted: the mail may have been sent. Send it again if the client has none.")
            interrupted.write({"state": "unknown", "reason": problem})
            self._log_mail(interrupted[:1])
            return None
        if earlier.filtered(lambda attempt: attempt.state in {"sent", "unknown"}):
            return None
        template = self.env.ref(MAIL_TEMPLATES[kind], raise_if_not_found=False)
        return attempts_sudo.create(
            {
                "instance_id": self.id,
                "kind": kind,
                "occasion": occasion,
                "email_to": self._recipient(kind),
                "template_id": template and template.id,
            }
        ).id

    def _recipient(self, kind):
        """The client's address; one alone for credentials, also of a client who has several."""
        addresses = email_normalize_all(self.partner_id.email) if kind == "provisioned" else []
        return addresses[0] if addresses else self.partner_id.email

    def _occasion_date(self, kind):
        dates = {
            "suspended": self.suspension_date,
            "reactivated": self.reactivation_date,
            "terminated": self.termination_date,
        }
        return dates.get(kind) or ""

    def _try_mail(self, attempt):
        """Render and send; the rendered mail exists only inside this transaction."""
        if not attempt.template_id:
            attempt.write({"state": "failed", "reason": self.env._("The mail template is missing.")})
        elif not attempt.email_to:
            attempt.write({"state": "skipped", "reason": self.env._("The client has no e-mail address.")})
        else:
            self._send_attempt(attempt)
        self._log_mail(attempt)
        return attempt.state == "sent"

    def _send_attempt(self, attempt):
        try:
            template_sudo = attempt.template_id.sudo().with_context(**self._mail_context(attempt.kind))
            with self.env.cr.savepoint():  # a template that somebody broke must not undo the record of it
                mail_id = template_sudo.send_mail(
                    self.id, force_send=True, raise_exception=False, email_values=self._mail_values(attempt)
                )
        except (SaasError, UserError, ValueError) as err:
            attempt.write({"state": "failed", "reason": str(err).strip().splitlines()[0]})
            return
        mail_sudo = self.env["mail.mail"].sudo().browse(mail_id)
        sent = mail_sudo.state == "sent"
        attempt.write(
            {
                "state": "sent" if sent else "failed",
                "reason": False if sent else mail_sudo.failure_reason or mail_sudo.failure_type or mail_sudo.state,
                "message_id": mail_sudo.message_id,
            }
        )
        mail_sudo.unlink()
        if sent and attempt.kind == "provisioned":
            self.sudo()._set_guarded(pending_password=False)

    def _mail_values(self, attempt):
        """The client and nobody else, whatever recipients somebody gave the template: the mail holds credentials."""
        return {"auto_delete": False, "email_to": attempt.email_to, "email_cc": False, "recipient_ids": []}

    def _mail_context(self, kind):
        """What the template may show besides the record: credentials, in no other place than here."""
        if kind != "provisioned":
            return {}
        password = self.sudo()._reveal_secret__("pending_password")
        if not password:
            raise SaasError(self.env._("The password is no longer known: send new credentials."))
        if self.credential_mode == "password":
            return {"saas_credentials": MailCredentials(password=password)}
        with self._database_session() as connection:
            token = admin_credentials.reset_token(connection, self.plan_id.link_validity)
        return {"saas_credentials": MailCredentials(url=f"{self.url}/web/reset_password?token={token}")}

    def _log_mail(self, attempt):
        """Say in the log and in the chatter what became of a mail."""
        outcome = dict(attempt._fields["state"]._description_selection(self.env))[attempt.state]
        reason = f" ({attempt.reason})" if attempt.reason else ""
        _logger.info(
            "instance %s: mail %s (template %s, %s) to partner %s: %s%s",
            *(self.id, attempt.kind, attempt.template_id.id, attempt.message_id or "no Message-ID"),
            *(self.partner_id.id, attempt.state, reason),
        )
        self.message_post(
            body=self.env._(
                "Mail “%(mail)s” to %(to)s: %(outcome)s%(reason)s",
                mail=attempt.template_id.name or attempt.kind,
                to=attempt.email_to or "?",
                outcome=outcome,
                reason=reason,
            )
        )

    def action_retry_mail(self):
        """Send the last mail again, if it has failed or if nobody knows whether it has left."""
        self.check_access("write")
        for instance in self:
            last = instance.mail_ids.sorted("id")[-1:]
            if last.kind == "provisioned":
                instance._check_credentials_recipient()
            if last.state not in {"failed", "skipped", "unknown"}:
                raise UserError(self.env._("The last mail has not failed."))
            if last.state == "unknown":
                last.sudo().write({"state": "failed", "reason": self.env._("Unknown; sent again by hand.")})
            instance._send_lifecycle_email(last.kind)
        return self._outcome_notification(self.env._("The mail was sent again"))

    def _cron_retry_mails(self):
        """Try failed mails again, a few times."""
        failed = self.search([("mail_state", "=", "failed"), ("state", "!=", "error")])
        due = failed.filtered(lambda instance: len(instance._last_mail_tries()) < MAIL_ATTEMPTS)
        self.env["ir.cron"]._commit_progress(remaining=len(due))
        for instance in due:
            instance._send_lifecycle_email(instance._last_mail_tries()[-1:].kind)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    def _last_mail_tries(self):
        """The attempts at the newest mail, oldest first."""
        mails = self.mail_ids.sorted("id")
        return mails.filtered(lambda mail: mail.occasion == mails[-1:].occasion)

    # === NOTIFICATIONS === #

    def _notification(self, title, message, kind):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": title,
                "message": message,
                "type": kind,
                "sticky": kind == "danger",
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _outcome_notification(self, title):
        """What was done, and what became of the mail."""
        with self._own_transaction() as own:
            lines = [f"{instance.name}: {instance._mail_sentence()}" for instance in own]
            all_sent = set(own.filtered("activation_date").mapped("mail_state")) <= {"sent"}
        return self._notification(title, "\n".join(lines), "success" if all_sent else "warning")

    def _mail_sentence(self):
        if not self.activation_date:
            return self.env._("The client has never been told of it, and is not now.")
        if self.mail_state == "sent":
            return self.env._("The e-mail to %s has been sent.", self.partner_id.email)
        return self.env._("No e-mail could be sent (%s).", self.mail_problem or self.env._("unknown reason"))

    def _tell_outcome(self):
        """Pop up the end of a provisioning for whoever started it."""
        with self._own_transaction() as own:
            if own.state == "active":
                title = own.env._("%(name)s is now active at %(url)s", name=own.name, url=own.url)
                message = own._mail_sentence()
                kind = "success" if own.mail_state == "sent" else "warning"
            else:
                title, message, kind = own.env._("%s could not be provisioned", own.name), own.error_message, "danger"
            own.env.user._bus_send(
                "simple_notification",
                {"title": title, "message": message, "type": kind, "sticky": kind == "danger"},
            )
            own._tell_progress()
