"""Which server does a mail leave by? Every kind of mail, by every trick, seen at real SMTP servers on loopback.

Runs inside one environment, with the suite or on Odoo alone; `bench routing` prints both, the test wants zero of ours.
"""

import itertools
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from email import message_from_bytes
from email.utils import parseaddr

from odoo import modules
from odoo.exceptions import UserError

from lokario_cli.odoo_process import free_port

from .environments.mail import SmtpServer

BUSINESS = ("quote", "invoice", "receipt", "reminder")
SYSTEM = ("password", "invitation", "digest", "contact_form", "notification", "undeclared")
METHODS = ("queue", "direct", "composer", "template_server", "personal_server", "forged")
COMPANIES = ("alpha", "broken", "gamma", "delta")  # mailbox, broken mailbox, own server, nothing
OUR_ADDRESS = "noreply@lokario.test"
GLOBAL_FILTERS = (OUR_ADDRESS, f"{OUR_ADDRESS}, lokario.test")
BUYER = "buyer@customer.test"
NOTICE = b"X-Odoo-Objects: inbox.integration"  # its owner is told that a mailbox does not work: no case of ours


@dataclass(frozen=True)
class Seen:
    """What one case looked like at the servers: (route, envelope sender, raw mail, login) of each mail."""

    case: tuple
    mails: tuple

    @property
    def routes(self):
        return tuple(dict.fromkeys(route for route, *_rest in self.mails))

    @property
    def kind(self):
        return self.case[3]

    @property
    def company(self):
        return self.case[1]

    def is_misrouted(self) -> bool:
        """Left by a route that is not its own, or did not leave although its route is open."""
        method = self.case[2]
        if self.kind in SYSTEM:
            right = [("global",)] + [()] * (method in ("template_server", "personal_server", "forged"))
        else:
            right = [{"alpha": ("alpha",), "broken": (), "gamma": ("gamma",), "delta": ("global",)}[self.company]]
        return self.routes not in right

    def is_leak(self) -> bool:
        """Left by the route of another company."""
        own = {self.company} if self.kind in BUSINESS else set()
        return bool(set(self.routes) - own - {"global"})

    def is_aligned(self) -> bool:
        """System mail: From and envelope ours. Business mail: From and envelope of the server that sent it, no header
        of another domain; through a mailbox answers go there too, without one they go where Odoo sends them.
        """
        return all(self._is_mail_aligned(*mail) for mail in self.mails)

    def _is_mail_aligned(self, route, envelope, raw, login):
        message = message_from_bytes(raw)
        sender, reply_to = (parseaddr(message[name])[1] for name in ("From", "Reply-To"))
        if self.kind in SYSTEM:
            return {sender, envelope} == {OUR_ADDRESS}
        if route == "global":
            return {sender, envelope} == {OUR_ADDRESS}
        address = f"contact@{self.company}.test" if route == "alpha" else "gamma.test"
        mine = all(name.endswith(address) for name in (sender, envelope, *([reply_to] * (route == "alpha"))))
        foreign = "lokario.test" in str(message["Return-Path"]) or message["Sender"]
        return mine and not foreign and (route != "alpha" or login == address)


class RoutingMatrix:
    """`suite`: whether lokario_billing is there; Odoo alone gets the mailboxes as outgoing servers with a filter."""

    def __init__(self, env, stack: ExitStack, suite: bool):
        self.env, self.suite = env, suite
        self.routes = {name: stack.enter_context(SmtpServer()) for name in ("global", "alpha", "gamma", "personal")}
        self.routes["alpha"].users["contact@alpha.test"] = "secret"
        self.kinds = (*(BUSINESS if suite else BUSINESS[:3]), *SYSTEM)
        env["ir.mail_server"].search([]).active = False
        self.companies = {name: self._company(name) for name in COMPANIES}
        self.buyer = env["res.partner"].create({"name": "Buyer", "email": BUYER})
        self.seller = self._seller()
        self.servers = {name: self._server(name, route.port) for name, route in self.routes.items() if name != "alpha"}
        self.servers["personal"].owner_user_id = self.seller
        self._mailboxes(free_port())
        business = [kind for kind in self.kinds if kind in BUSINESS]
        self.documents = {(k, c): self._document(k, self.companies[c]) for k in business for c in COMPANIES}

    def cases(self):
        return itertools.product(GLOBAL_FILTERS, COMPANIES, METHODS, self.kinds)

    def play(self, case) -> Seen:
        global_filter, company, method, kind = case
        self.servers["global"].from_filter = global_filter
        for route in self.routes.values():
            route.received.clear()
        if self.suite:
            self.env["mailbox.health"]._release_hold(self.env["inbox.integration"].sudo().search([]))
        with self._refusable():
            self._leave(company, method, kind)
        received = [
            (name, sender, raw, login)
            for name, route in self.routes.items()
            for sender, _to, raw, login in list(route.received)
            if NOTICE not in raw
        ]
        return Seen(case, tuple(received))

    @contextmanager
    def _refusable(self):
        """What is refused is undone, and nothing may have left then. Outside of a test the queue really commits."""
        testing = modules.module.current_test
        try:
            with self.env.cr.savepoint() if testing else nullcontext():
                yield
            if not testing:
                self.env.cr.commit()  # what the composer sends leaves now
        except (UserError, OSError):
            if not testing:
                self.env.cr.rollback()

    # === THE CASES === #

    def _leave(self, company, method, kind):
        if method == "composer" and kind in BUSINESS:
            return self._compose(self.documents[kind, company])
        values = self._mail_values(company, kind)
        if method == "template_server":
            values["mail_server_id"] = self.servers["gamma"].id
        elif method == "personal_server":
            values["mail_server_id"] = self.servers["personal"].id
        elif method == "forged":
            values |= {"mail_server_id": self.servers["alpha"].id, "email_from": "contact@alpha.test"}
        mail = self.env["mail.mail"].sudo().create(values)
        if method == "queue":
            return mail.env["mail.mail"].process_email_queue(email_ids=mail.ids)
        return mail.send()

    def _compose(self, document):
        """The “Send” dialog of a document, used by its salesperson."""
        values = {
            "model": document._name,
            "res_ids": document.ids,
            "composition_mode": "comment",
            "subject": "Hello",
            "body": "<p>Hello</p>",
            "partner_ids": self.buyer.ids,
            "email_from": self.seller.email_formatted,
            "author_id": self.seller.partner_id.id,
            "subtype_id": self.env.ref("mail.mt_comment").id,
        }
        dialog = self.env["mail.compose.message"].sudo(document._name == "lokario.followup.reminder")
        composer = dialog.with_context(mail_notify_author=False).create(values)
        composer._action_send_mail()

    def _mail_values(self, company, kind):
        values = {
            "subject": f"{kind} {company}",
            "body_html": "<p>Hello</p>",
            "email_from": self.companies[company].email_formatted,
            "email_to": BUYER,
            "reply_to": "catchall@lokario.test",
        }
        if kind in BUSINESS:
            document = self.documents[kind, company]
            writer = {"email_from": self.seller.email_formatted, "author_id": self.seller.partner_id.id}
            return values | writer | {"model": document._name, "res_id": document.id}
        if kind in ("password", "invitation"):
            return values | {"model": "res.users", "res_id": self.seller.id}
        if kind == "notification":
            document = self.documents["invoice", company]
            to = {"email_to": False, "recipient_ids": [(6, 0, self.seller.partner_id.ids)]}
            return values | to | {"model": document._name, "res_id": document.id, "message_type": "user_notification"}
        if kind == "undeclared":
            return values | {"model": "res.partner", "res_id": self.buyer.id}
        return values

    # === THE ENVIRONMENT === #

    def _company(self, name):
        company = self.env.company if name == "alpha" else self.env["res.company"].create({"name": name})
        company.write({"email": f"contact@{name}.test", "currency_id": self.env.company.currency_id.id})
        self.env.user.company_ids |= company
        return company

    def _seller(self):
        names = ("base.group_user", "sales_team.group_sale_manager", "account.group_account_manager")
        companies = [company.id for company in self.companies.values()]
        return self.env["res.users"].create(
            {
                "name": "Seller",
                "login": "seller",
                "email": "seller@alpha.test",
                "group_ids": [(6, 0, [self.env.ref(name).id for name in names])],
                "company_id": self.companies["alpha"].id,
                "company_ids": [(6, 0, companies)],
            }
        )

    def _server(self, name, port, **values):
        filters = {"global": OUR_ADDRESS, "gamma": "gamma.test", "personal": "seller@alpha.test"}
        address = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_encryption": "none"}
        if self.suite:
            values |= {"is_global": name == "global"}
            values |= {"company_id": self.companies["gamma"].id} if name == "gamma" else {}
        from_filter = filters.get(name, f"contact@{name}.test")
        sequence = 1 if name == "global" else 5
        return self.env["ir.mail_server"].create(
            {"name": name, "from_filter": from_filter, "sequence": sequence, **address, **values}
        )

    def _mailboxes(self, dead_port):
        """The mailbox of alpha, and one that nobody answers at."""
        ports = {"alpha": self.routes["alpha"].port, "broken": dead_port}
        if not self.suite:
            login = {"smtp_user": "contact@alpha.test", "smtp_pass": "secret"}
            self.servers["alpha"] = self._server("alpha", ports["alpha"], **login)
            self._server("broken", dead_port)
            return
        every = [*ports.values(), *(route.port for route in self.routes.values())]
        allowed = " ".join(f"127.0.0.1:{port}" for port in every)
        self.env["ir.config_parameter"].set_param("lokario_mailbox.allowed_hosts", allowed)
        for name, port in ports.items():
            self._mailbox(name, port)
        self.servers["alpha"] = self.servers["gamma"]  # a mailbox is no outgoing server that somebody could name

    def _mailbox(self, name, port):
        return (
            self.env["inbox.integration"]
            .sudo()
            .create(
                {
                    "name": name,
                    "company_id": self.companies[name].id,
                    "email_address": f"contact@{name}.test",
                    "email_password": "secret",
                    "visibility": "shared",
                    "is_primary": True,
                    "imap_host": "127.0.0.1",
                    "imap_security": "none",
                    "smtp_host": "127.0.0.1",
                    "smtp_port": port,
                    "smtp_security": "none",
                }
            )
        )

    def _document(self, kind, company):
        env = self.env(context=dict(self.env.context, allowed_company_ids=company.ids, tracking_disable=True))
        values = {"partner_id": self.buyer.id, "company_id": company.id}
        if kind == "quote":
            return env["sale.order"].create(values)
        if kind == "invoice":
            journal = env["account.journal"].search([("type", "=", "sale"), ("company_id", "=", company.id)], limit=1)
            journal = journal or _journal(env, company, "sale", "LKS")
            return env["account.move"].create({**values, "move_type": "out_invoice", "journal_id": journal.id})
        if kind == "receipt":
            bank = {"amount": 10, "payment_type": "inbound", "journal_id": _bank(env, company).id}
            return env["account.payment"].create({**values, **bank})
        level = env.ref("lokario_billing.policy_invoice").level_ids[0]
        parties = {"company_id": company.id, "customer_id": self.buyer.id, "partner_id": self.buyer.id}
        return env["lokario.followup.reminder"].sudo().create({**parties, "level_id": level.id, "fingerprint": ""})


def _journal(env, company, kind, code):
    return env["account.journal"].create({"name": code, "code": code, "type": kind, "company_id": company.id})


def _bank(env, company):
    """A bank journal that may be used without a chart of accounts."""
    journal = _journal(env, company, "bank", "LKB")
    account = {"name": "Outstanding", "code": "LKB999", "account_type": "asset_current"}
    outstanding = env["account.account"].create({**account, "company_ids": [(6, 0, company.ids)]})
    journal.inbound_payment_method_line_ids.payment_account_id = outstanding
    return journal
