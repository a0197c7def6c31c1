import logging
from datetime import timedelta

from odoo import api, fields, models, modules

from odoo.addons.base.models.ir_mail_server import MailDeliveryException
from odoo.addons.lokario_inbox.tools import smtp_retry
from odoo.addons.lokario_inbox.tools.smtp_client import SubmissionFailed

from ..tools.delivery_lanes import Lane, Letter, run_lanes

_logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=15)  # a mail "being sent" for longer belongs to a dead worker


class MailMail(models.Model):
    """Business mail leaves by its company's door: intent, act and record in separate short transactions."""

    _inherit = "mail.mail"

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        business = self.filtered(lambda mail: mail._is_business_mail())
        if self - business:
            super(MailMail, self - business).send(auto_commit, raise_exception, post_send_callback)
        if business and not self.env["ir.mail_server"]._disable_send():
            business._send_business(auto_commit)
            if post_send_callback:
                post_send_callback(business.ids)
            if raise_exception:
                business._raise_failure()
        return True

    def _raise_failure(self):
        failed = self.exists().filtered(lambda mail: mail.state == "exception")
        if failed:
            raise MailDeliveryException(self.env._("Unable to send the mail"), failed[0].failure_reason)

    def _send_business(self, auto_commit):
        """One lane per mailbox, all at the same time; the database is only touched here."""
        outgoing = self.filtered(lambda mail: mail.state == "outgoing")
        lanes = []
        for route, mails in _by_route(outgoing):
            deliveries = {mail.id: mail._delivery(route) for mail in mails}
            lane = mails._lane(route, deliveries, auto_commit)
            if lane:
                lanes.append(lane)
        _commit(self.env, auto_commit)
        run_lanes(lanes, lambda mail_id, outcome: self.browse(mail_id)._record_outcome(outcome, auto_commit))
        for lane in lanes:
            self.browse(lane.waiting)._hold_behind(auto_commit)

    def _lane(self, route, deliveries, auto_commit):
        """Return the Lane of these mails, or nothing when their door cannot even be tried."""
        try:
            opener = route.carrier._open_business_session__() if route.kind == "mailbox" else _core_opener(route)
        except SubmissionFailed as failure:
            for mail in self:
                deliveries[mail.id]._set_sending()
                mail._record_outcome(failure, auto_commit)
            return None
        return Lane(opener, self.ids, lambda mail_id: self.browse(mail_id)._open_attempt(route, auto_commit))

    def _delivery(self, route):
        """Return the delivery of this mail, made when it is tried for the first time."""
        self.ensure_one()
        Delivery = self.env["lokario.delivery"].sudo()
        return Delivery.search([("mail_id", "=", self.id)]) or Delivery.create(
            {
                "mail_id": self.id,
                "res_model": self.model,
                "res_id": self.res_id,
                "company_id": route.company.id,
                "subject": self.subject,
                "message_id": self.message_id,
                "route": route.kind,
                "sender": route.address,
            }
        )

    def _open_attempt(self, route, auto_commit):
        """Last look, under lock, in a transaction of its own: return the Letter, or None when it must not leave."""
        self.ensure_one()
        _commit(self.env, auto_commit)
        if not self.exists() or self.state != "outgoing" or not self.try_lock_for_update():
            return None
        delivery = self._delivery(route)
        document = self.env[self.model].browse(self.res_id).sudo()
        if hasattr(document, "_is_still_due") and not document._is_still_due():
            self._cancel_business(delivery, self.env._("No longer due at the moment of sending"))
            _commit(self.env, auto_commit)
            return None
        recipients, raw = self._business_message(route)
        if not recipients:
            self._fail_business(delivery, self.env._("There is no valid recipient address."))
            _commit(self.env, auto_commit)
            return None
        delivery._set_sending(raw)
        _commit(self.env, auto_commit)
        hidden = route.carrier._evidence_copy() if route.kind == "mailbox" else ()
        return Letter(self.id, route.address, recipients, raw, hidden)

    # === OUTCOME === #

    def _record_outcome(self, outcome, auto_commit):
        """Store what the server said: 250, or what is done about its refusal."""
        delivery = self.env["lokario.delivery"].sudo().search([("mail_id", "=", self.id)])
        if isinstance(outcome, SubmissionFailed):
            self._record_failure(delivery, outcome)
        else:
            self._record_accepted(delivery, outcome.text)
        _commit(self.env, auto_commit)

    def _record_accepted(self, delivery, answer):
        delivery._set_sent(answer)
        self.write({"state": "sent", "failure_type": False, "failure_reason": False, "scheduled_date": False})
        self._postprocess_sent_message(success_pids=self.recipient_ids, success_emails=[self.email_to or ""])

    def _record_failure(self, delivery, failure):
        verdict = smtp_retry.classify(failure.code, failure.text, failure.stage, delivery.attempts)
        cause = self._cause_in_words(verdict.cause)
        answer = f"{failure.code or ''} {failure.text}".strip()
        if verdict.action == smtp_retry.REFUSED:
            self._fail_business(delivery, cause, answer)
        elif verdict.action == smtp_retry.SETTLE:
            self._wait(delivery, "uncertain", verdict, cause, answer)
        else:
            self._wait(delivery, "hold" if verdict.action == smtp_retry.HOLD else "retry", verdict, cause, answer)

    def _wait(self, delivery, state, verdict, cause, answer):
        """Keep the mail in the queue until its next try; an unclear outcome is settled by evidence first."""
        at = fields.Datetime.now() + timedelta(seconds=smtp_retry.with_jitter(verdict.wait))
        delivery._set_waiting(state, cause, at, answer)
        queued = "exception" if state == "uncertain" else "outgoing"
        self.write({"state": queued, "scheduled_date": at, "failure_reason": cause})
        self._tell_notifications(cause)
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger(at)

    def _hold_behind(self, auto_commit):
        """Mails behind one that could not leave wait as long as it does; they were not tried."""
        for mail in self.exists():
            delivery = self.env["lokario.delivery"].sudo().search([("mail_id", "=", mail.id)])
            first = (
                self.env["lokario.delivery"]
                .sudo()
                .search(
                    [("company_id", "=", delivery.company_id.id), ("next_try_at", ">", fields.Datetime.now())],
                    order="next_try_at desc",
                    limit=1,
                )
            )
            if first:
                delivery._set_waiting("hold", first.cause, first.next_try_at)
                mail.write({"scheduled_date": first.next_try_at})
        _commit(self.env, auto_commit)

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
    """Yield (route, mails) for each way out; mails of one company share a session."""
    routes = {}
    for mail in mails:
        route = mail._business_route()
        key = (route.kind, route.company.id, route.carrier.id)
        routes.setdefault(key, (route, mails.browse()))
        routes[key] = (route, routes[key][1] | mail)
    return list(routes.values())


def _core_opener(route):
    """Sessions on ordinary outgoing servers are opened by Odoo itself, which knows all their kinds of login."""
    server = route.carrier
    environment = server.env["ir.mail_server"].sudo()

    def open_session():
        return session

    try:
        session = environment._connect__(
            mail_server_id=server.id or None, smtp_from=route.address, allow_archived=False
        )
    except Exception as error:
        raise SubmissionFailed("connect", getattr(error, "smtp_code", None), str(error)) from error
    return open_session


def _commit(env, auto_commit):
    if auto_commit or not modules.module.current_test:
        env.cr.commit()
