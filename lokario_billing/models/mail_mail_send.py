from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.ir_mail_server import MailDeliveryException
from odoo.addons.lokario_mailbox.tools import smtp_retry, worker_locks
from odoo.addons.lokario_mailbox.tools.lanes import Letter

from .delivery import commit, is_real
from .dispatch import Dispatch, Parcel


class MailMail(models.Model):
    """Business mail leaves by its company's door: intent, act and record in separate short transactions."""

    _inherit = "mail.mail"

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        """Business mail needs transactions of its own: unless the caller lets us commit, it leaves after his commit.

        What he rolls back is never sent then, and nothing of his work is kept by sending. `raise_exception` can tell
        of failures only where the mail leaves at once; the delivery tells of them in any case.
        """
        business = self.filtered(lambda mail: mail._is_business_mail())
        if self - business:
            super(MailMail, self - business).send(auto_commit, raise_exception, post_send_callback)
        if not business or self.env["ir.mail_server"]._disable_send():
            return True
        if not auto_commit and is_real(self.env):
            business._send_after_callers_commit()
            return True
        business._send_business()
        if post_send_callback:
            post_send_callback(business.ids)
        if raise_exception:
            business._raise_failure()
        return True

    def _send_after_callers_commit(self):
        """Leave once the mails are committed, on a connection of their own; the queue takes what a crash leaves."""
        ids, registry, context = self.ids, self.env.registry, self.env.context

        @self.env.cr.postcommit.add
        def send():
            with registry.cursor() as cr:
                api.Environment(cr, SUPERUSER_ID, context)["mail.mail"].browse(ids).exists().send(auto_commit=True)

    def _raise_failure(self):
        failed = self.exists().filtered(lambda mail: mail.state == "exception")
        if failed:
            raise MailDeliveryException(self.env._("Unable to send the mail"), failed[0].failure_reason)

    def _send_business(self):
        outgoing = self.filtered(lambda mail: mail.state == "outgoing")
        parts = outgoing._divide()
        business = parts.filtered(lambda mail: mail._is_business_mail())
        Dispatch(self.env).send(_by_route(outgoing | business))
        if parts - business:  # to colleagues: system mail
            self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    def _divide(self):
        """Give every contact a mail of his own: nobody reads the others' addresses, and each has his own delivery.

        Return the new mails. The addresses of `email_to` and `email_cc` stay together, as they were written.
        """
        if not any(len(mail.recipient_ids) + bool(mail.email_to) > 1 for mail in self):
            return self.browse()
        commit(self.env)  # the newest state: another worker may just have divided them
        crowded = self.exists().try_lock_for_update()
        with worker_locks.WorkerLocks(self.env, worker_locks.MAIL) as locks:  # nobody is handing them over
            free = locks.take(crowded.filtered(lambda mail: mail.state == "outgoing").ids)
            parts = [part for mail in self.browse(free) for part in mail._divide_one()]
            commit(self.env)
        return self.browse().concat(*parts)

    def _divide_one(self):
        outsiders_first = self.recipient_ids.sorted("partner_share", reverse=True)
        own = outsiders_first[: 0 if self.email_to else 1]
        others = self.recipient_ids - own
        if not others:
            return []
        shared = ("mail_message_id", "body_html", "headers", "references", "auto_delete", "scheduled_date")
        values = {name: self._fields[name].convert_to_write(self[name], self) for name in shared}
        self.write({"recipient_ids": [fields.Command.set(own.ids)], "is_notification": True})
        parts = self.create(
            [
                {**values, "recipient_ids": [fields.Command.link(partner.id)], "is_notification": True}
                for partner in others
            ]
        )
        notifications = self.env["mail.notification"].sudo().search([("mail_mail_id", "=", self.id)])
        for part in parts:
            mine = notifications.filtered(
                lambda notification, part=part: notification.res_partner_id in part.recipient_ids
            )
            mine.mail_mail_id = part
        return [parts]

    @api.model_create_multi
    def create(self, vals_list):
        """The delivery of a business mail exists from the start: what waits is seen, and workers never race for it."""
        mails = super().create(vals_list)
        for route, business in _by_route(mails.filtered(lambda mail: mail._is_business_mail())):
            business._prepare_delivery(route)
        return mails

    def _deliveries(self):
        return self.env["lokario.delivery"].sudo().search([("mail_id", "in", self.ids)])

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

    # === READY TO LEAVE === #

    def _may_leave(self):
        """Lock the mails and return those that may be made ready; what a dead worker left is settled first."""
        mails = self.exists().try_lock_for_update().filtered(lambda mail: mail.state == "outgoing")
        deliveries = mails._deliveries()
        for route, unknown in _by_route(mails - deliveries.mail_id):
            unknown._prepare_delivery(route)
        left = deliveries.filtered(lambda delivery: delivery.state == "sending")
        left._recover()
        accepted = deliveries.filtered(lambda delivery: delivery.state == "sent").mail_id
        accepted._finish_accepted()
        return (mails - left.mail_id - accepted)._still_due()

    def _still_due(self):
        """Return the mails without those whose document says no; these are cancelled."""
        stale = self.browse()
        for model, mails in self.grouped("model").items():
            documents = self.env[model].sudo().browse(mails.mapped("res_id")).exists()
            if hasattr(documents, "_still_due"):
                due = set(documents._still_due().ids)
                stale |= mails.filtered(lambda mail, due=due: mail.res_id not in due)
        for delivery in stale._deliveries():
            delivery.mail_id._cancel_business(delivery)
        return self - stale

    def _parcels(self, route):
        """Write the intent to send and return {mail id: Parcel}."""
        deliveries = {delivery.mail_id: delivery for delivery in self._deliveries()}
        letters, siblings = {}, self.env["lokario.delivery"].sudo().concat(*deliveries.values())._siblings()
        for mail in self:
            try:
                letters[deliveries[mail]] = mail._letter(route, deliveries[mail] not in siblings)
            except (UserError, ValueError, LookupError) as error:  # one bad mail never stops the rest
                mail._fail_business(deliveries[mail], str(error))
        ready = self.env["lokario.delivery"].sudo().concat(*letters)
        ready._follow_route(route)
        ready._set_sending(letters)
        return {
            delivery.mail_id.id: Parcel(letter, delivery.id, delivery._last_look())
            for delivery, letter in letters.items()
        }

    def _letter(self, route, wants_copy):
        """Return the Letter; `wants_copy`: whether a hidden copy to the mailbox may prove that it left."""
        recipients, raw = self._business_message(route)
        if not recipients:
            raise UserError(self.env._("There is no valid recipient address."))
        hidden = ""
        if wants_copy and route.kind == "mailbox":
            hidden = route.carrier._hidden_copy_address(recipients)
        return Letter(
            self.id, self._business_envelope(route), recipients, raw, (hidden,) if hidden else (), is_divisible=True
        )

    # === OUTCOME === #

    def _finish_accepted(self, skipped=None):
        """The paperwork after 250; `skipped`: {mail id: optional recipients the server did not want}."""
        if not self:
            return
        deliveries = self._deliveries()
        deliveries._tell_documents()
        deliveries._queue_sent_copies(skipped or {})
        self.write({"state": "sent", "failure_type": False, "failure_reason": False, "scheduled_date": False})
        self._postprocess_sent_message(success_pids=self.recipient_ids, success_emails=self.mapped("email_to"))

    def _record_failure(self, delivery, failure):
        if not delivery.handed_over_at:
            delivery.attempts += 1
        verdict = smtp_retry.classify(failure.code, failure.text, failure.stage, delivery.attempts)
        cause = self.with_context(lang=delivery._lang())._cause_in_words(verdict.cause)
        answer = f"{failure.code or ''} {failure.text}".strip()
        if verdict.action == smtp_retry.REFUSED:
            self._fail_business(delivery, cause, answer)
            return
        if verdict.action == smtp_retry.HOLD and delivery.integration_id:
            delivery.integration_id._hold(verdict, answer)
            if verdict.cause == "limit":
                delivery.integration_id._learn_quota()
        states = {smtp_retry.SETTLE: "uncertain", smtp_retry.HOLD: "hold", smtp_retry.RETRY: "retry"}
        self._wait(delivery, states[verdict.action], smtp_retry.with_jitter(verdict.wait), cause, answer)

    def _wait(self, deliveries, state, seconds, cause, answer=""):
        """Keep the mails until the next try; an unclear outcome is settled by evidence before anything else."""
        at = fields.Datetime.now() + timedelta(seconds=seconds)
        deliveries._set_waiting(state, cause, at, answer)
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
        outgoing = self.exists().filtered(lambda mail: mail.state == "outgoing")
        waiting = outgoing._deliveries().filtered(lambda delivery: delivery.state in ("queued", "retry", "hold"))
        for deliveries in waiting.grouped(lambda delivery: (delivery.company_id, delivery.route)).values():
            until, cause = deliveries[0]._company_hold()
            seconds = max((until - fields.Datetime.now()).total_seconds(), 1)
            deliveries.mail_id._wait(deliveries, "hold", seconds, cause)
        commit(self.env)

    def _hold_for_quota(self, until):
        """The provider would refuse these: they are not even tried before its day is over."""
        seconds = max((until - fields.Datetime.now()).total_seconds(), 1)
        deliveries = self._deliveries()
        cause = self.with_context(lang=deliveries._lang())._cause_in_words("limit")
        self._wait(deliveries, "hold", seconds, cause)
        commit(self.env)

    def _fail_business(self, delivery, cause, answer=""):
        delivery._set_failed(cause, answer)
        self.write({"state": "exception", "failure_type": "mail_smtp", "failure_reason": cause})
        self._tell_notifications(cause)

    def _cancel_business(self, delivery):
        cause = self.env._("No longer due at the moment of sending")
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
    companies = mails._business_companies()
    return [(mails._route_of(company), group) for company, group in mails.grouped(companies.get).items()]
