"""Routing isolation: every kind of mail, by every trick, leaves by the one right route or not at all."""

import base64
from contextlib import ExitStack
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from lokario_testing.routing_matrix import GLOBAL_FILTERS, SYSTEM, RoutingMatrix
from odoo.addons.base.models.ir_mail_server import IrMail_Server

from .common import BillingCase

QUIET = ("odoo.addons.mail.models.mail_mail", "odoo.addons.base.models.ir_mail_server", "mail.log")


@tagged("post_install", "-at_install")
class TestRoutingIsolation(BillingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.matrix = RoutingMatrix(cls.env, cls.enterClassContext(ExitStack()), suite=True)
        cls.documents = cls.matrix.documents

    def play(self, *case):
        send = patch.object(IrMail_Server, "_disable_send", classmethod(lambda cls: False))
        with send, mute_logger(*QUIET):
            return self.matrix.play(case)

    def test_matrix(self):
        """At least 300 mails: no misroute, no leak, business mail aligned on the wire, system mail ours."""
        seen = [self.play(*case) for case in self.matrix.cases() if not self.is_told_twice(*case)]
        self.assertGreaterEqual(len(seen), 300)
        for wrong in (
            [each for each in seen if each.is_misrouted()],
            [each for each in seen if each.is_leak()],
            [each for each in seen if not each.is_aligned()],
        ):
            self.assertFalse(wrong, f"{len(wrong)} of {len(seen)}: {wrong[:3]}")

    def is_told_twice(self, _filter, _company, method, kind):
        """System mails have no dialog: their "composer" is "direct" again."""
        return method == "composer" and kind in SYSTEM

    # === SINGLE FACTS === #

    def test_a_broken_mailbox_holds_and_says_why(self):
        self.matrix.companies["broken"].partner_id.lang = "en_US"
        self.play(GLOBAL_FILTERS[0], "broken", "direct", "invoice")
        document = self.documents["invoice", "broken"]
        delivery = (
            self.env["lokario.delivery"]
            .sudo()
            .search([("res_model", "=", "account.move"), ("res_id", "=", document.id)], limit=1)
        )
        self.assertEqual(delivery.state, "waiting")
        self.assertIn("cannot be reached", delivery.cause)
        self.assertGreater(delivery.next_try_at, fields.Datetime.now())
        self.assertEqual(delivery.mail_id.state, "outgoing")

    def test_sent_means_250_and_keeps_the_proof(self):
        self.play(GLOBAL_FILTERS[0], "alpha", "direct", "invoice")
        delivery = self.env["lokario.delivery"].sudo().search([("company_id", "=", self.company.id)], limit=1)
        self.assertEqual(delivery.state, "sent")
        self.assertTrue(delivery.server_answer.startswith("250"))
        self.assertIn(delivery.message_id, delivery.with_context(bin_size=False).eml and self._eml(delivery))

    def _eml(self, delivery):
        return base64.b64decode(delivery.with_context(bin_size=False).eml).decode()

    def test_a_manager_tries_the_routes_of_his_own_companies_only(self):
        manager = new_test_user(
            self.env,
            "delta_manager",
            "base.group_user,lokario_billing.group_lokario_billing_manager",
            company_id=self.matrix.companies["delta"].id,
            company_ids=[fields.Command.set(self.matrix.companies["delta"].ids)],
        )
        foreign = self.matrix.companies["alpha"]
        with self.assertRaises(AccessError):
            self.env["lokario.mail.routes"].with_user(manager).create({"company_id": foreign.id})
        routes = self.env["lokario.mail.routes"].with_user(manager).create({})
        with self.assertRaises(AccessError):
            routes.company_id = foreign
        foreign.followup_approved_at = False
        with self.assertRaises(AccessError):
            foreign.with_user(manager).action_approve_followups()
        self.assertFalse(foreign.followup_approved_at)

    def test_a_test_mail_takes_no_file_along_that_its_sender_may_not_read(self):
        """The context of the call is the caller's: what it names as default values is not put into the mail."""
        groups = "base.group_user,lokario_billing.group_lokario_billing_manager"
        manager = new_test_user(self.env, "curious", groups, email="curious@alpha.test")
        secret = self.env["ir.attachment"].create({"name": "secret", "raw": b"SECRET", "res_model": "ir.cron"})
        line = self.env["lokario.mail.routes"].with_user(manager).create({}).line_ids[:1]
        given = {"default_attachment_ids": [fields.Command.set(secret.ids)], "default_email_cc": "evil@chosen.test"}
        line.with_context(**given).action_test()
        mail = self.env["mail.mail"].sudo().search([("email_to", "like", "curious@alpha.test")])
        self.assertEqual((len(mail), mail.attachment_ids.ids, mail.email_cc), (1, [], False))

    def test_a_branch_uses_the_nearest_mailbox(self):
        """Its own, then its parent's, then its grandparent's, whatever their names."""
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        twig = self.env["res.company"].create({"name": "Twig", "parent_id": branch.id})
        route = self.env["mail.mail"]._route_of
        self.assertEqual(route(twig).carrier.company_id, self.company)
        for name, company in (("Zz of the branch", branch), ("Zzz of the twig", twig)):
            nearest = self.company_mailbox(name, company)
            self.assertEqual(route(twig).carrier, nearest)
        nearest.active = False
        self.assertEqual(route(twig).carrier.company_id, branch)

    def company_mailbox(self, name, company):
        values = {
            "name": name,
            "company_id": company.id,
            "email_address": f"{name[-4:]}@alpha.test",
            "is_primary": True,
        }
        hosts = {"imap_host": "127.0.0.1", "smtp_host": "127.0.0.1", "email_password": "x", "visibility": "shared"}
        return self.env["inbox.integration"].sudo().create(values | hosts)


@tagged("post_install", "-at_install")
class TestWithoutMailbox(BillingCase):
    def test_answers_bounces_and_unsubscribing_are_odoos_own(self):
        values = {"name": "alpha.test", "bounce_alias": "bounce", "catchall_alias": "catchall"}
        domain = self.env["mail.alias.domain"].create(values)
        self.company.alias_domain_id = domain
        move = self.invoice()
        mail = self.env["mail.mail"].create(
            {
                "model": move._name,
                "res_id": move.id,
                "subject": "Invoice",
                "body_html": "<p>Hi</p>",
                "email_to": "compta@beta.test",
                "reply_to": domain.catchall_email,
                "headers": repr({"List-Unsubscribe": "<https://alpha.test/u>"}),
            }
        )
        with self.sending():
            mail.send()
        [(envelope, _to, _raw, _login)] = self.smtp.received
        [message] = self.mails()
        self.assertEqual(envelope, "bounce@alpha.test")
        self.assertIn("catchall@alpha.test", message["Reply-To"])
        self.assertEqual(message["List-Unsubscribe"], "<https://alpha.test/u>")
