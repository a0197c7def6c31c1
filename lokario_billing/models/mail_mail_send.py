from datetime import timedelta

from odoo import api, fields, models, modules

from odoo.addons.base.models.ir_mail_server import MailDeliveryException
from odoo.addons.lokario_inbox.tools import smtp_retry
from odoo.addons.lokario_inbox.tools.smtp_client import SubmissionFailed
from odoo.addons.lokario_inbox.tools.smtp_lanes import Desk, Lane, Letter, once

from .delivery import WorkerLocks


class MailMail(models.Model):
    """Business mail leaves by its company's door: intent, act and record in separate short transactions."""

    _inherit = "mail.mail"

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        business = self.filtered(lambda mail: mail._is_business_mail())
        if self - business:
            super(MailMail, self - business).send(auto_commit, raise_exception, post_send_callback)
        if business and not self.env["ir.mail_server"]._disable_send():
            business._send_business()
            if post_send_callback:
                post_send_callback(business.ids)
            if raise_exception:
                business._raise_failure()
        return True

    def _raise_failure(self):
        failed = self.exists().filtered(lambda mail: mail.state == "exception")
        if failed:
            raise MailDeliveryException(self.env._("Unable to send the mail"), failed[0].failure_reason)

    def _send_business(self):
        """One lane per mailbox, all at the same time; the database is only touched in this thread."""
        with WorkerLocks(self.env) as locks:
            lanes = [
                lane
                for route, mails in _by_route(self.filtered(lambda mail: mail.state == "outgoing"))
                if (lane := mails._lane(route, locks))
            ]
            _commit(self.env)
            Desk(
                lambda mail_id: self.browse(mail_id)._record_handed_over(),
                lambda mail_id, outcome: self.browse(mail_id)._record_outcome(outcome, locks),
            ).serve(once(lanes))
            for lane in lanes:
                self.browse(lane.waiting)._hold_behind()

    def _lane(self, route, locks):
        """Return the Lane of these mails, or nothing while their mailbox is held or cannot be tried."""
        if route.kind == "mailbox" and route.carrier._is_sending_held():
            self._hold_behind()
            return None
        try:
            opener = route.carrier._session_opener__() if route.kind == "mailbox" else _core_opener(route)
        except SubmissionFailed as failure:
            if self[0]._open_attempt(route, locks):
                self[0]._record_outcome(failure, locks)
            self[1:]._hold_behind()
            return None
        return Lane(opener, self.ids, lambda mail_id: self.browse(mail_id)._open_attempt(route, locks))

    @api.model_create_multi
    def create(self, vals_list):
        """The delivery of a business mail exists from the start: what waits is seen, and workers never race for it."""
        mails = super().create(vals_list)
        for route, business in _by_route(mails.filtered(lambda mail: mail._is_business_mail())):
            business._prepare_delivery(route)
        return mails

    def _delivery(self):
        self.ensure_one()
        return self.env["lokario.delivery"].sudo().search([("mail_id", "=", self.id)])

    def _prepare_delivery(self, route):
        values = {
            "company_id": route.company.id,
            "integration_id": route.carrier.id if route.kind == "mailbox" else False,
            "route": route.kind,
            "sender": route.address,
        }
        return (
            self.env["lokario.delivery"]
            .sudo()
            .create(
                [
                    values
                    | {
                        "mail_id": mail.id,
                        "res_model": mail.model,
                        "res_id": mail.res_id,
                        "subject": mail.subject,
                        "message_id": mail.message_id,
                    }
                    for mail in self
                ]
            )
        )

    def _open_attempt(self, route, locks):
        """Last look, under lock, in a transaction of its own: return the Letter, or None when it must not leave."""
        _commit(self.env)
        letter = self._letter(route) if locks.take(self.id) and self._may_leave() else None
        _commit(self.env)
        if letter is None:
            locks.release(self.id)
        return letter

    def _may_leave(self):
        if not self.exists() or not self.try_lock_for_update() or self.state != "outgoing":
            return False
        delivery = self._delivery() or self._prepare_delivery(self._business_route())
        if delivery.state == "sending":  # whoever tried it is dead: we hold its lock
            delivery._recover()
            return False
        document = self.env[self.model].browse(self.res_id).sudo()
        if hasattr(document, "_is_still_due") and not document._is_still_due():
            self._cancel_business(delivery, self.env._("No longer due at the moment of sending"))
            return False
        return True

    def _letter(self, route):
        delivery = self._delivery()
        delivery._follow_route(route)
        recipients, raw = self._business_message(route)
        if not recipients:
            self._fail_business(delivery, self.env._("There is no valid recipient address."))
            return None
        hidden = route.carrier._hidden_copy_address(recipients) if route.kind == "mailbox" else ""
        delivery._set_sending(raw, ", ".join(recipients), bool(hidden))
        return Letter(self.id, route.address, recipients, raw, (hidden,) if hidden else ())

    # === OUTCOME === #

    def _record_handed_over(self):
        """From here on the mail may be delivered, whatever happens to us."""
        self._delivery().handed_over_at = fields.Datetime.now()
        _commit(self.env)

    def _record_outcome(self, outcome, locks):
        """Store what the server said: 250, or what is done about its refusal."""
        delivery = self._delivery()
        if isinstance(outcome, SubmissionFailed):
            self._record_failure(delivery, outcome)
        else:
            self._record_accepted(delivery, outcome.text, outcome.skipped)
        _commit(self.env)
        locks.release(self.id)

    def _record_accepted(self, delivery, answer, skipped=()):
        delivery._set_sent(answer)
        if delivery.route == "mailbox":
            delivery._queue_sent_copy(skipped)
        self.write({"state": "sent", "failure_type": False, "failure_reason": False, "scheduled_date": False})
        self._postprocess_sent_message(success_pids=self.recipient_ids, success_emails=[self.email_to or ""])

    def _record_failure(self, delivery, failure):
        verdict = smtp_retry.classify(failure.code, failure.text, failure.stage, delivery.attempts)
        cause = self._cause_in_words(verdict.cause)
        answer = f"{failure.code or ''} {failure.text}".strip()
        if verdict.action == smtp_retry.REFUSED:
            self._fail_business(delivery, cause, answer)
            return
        if verdict.action == smtp_retry.HOLD and delivery.integration_id:
            delivery.integration_id._hold(verdict, answer)
        states = {smtp_retry.SETTLE: "uncertain", smtp_retry.HOLD: "hold", smtp_retry.RETRY: "retry"}
        self._wait(delivery, states[verdict.action], smtp_retry.with_jitter(verdict.wait), cause, answer)

    def _wait(self, delivery, state, seconds, cause, answer=""):
        """Keep the mail until its next try; an unclear outcome is settled by evidence before anything is sent again."""
        at = fields.Datetime.now() + timedelta(seconds=seconds)
        delivery._set_waiting(state, cause, at, answer)
        queued = "exception" if state == "uncertain" else "outgoing"
        self.write({"state": queued, "scheduled_date": at, "failure_reason": cause})
        self._tell_notifications(cause)
        job = (
            "lokario_billing.ir_cron_settle_deliveries"
            if state == "uncertain"
            else "mail.ir_cron_mail_scheduler_action"
        )
        self.env.ref(job).sudo()._trigger(at)

    def _hold_behind(self):
        """Mails behind one that could not leave wait as long as it does; they were not tried."""
        for mail in self.exists().filtered(lambda mail: mail.state == "outgoing"):
            delivery = mail._delivery()
            if delivery.state not in ("queued", "retry", "hold"):
                continue
            until, cause = delivery._company_hold()
            seconds = max((until - fields.Datetime.now()).total_seconds(), 1)
            mail._wait(delivery, "hold", seconds, cause)
        _commit(self.env)

    def _fail_business(self, delivery, cause, answer=""):
        delivery._set_failed(cause, answer)
        self.write({"state": "exception", "failure_type": "mail_smtp", "failure_reason": cause})
        self._tell_notifications(cause)

    def _cancel_business(self, delivery, cause):
        delivery._set_cancelled(cause)
        self.write({"state": "cancel", "failure_reason": cause})

    def _tell_notifications(self, cause):
        self._postprocess_sent_message([], [], failure_reason=cause, failure_type="mail_smtp")

    @api.model
    def _cause_in_words(self, cause):
        words = {
            "network": self.env._("The mail server cannot be reached."),
            "tls": self.env._("The mail server's certificate is not valid."),
            "login": self.env._("The mail server refuses the login: check the mailbox's password."),
            "login_busy": self.env._("The mail server cannot check the login right now."),
            "limit": self.env._("The provider's sending limit is reached."),
            "busy": self.env._("The mail server is busy."),
            "too_many_recipients": self.env._("The mail server wants fewer recipients at a time."),
            "unclear": self.env._("The connection broke while the mail was handed over: it may have been delivered."),
            "sender": self.env._("The mail server does not let this mailbox send under its address."),
            "recipient": self.env._("The recipient's address was refused."),
            "size": self.env._("The mail is too large for the server."),
            "policy": self.env._("The mail server refuses this mail."),
            "gave_up": self.env._("The mail server could not be reached for two days."),
        }
        return words.get(cause, cause)


def _by_route(mails):
    """Return (route, mails) for each way out; mails of one company share a session, and its route is found once."""
    by_company = {}
    for mail in mails:
        by_company.setdefault(mail.sudo()._business_company(), []).append(mail.id)
    return [(mails._route_of(company), mails.browse(ids)) for company, ids in by_company.items()]


def _core_opener(route):
    """Sessions on ordinary outgoing servers are opened by Odoo itself, which knows all their kinds of login."""
    server = route.carrier
    servers = route.company.env["ir.mail_server"].sudo()
    try:
        session = servers._connect__(mail_server_id=server.id or None, smtp_from=route.address)
    except Exception as error:
        code = getattr(error, "smtp_code", None)
        raise SubmissionFailed("connect", code if isinstance(code, int) else None, str(error)) from error
    return lambda _ask: session


def _commit(env):
    """End a step: what follows may be interrupted for ever. A test's own transaction is never ended."""
    if not modules.module.current_test or env.context.get("ir_cron_progress_id"):
        env.cr.commit()  # pylint: disable=invalid-commit  # intent, act and record are separate transactions
