from datetime import timedelta

from markupsafe import Markup
from odoo import fields, models

from ..tools import smtp_retry

WARNING = "mail.mail_activity_data_warning"
DAY = timedelta(days=1)
TRUST = timedelta(days=7)  # after this a learned limit of a provider is tried again


class MailboxHealth(models.AbstractModel):
    """What is wrong with a mailbox (inbox.integration): in whose words, who is asked, how long its sending is held."""

    _name = "mailbox.health"
    _description = "Health of Mailboxes"

    # === WHAT PEOPLE READ === #

    def _remedy(self, error_class):
        """What a person does about a failure, in plain words."""
        remedies = {
            "login": self.env._(
                "The server refuses login or password. Enter the password again; "
                "with two-step verification, create an application password."
            ),
            "network": self.env._(
                "The server cannot be reached. Check its name and port; "
                "if they are right, the provider may be down: it is tried again automatically."
            ),
            "tls": self.env._(
                "The server's certificate is not valid for its name. Check the server's name, "
                "or ask its administrator to renew the certificate."
            ),
            "quota": self.env._(
                "The provider limits the connections or the mailbox is full. It is retried more slowly."
            ),
            "server": self.env._(
                "The server answers wrongly. It is tried again automatically; if it lasts, ask the provider."
            ),
            "policy": self.env._(
                "This server address is not allowed here. "
                "An administrator can add it to the allowed mail servers in the settings."
            ),
            "configuration": self.env._(
                "Something is missing: enter the server and the password, or connect the account with its provider."
            ),
        }
        return remedies.get(error_class, "")

    def _reading_problem(self, mailbox):
        """Return why new mail is missing, in the words of who works with the mailbox; "" when all is well."""
        if mailbox.state == "draft" and mailbox._is_unconnected():
            return self.env._(
                "Not connected yet: its owner, %s, opens it and connects it.", mailbox.user_id.sudo().name
            )
        if mailbox.state != "error":
            return ""
        if mailbox.last_error_class == "login":
            return self.env._(
                "The server refuses the password. Its owner, %s, is asked to enter it again.",
                mailbox.user_id.sudo().name,
            )
        return self._remedy(mailbox.last_error_class)

    def _sending_problem(self, mailbox):
        """Return why mails wait in the mailbox, in the words of who works with it; "" when they leave."""
        if not mailbox.sending_hold_until or mailbox.sending_hold_until <= fields.Datetime.now():
            return ""
        reasons = {
            "login": self.env._(
                "Sending waits: the server refuses the password. The owner, %s, is asked to enter it again.",
                mailbox.user_id.sudo().name,
            ),
            "tls": self.env._("Sending waits: the certificate of the outgoing server is not valid."),
            "limit": self.env._("Sending waits: the provider's limit is reached; the mails leave automatically later."),
            "network": self.env._(
                "Sending waits: the outgoing server cannot be reached; the mails leave automatically later."
            ),
        }
        return reasons[mailbox.sending_hold_cause]

    # === THE OWNER IS ASKED === #

    def _warn_owner(self, mailbox, error_class):
        """Schedule an activity for the owner, in his language, unless he has one for this already."""
        translated = self.with_context(lang=mailbox.user_id.lang)
        if error_class == "login":
            summary = translated.env._("Enter the password of %s again", mailbox.email_address)
        else:
            summary = translated.env._("The mailbox %s does not work", mailbox.email_address)
        if summary not in mailbox.activity_ids.mapped("summary"):
            mailbox.with_context(mail_activity_quick_update=True).activity_schedule(
                WARNING, summary=summary, note=translated._remedy(error_class), user_id=mailbox.user_id.id
            )

    def _withdraw_warnings(self, mailboxes):
        """The mailbox works again: nothing is to be done, unless its sending is still held."""
        mailboxes.filtered(lambda mailbox: not mailbox.sending_hold_until).activity_unlink([WARNING])

    # === THE PROVIDER'S LIMIT === #

    def _accepted_last_day(self, mailbox):
        """Return the instants of the mails that the provider accepted within 24 hours, oldest first."""
        domain = [("integration_id", "=", mailbox.id), ("sent_at", ">", fields.Datetime.now() - DAY)]
        return sorted(self.env["mailbox.outgoing"].sudo().search(domain).mapped("sent_at"))

    def _learn_quota(self, mailbox):
        """The provider said "too many": what it took within the last day is its limit."""
        if count := len(self._accepted_last_day(mailbox)):
            mailbox.sudo().write({"daily_quota": count, "daily_quota_learned_at": fields.Datetime.now()})

    def _allowance(self, mailbox):
        """Return (how many mails may leave now, when the next one may); None as the number = no known limit."""
        learned_at = mailbox.daily_quota_learned_at
        if not mailbox.daily_quota or learned_at < fields.Datetime.now() - TRUST:
            return None, None
        accepted = self._accepted_last_day(mailbox)
        free = mailbox.daily_quota - len(accepted)
        return (free, None) if free > 0 else (0, accepted[-mailbox.daily_quota] + DAY)

    # === HOLDS === #

    def _hold(self, mailbox, verdict, text):
        """Stop sending from this mailbox for a while and notify its owner once."""
        until = fields.Datetime.add(fields.Datetime.now(), seconds=smtp_retry.with_jitter(verdict.wait))
        cause = verdict.cause if verdict.cause in ("login", "tls", "limit") else "network"
        is_known = mailbox.sending_hold_cause == cause
        mailbox.write({"sending_hold_until": until, "sending_hold_cause": cause, "sending_hold_text": text})
        if is_known:
            return
        if cause in ("login", "tls"):
            self._warn_owner(mailbox, cause)
        self.with_context(lang=mailbox.user_id.lang)._notify_hold(mailbox, text)

    def _notify_hold(self, mailbox, text):
        """Notify the owner of the mailbox that its mails wait."""
        mailbox.with_context(lang=self.env.lang).message_notify(
            partner_ids=mailbox.user_id.partner_id.ids,
            subject=self.env._("Sending from %(address)s is held", address=mailbox.email_address),
            body=Markup("<p>%s</p><details><summary>%s</summary>%s</details>")
            % (self._sending_problem(mailbox), self.env._("Technical details"), text),
        )

    def _release_hold(self, mailboxes):
        """Let the waiting mails leave again."""
        held = mailboxes.filtered("sending_hold_until")
        held.write({"sending_hold_until": False, "sending_hold_cause": False, "sending_hold_text": False})
        self._withdraw_warnings(held.filtered(lambda mailbox: mailbox.state != "error"))
        if held:
            self.env.ref("lokario_mailbox.ir_cron_send_outgoing").sudo()._trigger()

    def _release_mended_hold(self, mailboxes):
        """Password, connection or server changed or tested: only a provider's limit still holds."""
        self._release_hold(mailboxes.filtered(lambda mailbox: mailbox.sending_hold_cause != "limit"))
