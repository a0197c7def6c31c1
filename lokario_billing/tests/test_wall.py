"""The wall: every kind of mail, by every trick, leaves by the one right door or not at all."""

import base64
import itertools
from contextlib import ExitStack
from email import message_from_bytes
from email.utils import parseaddr
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from lokario_cli.worlds.mail import SmtpServer
from lokario_cli.worlds.odoo import free_port
from odoo.addons.base.models.ir_mail_server import IrMail_Server

from .common import BillingCase

BUSINESS = ("quote", "invoice", "receipt", "reminder")
SYSTEM = ("password", "invitation", "digest", "contact_form", "notification", "undeclared")
METHODS = ("queue", "direct", "post", "template_server", "personal_server", "forged")
COMPANIES = ("alpha", "broken", "gamma", "delta")  # mailbox, broken mailbox, own server, nothing
GLOBAL_FILTERS = ("lokario.test", False)
OUR_ADDRESS = "noreply@lokario.test"


@tagged("post_install", "-at_install")
class TestWall(BillingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.mail_server"].search([]).active = False
        stack = cls.enterClassContext(ExitStack())
        names = ("global", "alpha", "gamma", "personal", "other")
        cls.doors = {name: stack.enter_context(SmtpServer()) for name in names}
        cls.doors["alpha"].users["contact@alpha.test"] = "secret"
        ports = [door.port for door in cls.doors.values()]
        cls.dead_port = free_port()
        cls.env["ir.config_parameter"].set_param(
            "lokario_inbox.allowed_hosts", " ".join(f"127.0.0.1:{port}" for port in [*ports, cls.dead_port])
        )
        cls.servers = {name: cls._server(name) for name in ("global", "gamma", "personal")}
        cls.companies = {name: cls._company(name) for name in COMPANIES}
        cls.servers["gamma"].company_id = cls.companies["gamma"]
        for name, port in (("alpha", cls.doors["alpha"].port), ("broken", cls.dead_port)):
            cls._mailbox(name, port)
        cls.seller = new_test_user(
            cls.env,
            "seller",
            "base.group_user,sales_team.group_sale_manager,account.group_account_manager",
            company_id=cls.company.id,
            company_ids=[Command.set([c.id for c in cls.companies.values()])],
            email="seller@alpha.test",
        )
        cls.servers["personal"].owner_user_id = cls.seller
        cls.buyer = cls.env["res.partner"].create({"name": "Buyer", "email": "buyer@customer.test"})
        cls.documents = {(k, c): cls._document(k, cls.companies[c]) for k in BUSINESS for c in COMPANIES}

    @classmethod
    def _server(cls, name):
        return cls.env["ir.mail_server"].create(
            {
                "name": name,
                "smtp_host": "127.0.0.1",
                "smtp_port": cls.doors[name].port,
                "smtp_encryption": "none",
                "from_filter": {"global": "lokario.test", "gamma": "gamma.test", "personal": "seller@alpha.test"}[name],
                "sequence": {"global": 1}.get(name, 5),
            }
        )

    @classmethod
    def _company(cls, name):
        company = cls.company if name == "alpha" else cls.env["res.company"].create({"name": name})
        company.write({"email": f"contact@{name}.test", "currency_id": cls.company.currency_id.id})
        cls.env.user.company_ids |= company
        return company

    @classmethod
    def _mailbox(cls, name, port):
        return (
            cls.env["inbox.integration"]
            .sudo()
            .create(
                {
                    "name": name,
                    "company_id": cls.companies[name].id,
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

    @classmethod
    def _document(cls, kind, company):
        env = cls.env(context=dict(cls.env.context, allowed_company_ids=company.ids, tracking_disable=True))
        values = {"partner_id": cls.buyer.id, "company_id": company.id}
        if kind == "quote":
            return env["sale.order"].create(values)
        if kind == "invoice":
            journal = env["account.journal"].search([("type", "=", "sale"), ("company_id", "=", company.id)], limit=1)
            journal = journal or env["account.journal"].create(
                {"name": "Sales", "code": "LKS", "type": "sale", "company_id": company.id}
            )
            return env["account.move"].create({**values, "move_type": "out_invoice", "journal_id": journal.id})
        if kind == "receipt":
            return env["account.payment"].create(
                {
                    **values,
                    "amount": 10,
                    "payment_type": "inbound",
                    "journal_id": cls._bank(env, company).id,
                }
            )
        level = env.ref("lokario_billing.policy_invoice").level_ids[0]
        reminder = (
            env["lokario.followup.reminder"]
            .sudo()
            .create(
                {
                    "company_id": company.id,
                    "customer_id": cls.buyer.id,
                    "partner_id": cls.buyer.id,
                    "level_id": level.id,
                }
            )
        )
        reminder.fingerprint = ""
        return reminder

    @classmethod
    def _bank(cls, env, company):
        """A bank journal that may be used without a chart of accounts."""
        journal = env["account.journal"].create(
            {"name": "Bank of the wall", "code": "LKB", "type": "bank", "company_id": company.id}
        )
        account = env["account.account"].create(
            {
                "name": "Outstanding",
                "code": "LKB999",
                "account_type": "asset_current",
                "company_ids": [Command.set(company.ids)],
            }
        )
        journal.inbound_payment_method_line_ids.payment_account_id = account
        return journal

    def setUp(self):
        super().setUp()
        for door in self.doors.values():
            door.received.clear()

    # === THE MATRIX === #

    def test_matrix(self):
        """At least 300 mails: no misroute, no leak, business mail aligned on the wire, system mail ours."""
        cases = list(itertools.product(GLOBAL_FILTERS, COMPANIES, METHODS, BUSINESS + SYSTEM))
        wrong = []
        for global_filter, company, method, kind in cases:
            self.servers["global"].from_filter = global_filter
            seen = self._send(company, method, kind)
            expected = self._expected(company, method, kind)
            if seen["doors"] not in expected or not self._is_aligned(seen):
                wrong.append(((global_filter, company, method, kind), seen, expected))
        self.assertGreaterEqual(len(cases), 300)
        self.assertFalse(wrong, f"{len(wrong)} of {len(cases)}: {wrong[:5]}")

    def _expected(self, company, method, kind):
        """The doors that are right; () = nothing left at all."""
        if kind in SYSTEM:
            refused = method in ("template_server", "forged")  # a company's server named for system mail
            return [("global",), ()] if refused or method == "personal_server" else [("global",)]
        return [{"alpha": ("alpha",), "broken": (), "gamma": ("gamma",), "delta": ("global",)}[company]]

    def _send(self, company, method, kind):
        for door in self.doors.values():
            door.received.clear()
        self.env["inbox.integration"].sudo().search([])._release_hold()
        with (
            patch.object(IrMail_Server, "_disable_send", classmethod(lambda cls: False)),
            mute_logger("odoo.addons.mail.models.mail_mail", "odoo.addons.base.models.ir_mail_server", "mail.log"),
        ):
            try:
                with self.env.cr.savepoint():
                    self._leave(company, method, kind)
            except (UserError, ValidationError):
                pass  # refused: nothing may have left
        doors = tuple(name for name, door in self.doors.items() if door.received)
        mails = [(name, *mail) for name, door in self.doors.items() for mail in door.received]
        return {"doors": doors, "mails": mails, "kind": kind, "company": company}

    def _leave(self, company, method, kind):
        values = self._mail_values(company, kind)
        if method == "post" and kind in BUSINESS:
            self._post(self.documents[kind, company])
            return
        if method == "template_server":
            values["mail_server_id"] = self.servers["gamma"].id
        elif method == "personal_server":
            values["mail_server_id"] = self.servers["personal"].id
        elif method == "forged":
            mailbox = self.env["inbox.integration"].sudo().search([("company_id", "=", self.company.id)])
            values |= {"mail_server_id": mailbox._get_mail_server().id, "email_from": "contact@alpha.test"}
        mail = self.env["mail.mail"].sudo().create(values)
        if method == "queue":
            mail.env["mail.mail"].process_email_queue(email_ids=mail.ids)
        else:
            mail.send()

    def _post(self, document):
        """What the composer does: a message to the customer on the document."""
        document.sudo().with_context(mail_notify_author=False).message_post(
            body="Hello",
            partner_ids=self.buyer.ids,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            author_id=self.seller.partner_id.id,
            email_from=self.seller.email_formatted,
        )

    def _mail_values(self, company, kind):
        record = self.companies[company]
        values = {
            "subject": f"{kind} {company}",
            "body_html": "<p>Hello</p>",
            "email_from": record.email_formatted,
            "email_to": "buyer@customer.test",
            "reply_to": "catchall@lokario.test",
        }
        if kind in BUSINESS:
            document = self.documents[kind, company]
            return values | {
                "model": document._name,
                "res_id": document.id,
                "email_from": self.seller.email_formatted,
                "author_id": self.seller.partner_id.id,
            }
        if kind in ("password", "invitation"):
            return values | {"model": "res.users", "res_id": self.seller.id}
        if kind == "notification":
            document = self.documents["invoice", company]
            return values | {
                "model": document._name,
                "res_id": document.id,
                "message_type": "user_notification",
                "email_to": False,
                "recipient_ids": [Command.set(self.seller.partner_id.ids)],
            }
        if kind == "undeclared":
            return values | {"model": "res.partner", "res_id": self.buyer.id}
        return values

    def _is_aligned(self, seen):
        """On the wire: From = envelope = the door's own address; nothing of another domain in a business header."""
        for door, envelope, _to, raw, login in seen["mails"]:
            message = message_from_bytes(raw)
            sender = parseaddr(message["From"])[1]
            if seen["kind"] in BUSINESS and door in ("alpha", "gamma"):
                address = f"contact@{seen['company']}.test" if door == "alpha" else "gamma.test"
                names = [sender, envelope, parseaddr(message["Reply-To"])[1]]
                if not all(name.endswith(address) for name in names) or (door == "alpha" and login != address):
                    return False
                if "lokario.test" in str(message["Return-Path"]) or message["Sender"]:
                    return False
            if seen["kind"] in BUSINESS and door == "global":
                return parseaddr(message["Reply-To"])[1] == f"contact@{seen['company']}.test"
        return True

    # === SINGLE FACTS === #

    def test_a_broken_mailbox_holds_and_says_why(self):
        self._send("broken", "direct", "invoice")
        document = self.documents["invoice", "broken"]
        delivery = (
            self.env["lokario.delivery"]
            .sudo()
            .search([("res_model", "=", "account.move"), ("res_id", "=", document.id)], limit=1)
        )
        self.assertEqual(delivery.state, "retry")
        self.assertIn("cannot be reached", delivery.cause)
        self.assertGreater(delivery.next_try_at, fields.Datetime.now())
        self.assertEqual(delivery.mail_id.state, "outgoing")

    def test_sent_means_250_and_keeps_the_proof(self):
        self._send("alpha", "direct", "invoice")
        delivery = self.env["lokario.delivery"].sudo().search([("company_id", "=", self.company.id)], limit=1)
        self.assertEqual(delivery.state, "sent")
        self.assertTrue(delivery.server_answer.startswith("250"))
        self.assertIn(delivery.message_id, delivery.with_context(bin_size=False).eml and self._eml(delivery))

    def _eml(self, delivery):
        return base64.b64decode(delivery.with_context(bin_size=False).eml).decode()

    def test_a_branch_uses_its_parents_mailbox(self):
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        self.assertEqual(branch._business_mailbox().company_id, self.company)
