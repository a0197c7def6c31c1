from dataclasses import dataclass
from email.policy import SMTP
from smtplib import SMTPServerDisconnected

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import clean_context, split_every
from odoo.tools.mail import email_normalize, email_split, email_split_tuples, formataddr

from odoo.addons.base.models.ir_mail_server import MailDeliveryException
from odoo.addons.lokario_base.tools.email_address import needs_smtputf8, plain_address
from odoo.addons.lokario_mailbox.tools.steps import commit, is_real, run_step
from odoo.addons.lokario_mailbox.tools.worker_locks import MAIL, WorkerLocks

from .delivery import PROBLEMS

BATCH = 50  # mails that are built in one transaction
TO_BUILD = ("queued", "waiting")  # states of a delivery whose mail no mailbox has
_MESSAGE = (
    *("subject", "body", "body_alternative", "attachments"),
    *("message_id", "references"),
)
_FOREIGN_HEADERS = frozenset(["return-path", "x-odoo-objects", "x-msg-to-add", "list-id", "sender"])
# "x-msg-to-add" names the other recipients


@dataclass(frozen=True)
class Route:
    """How business mail of a company leaves.

    kind: "mailbox", "company" or "global"; carrier: the integration or the server (empty = the server of odoo.conf);
    address: From.
    """

    kind: str
    company: models.Model
    carrier: models.Model
    address: str


class MailMail(models.Model):
    """Which mails are business mail, by which route each of them leaves, and what became of it.

    Through a mailbox: the built mail is handed to the outbox. Any other route is Odoo's own sending.
    """

    _inherit = "mail.mail"

    def _is_business_mail(self):
        """A mail of a document whose model sets `_sends_business_mail`, written to a person outside."""
        self.ensure_one()
        if super()._is_business_mail():
            return True
        model = self.model
        if not model or not self.res_id or model not in self.env:
            return False
        return getattr(self.env[model], "_sends_business_mail", False) and not self._is_internal_notification()

    def _is_internal_notification(self):
        """Assignments, mentions and the like go to colleagues by the system's server."""
        if self.message_type == "user_notification":
            return True
        recipients = self.recipient_ids
        return bool(recipients) and not self.email_to and recipients == self._colleagues()

    def _colleagues(self):
        """Return the recipients who work here; who is the document's customer gets its mails as every customer."""
        inside = self.recipient_ids.filtered(lambda partner: not partner.partner_share)
        document_sudo = self.env[self.model].sudo().browse(self.res_id).exists() if inside else None
        return inside - document_sudo._mail_get_partners()[document_sudo.id] if document_sudo else inside

    def _business_companies(self):
        """Return {mail: company}; a mail that has lost its document keeps the company of its delivery."""
        companies = {}
        for model, mails in self.sudo().grouped("model").items():
            documents = mails.env[model].browse(mails.mapped("res_id")).exists()
            known = documents._mail_get_companies(default=self.env.company)
            for mail in mails:
                companies[mail] = known.get(mail.res_id) or mail._deliveries().company_id or self.env.company
        return companies

    @api.model
    def _route_of(self, company):
        """The company's primary mailbox (its parent's for a branch), else its own server, else the global server.

        A mailbox that is configured but does not work still is the route: its mail waits.
        """
        mailbox = self.env["inbox.integration"]._primary_for_company(company)
        if mailbox:
            return Route("mailbox", company, mailbox, email_normalize(mailbox.email_address) or mailbox.email_address)
        server = self.env["ir.mail_server"].sudo().search([("company_id", "=", company.id)], limit=1)
        if server:
            return Route("company", company, server, server._company_address())
        server, sender = self.env["ir.mail_server"].sudo()._find_mail_server(company.email_formatted or None)
        return Route("global", company, server, email_normalize(sender or company.email or "") or "")

    def _by_route(self):
        """Return [(route, mails)]; the route of a company is found once."""
        companies = self._business_companies()
        return [(self._route_of(company), mails) for company, mails in self.grouped(companies.get).items()]

    def _filter_mail_mail_servers(self, mail_servers):
        """A company's server sends that company's business mail and nothing else."""
        business = self.filtered(lambda mail: mail._is_business_mail())
        companies = set(business._business_companies().values()) if business == self else set()
        if own := mail_servers.filtered(lambda server: server.company_id and companies == {server.company_id}):
            return own[:1]
        return super()._filter_mail_mail_servers(mail_servers.filtered(lambda server: not server.company_id))

    @api.model_create_multi
    def create(self, vals_list):
        """The document alone decides on the route: a server named by a user, a template or an intruder is dropped.

        The delivery of a business mail exists from the start: what waits is seen, and workers never race for it.
        """
        mails = super().create(vals_list)
        business = mails.filtered(lambda mail: mail._is_business_mail())
        business.filtered("mail_server_id").mail_server_id = False
        for route, group in business._by_route():
            group._create_deliveries(route)
        if any(business.mapped("is_notification")) and not self.env.context.get("mail_notify_force_send", True):
            self._wake_queue()  # a scheduled action posted them, for the batch wizard: not for Odoo's next hour
        return mails

    @api.model
    def _wake_queue(self):
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    @api.constrains("mail_message_id", "mail_server_id")
    def _check_mail_server_id(self):
        system = self.filtered(lambda mail: mail.mail_server_id and not mail._is_business_mail())
        return super(MailMail, system)._check_mail_server_id()

    def _deliveries(self):
        return self.env["lokario.delivery"].sudo().search([("mail_id", "in", self.ids)])

    def _create_deliveries(self, route, **values):
        values |= {
            "company_id": route.company.id,
            "integration_id": route.carrier.id if route.kind == "mailbox" else False,
            "route": route.kind,
            "sender": route.address,
        }
        documents = [
            {"mail_id": mail.id, "res_model": mail.model, "res_id": mail.res_id, "subject": mail.subject}
            | {"message_id": mail.message_id}
            for mail in self
        ]
        return self.env["lokario.delivery"].sudo().create([document | values for document in documents])

    # === SENDING === #

    def mark_outgoing(self):
        """A person tries again what failed: it is built anew."""
        self._deliveries().filtered(lambda delivery: delivery.state == "failed")._set_queued()
        return super().mark_outgoing()

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        """Business mail needs transactions of its own: unless the caller lets us commit, it leaves after his commit.

        What he rolls back is never sent then, and nothing of his work is kept by sending. `raise_exception` can report
        failures only where the mail leaves immediately; the delivery shows them in any case.
        """
        business = self.filtered(lambda mail: mail._is_business_mail())
        if self - business:
            super(MailMail, self - business).send(auto_commit, raise_exception, post_send_callback)
        if not business or self.env["ir.mail_server"]._disable_send():
            return True
        if not auto_commit and is_real(self.env):
            business._send_after_callers_commit()
            return True
        commit(self.env)  # the newest state
        outgoing = business.exists().filtered(lambda mail: mail.state == "outgoing")
        outbox = self.env["mailbox.outgoing"].sudo()
        for route, mails in outgoing._by_route():
            if route.kind == "mailbox":
                outbox += mails._hand_to_outbox(route)
            else:
                mails._send_by_server(route, auto_commit, post_send_callback)
        if outbox:
            self.env["mailbox.dispatcher"]._run(outbox)
        if post_send_callback:
            post_send_callback(business.ids)
        if raise_exception:
            business._raise_failure()
        return True

    def _send_after_callers_commit(self):
        """Leave once the mails are committed, on a connection of their own; the queue takes what a crash leaves."""
        ids, registry, context = self.ids, self.env.registry, clean_context(self.env.context)

        @self.env.cr.postcommit.add
        def send():
            with registry.cursor() as cr:
                api.Environment(cr, SUPERUSER_ID, context)["mail.mail"].browse(ids).exists().send(auto_commit=True)

    def _raise_failure(self):
        failed = self.exists().filtered(lambda mail: mail.state == "exception")
        if failed:
            raise MailDeliveryException(self.env._("Unable to send the mail"), failed[0].failure_reason)

    def _divide(self):
        """Colleagues among the recipients of a business mail get a system mail of their own."""
        notifications = self.env["mail.notification"].sudo()
        for mail in self:
            colleagues = mail._colleagues()
            if not colleagues:
                continue
            shared = ("mail_message_id", "body_html", "headers", "references", "auto_delete", "scheduled_date")
            values = {name: mail._fields[name].convert_to_write(mail[name], mail) for name in shared}
            mail.recipient_ids -= colleagues
            part = mail.create({**values, "recipient_ids": [fields.Command.set(colleagues.ids)]})
            part.is_notification = mail.is_notification
            domain = [("mail_mail_id", "=", mail.id), ("res_partner_id", "in", colleagues.ids)]
            notifications.search(domain).mail_mail_id = part
            self._wake_queue()

    def _send_by_server(self, route, auto_commit, callback):
        """Odoo's own sending, its outcome noted; what a dead worker had begun is shown to a person."""
        with WorkerLocks(self.env, MAIL) as locks:
            mails = self.browse(locks.take(self.ids))
            deliveries = mails._deliveries()
            begun = deliveries.filtered(lambda delivery: delivery.state == "sending")
            begun._set_uncertain(self.env._("The sending was interrupted."))
            begun.mail_id.write({"state": "exception", "failure_reason": self.env._("The sending was interrupted.")})
            fresh = deliveries.filtered(lambda delivery: delivery.state in TO_BUILD)._still_due()
            fresh.write({"route": route.kind, "integration_id": False, "sender": route.address})
            fresh._set_sending()
            fresh.mail_id._divide()
            commit(self.env)
            known = {delivery.mail_id.id: delivery for delivery in fresh}

            def note(ids):
                for mail_id in ids:
                    if delivery := known.pop(mail_id, None):
                        delivery._follow_server(self.browse(mail_id).exists())
                if callback:
                    callback(ids)

            try:
                super(MailMail, mails & fresh.mail_id).send(auto_commit, False, note)
            except SMTPServerDisconnected as error:
                self.browse(known)._lose_connection(error)
            note(list(known))  # those whose server could not be reached
            commit(self.env)

    def _lose_connection(self, error):
        """Odoo stops its batch there: one of these mails was being handed over, the others wait for the next run."""
        cause = self.env._("The server broke off the connection: %s", error)
        self.filtered(lambda mail: mail.state == "exception")._deliveries()._set_uncertain(cause)
        self._wake_queue()

    def _postprocess_sent_message(self, success_pids, success_emails, failure_reason=False, failure_type=None):
        """What a server cannot take now waits in Odoo's own queue; its author hears of it when that ends."""
        waiting = self._wait_for_server(success_pids, success_emails, failure_type) if failure_type else self.browse()
        return super(MailMail, self - waiting)._postprocess_sent_message(
            success_pids, success_emails, failure_reason=failure_reason, failure_type=failure_type
        )

    def _wait_for_server(self, served, addresses, failure_type):
        """Return the mails that are tried again, for those recipients only whom the server has not served."""
        business = self.filtered(lambda mail: mail._is_business_mail())
        deliveries = business._deliveries().filtered(
            lambda delivery: delivery.state == "sending" and not delivery.outgoing_id
        )
        verdicts = {delivery: delivery._may_wait(failure_type) for delivery in deliveries}
        for delivery, verdict in verdicts.items():
            if verdict:
                delivery.mail_id._keep_unserved(served, addresses)
                delivery._wait(verdict)
        return deliveries.filtered(verdicts.get).mail_id

    def _keep_unserved(self, served, addresses):
        """Leave out who got the mail. Odoo hands over the mail to `email_to` and all copies first."""
        values = {"recipient_ids": [fields.Command.unlink(partner.id) for partner in served]}
        if served or addresses:
            values |= {"email_to": False, "email_cc": False}
        domain = [("mail_mail_id", "in", self.ids), ("notification_status", "not in", ("sent", "canceled"))]
        notifications = self.env["mail.notification"].sudo().search(domain)
        done = notifications.filtered(
            lambda each: each.res_partner_id in served or each.mail_email_address in addresses
        )
        for some, status in ((done, "sent"), (notifications - done, "ready")):
            some.write({"notification_status": status, "failure_type": False, "failure_reason": False})
        self.write(values)

    def _hand_to_outbox(self, route):
        """Return the outgoing messages (mailbox.outgoing) of these mails that were not handed over before."""
        outbox = self.env["mailbox.outgoing"].sudo()
        for batch in split_every(BATCH, self.ids, self.browse):
            outbox += run_step(self.env, lambda batch=batch: batch._queue(route))
        return outbox

    def _queue(self, route):
        queued = (
            self._deliveries()
            .try_lock_for_update()
            .filtered(lambda delivery: delivery.state in TO_BUILD and not delivery.outgoing_id)
        )
        queued.write({"route": route.kind, "integration_id": route.carrier.id, "sender": route.address})
        queued.mail_id._divide()
        for delivery in queued.sorted("id"):
            try:
                delivery.mail_id._queue_parts(route, delivery)
            except (UserError, ValueError, LookupError) as error:  # one bad mail never stops the rest
                delivery._set_failed(str(error))
                delivery.mail_id._follow_deliveries()
        return queued.mail_id._deliveries().outgoing_id

    def _queue_parts(self, route, delivery):
        """Every contact gets a mail of his own, with a delivery of its own: no recipient reads the others' addresses.

        Another try is for those only who have no mail yet.
        """
        served = [each.partner_id for each in self._deliveries() - delivery if each.recipients]
        parts = [part for part in self._parts() if (part["partner_id"] or self.author_id.browse()) not in served]
        for number, part in enumerate(parts):
            recipients = list(dict.fromkeys(email_split(", ".join((*part["email_to"], *part["email_cc"])))))
            mine = self._create_deliveries(route) if number else delivery
            mine.write({"partner_id": part["partner_id"] and part["partner_id"].id})
            if problem := self._recipients_problem(recipients):
                mine._set_failed(problem)
                self._follow_deliveries()
            else:
                mine._queue(self._business_message(route, part), recipients)

    def _recipients_problem(self, recipients):
        """Return why a mail to these addresses cannot leave, None when it can."""
        if not recipients:
            return self.env._("There is no valid recipient address.")
        if refused := ", ".join(filter(needs_smtputf8, recipients)):
            return self.env._("Many mail servers refuse accents and other letters before the @: %s", refused)
        return None

    def _parts(self):
        """Return what each of the mails is made of. Copies go along with the first one, which names its recipient."""
        first, *others = self._prepare_outgoing_list()
        if others and not first["email_to"]:
            others[0]["email_cc"] = first["email_cc"]
            return others
        return [first, *others]

    def _business_message(self, route, part):
        """Return the mail as bytes; nothing foreign is in its headers."""
        author = self.author_id
        name = author.name if author and not author.partner_share and author.user_ids else route.company.name
        sender = formataddr((name, route.address))
        message = self.env["ir.mail_server"]._build_email__(
            email_from=sender,
            reply_to=sender,
            headers={key: value for key, value in part["headers"].items() if key.lower() not in _FOREIGN_HEADERS},
            subtype="html",
            subtype_alternative="plain",
            **{key: part[key] for key in _MESSAGE},
            **{key: _plain_addresses(part[key]) for key in ("email_to", "email_cc")},
        )
        return message.as_bytes(policy=SMTP)

    # === OUTCOME === #

    def _follow_deliveries(self):
        """Odoo's own view of these mails: the state, and what became of each notification."""
        for mail, deliveries in self._deliveries().grouped("mail_id").items():
            failed = deliveries.filtered(lambda each: each.state in PROBLEMS)
            sent = deliveries.filtered(lambda each: each.state == "sent")
            outcome = {"failure_type": failed and "mail_smtp", "failure_reason": failed[:1].cause}
            reason = {"failure_reason": deliveries[:1].cause} if not failed and not sent else {}
            state = _mail_state(set(deliveries.mapped("state")))
            mail.write({"state": state, **outcome, **reason})
            if failed or state == "sent":
                mail._postprocess_sent_message(sent.partner_id, sent.mail_id.mapped("email_to"), **outcome)

    def _set_test_cancelled(self):
        """A test says what happens now; it does not leave hours later."""
        reason = self.failure_reason
        self._deliveries().outgoing_id._withdraw()
        self._deliveries()._set_cancelled(reason)
        self.write({"state": "cancel", "failure_reason": reason})


def _plain_addresses(texts):
    """Return addresses with their names, each domain as mail servers write it."""
    return [
        formataddr((name, plain_address(address) or address)) for name, address in email_split_tuples(", ".join(texts))
    ]


def _mail_state(states):
    if states & {"queued", "waiting", "sending"}:
        return "outgoing"
    if states & {"verifying", "uncertain", "failed"}:
        return "exception"
    return "sent" if states & {"sent", "bounced"} else "cancel"
