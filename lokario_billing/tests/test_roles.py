"""What people with ordinary rights see of follow-ups and deliveries, and do with them."""

from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from .people import DocumentsCase


@tagged("post_install", "-at_install")
class TestRoles(DocumentsCase):
    def setUp(self):
        super().setUp()
        self.plan()
        self.ann, self.bea, _cid = self.people["seller"]

    def seen_by(self, user):
        return self.env["lokario.followup"].with_user(user).with_context(allowed_company_ids=user.company_ids.ids)

    def opened(self, user, document):
        """Return the form that the smart button of a document opens, as the web client does."""
        action = document.with_user(user).action_view_followup()
        self.assertEqual(action["res_model"], "lokario.followup")
        followup = self.seen_by(user).browse(action["res_id"])
        with Form(followup) as form:
            self.assertEqual(form.name, followup.name)
        return followup

    def test_a_salesperson_sees_the_followups_of_his_own_documents(self):
        own = self.documents[self.ann]
        seen = self.seen_by(self.ann).search([])
        self.assertEqual(seen.move_id, own["invoices"])
        self.assertEqual(seen.order_id, own["quotes"])
        others = self.documents[self.bea]["invoices"].followup_ids
        with self.assertRaises(AccessError):
            self.seen_by(self.ann).browse(others.ids).mapped("amount")
        with self.assertRaises(AccessError):
            self.documents[self.bea]["invoices"][0].with_user(self.ann).action_view_followup()

    def test_his_steps_promises_and_disputes_are_of_his_own_documents_too(self):
        mine, others = (self.documents[user]["invoices"][0].followup_ids for user in (self.ann, self.bea))
        for followup in mine | others:
            self.env["lokario.followup.dispute"].create({"followup_id": followup.id, "reason": "Wrong price"})
            self.env["lokario.followup.step"].sudo().create({"followup_id": followup.id, "cycle": "x", "sequence": 9})
        for model in ("lokario.followup.dispute", "lokario.followup.step"):
            self.assertEqual(self.env[model].with_user(self.ann).search([]).followup_id, mine, model)

    def test_seller_and_accountant_open_the_followup_of_their_documents(self):
        own = self.documents[self.ann]
        for document in (*own["invoices"], *own["quotes"]):
            self.assertTrue(self.opened(self.ann, document).timeline)
        accountant = self.people["accountant"][0]
        for seller in self.people["seller"]:
            for move in self.documents[seller]["invoices"]:
                self.opened(accountant, move)
        self.assertEqual(len(self.seen_by(accountant).search([("kind", "=", "invoice")])), 6)

    def test_a_followup_that_is_missing_is_made_by_opening_it(self):
        fresh = self.invoices_of(self.ann, count=1)
        self.assertFalse(fresh.followup_ids)
        self.assertEqual(self.opened(self.ann, fresh).move_id, fresh)

    def test_nobody_sees_another_companys_followups(self):
        foreign = self.invoices_of(self.belgians["seller"], company=self.belgian, count=1)
        self.plan(self.belgian)
        for role in ("accountant", "collector", "manager"):
            for user in self.people[role]:
                self.assertNotIn(foreign, self.seen_by(user).search([]).sudo().move_id, user.login)
            self.assertEqual(self.seen_by(self.belgians[role]).search([]).sudo().move_id, foreign)

    def test_who_only_works_with_followups_opens_and_acts(self):
        collector = self.people["collector"][0]
        followups = self.seen_by(collector).search([("kind", "=", "invoice")])
        self.assertEqual(len(followups), 6)
        first, second, third = followups[:3]
        for followup in (first, second, third):
            with Form(followup) as form:
                self.assertFalse(form.can_open_document)
        followups[:3].action_toggle_auto()
        self.assertFalse(any(followups[:3].mapped("auto_enabled")))
        followups[:3].action_toggle_auto()
        first.sudo().answer_pending = True
        first.action_answer_handled()
        followups[1:3].action_mark_done()
        self.assertEqual(set(followups[1:3].mapped("state")), {"done"})
        followups[1:3].action_reopen()
        self.assertNotIn("done", followups[1:3].mapped("state"))
        with self.sending():
            third.action_send_now()
        self.assertEqual(len(self.mails()), 1)
        promise = {"followup_id": second.id, "promised_for": self.french._followup_today()}
        self.env["lokario.followup.promise"].with_user(collector).create(promise)
        self.assertEqual(second.why, "promised")
        self.assertTrue(third.action_evidence()["url"])
        self.assertIn(third.name.split()[0], third.step_ids.reminder_id._letter_body())

    def test_the_dry_run_of_who_only_works_with_followups(self):
        collector = self.people["collector"][1]
        preview = self.env["lokario.followup.preview"].with_user(collector).create({})
        preview.action_run()
        self.assertTrue(preview.line_ids.filtered("at"))
        with self.assertRaises(AccessError):
            self.env["lokario.followup.preview"].with_user(collector).create({"company_id": self.belgian.id})

    def test_deliveries_are_tried_again_by_those_who_see_them(self):
        mails = self.env["mail.mail"].sudo()
        for move in self.documents[self.ann]["invoices"] | self.documents[self.bea]["invoices"][:1]:
            values = {"model": move._name, "res_id": move.id, "subject": "Invoice", "body_html": "<p>Hi</p>"}
            mails |= mails.create({**values, "email_to": "compta@beta.test"})
        deliveries = mails._deliveries().sorted("id")
        deliveries.write({"state": "failed", "cause": "Mended meanwhile"})
        mails.write({"state": "exception"})
        collector = self.people["collector"][2]
        mine = self.env["lokario.delivery"].with_user(collector).browse(deliveries.ids)
        mine.browse().action_try_again()
        mine[0].action_try_again()
        self.assertEqual((deliveries[0].state, deliveries[0].cause, mails[0].state), ("queued", False, "outgoing"))
        mine.action_try_again()
        self.assertEqual(set(deliveries.mapped("state")), {"queued"})
        with self.sending():
            mails.send()
        self.assertEqual(set(deliveries.mapped("state")), {"sent"})
        with self.assertRaises(AccessError):
            deliveries.with_user(self.ann).action_try_again()

    def test_what_odoo_makes_as_superuser_keeps_the_defaults_of_its_own_fields(self):
        """So its mail gateway makes the bill that a supplier mails to a purchase journal; nothing of ours is set so."""
        accountant = self.people["accountant"][0]
        journal = self.company_data["default_journal_purchase"]
        named = {"default_move_type": "in_invoice", "default_journal_id": journal.id, "default_followup_auto": "never"}
        move = self.env["account.move"].with_user(accountant).sudo().with_context(**named).create({"name": "/"})
        self.assertEqual((move.move_type, move.journal_id, move.followup_auto), ("in_invoice", journal, "default"))
