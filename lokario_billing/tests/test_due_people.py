"""The hourly check and the hourly follow-ups with several things, people and companies, by the documents' URLs."""

import os
from contextlib import closing
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from odoo.addons.lokario_base.tools import single_flight

from .people import PeopleCase

SECRET = "0123456789abcdef0123456789abcdef-Aa"
CHECK = "/cron/check-overdue-and-reminders"
FOLLOWUPS = "/followups/process-automatic"


class DuePeopleCase(PeopleCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.check = cls.env.ref("lokario_billing.ir_cron_check_due")
        cls.project = cls.env["project.project"].create(
            {"name": "House", "user_id": cls.people["worker"][2].id, "privacy_visibility": "employees"}
        )

    def run_check(self):
        with self.committing():
            self.check.method_direct_trigger()
        self.env.invalidate_all()

    def task(self, hours=-2, users=None, **values):
        return self.env["project.task"].create(
            {
                "name": "Roof",
                "project_id": self.project.id,
                "user_ids": [Command.set(users.ids if users else [])],
                "date_deadline": fields.Datetime.now() + timedelta(hours=hours),
                **values,
            }
        )

    def appointment(self, minutes, *users, **values):
        start = fields.Datetime.now() + timedelta(minutes=minutes)
        partners = self.env["res.users"].concat(*users).partner_id
        return (
            self.env["calendar.event"]
            .with_user(users[0])
            .create(
                {
                    "name": "Dentist",
                    "start": start,
                    "stop": start + timedelta(hours=1),
                    "user_id": users[0].id,
                    "partner_ids": [Command.set(partners.ids)],
                    "alarm_ids": [Command.clear()],
                    **values,
                }
            )
            .with_env(self.env)
        )

    def notices(self, record):
        return self.env["lokario.due.notice"].search([("res_model", "=", record._name), ("res_id", "=", record.id)])

    def digests(self, user):
        domain = [("partner_ids", "in", user.partner_id.ids), ("message_type", "=", "user_notification")]
        return self.env["mail.message"].sudo().search([*domain, ("body", "like", "<ul>")])


@tagged("post_install", "-at_install")
class TestDuePeople(DuePeopleCase):
    def test_several_things_of_several_people_in_one_run(self):
        ann, bea, _cid = self.people["seller"]
        worker = self.people["worker"][0]
        tasks = self.task(users=worker) | self.task(24, users=worker, priority="3")
        self.run_check()
        for seller in (ann, bea):
            self.assertEqual(len(self.digests(seller)), 1)
            for move in self.documents[seller]["invoices"]:
                self.assertEqual(self.notices(move).user_id, seller)
                self.assertIn(move.name, self.digests(seller).body)
        self.assertEqual(self.digests(ann).subject, "2 things to look at")
        for task in tasks:
            self.assertEqual(self.notices(task).user_id, worker)
        self.assertEqual(self.digests(worker).body.count("<li>"), 2)

    def test_the_digest_is_in_the_readers_language_and_answers_go_to_his_company(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"]._load_module_terms(["lokario_billing"], ["fr_FR"])
        worker, other = self.people["worker"][:2]
        worker.lang = "fr_FR"
        self.task(users=worker)
        (self.task(users=other), self.task(users=other))
        self.run_check()
        digest = self.digests(worker)
        self.assertEqual(digest.subject, "1 chose à regarder")
        self.assertIn("contact@alpha.test", digest.reply_to)
        self.assertEqual(self.digests(other).subject, "2 things to look at")

    def test_invoices_of_each_company_reach_somebody_of_that_company(self):
        nobody = self.invoices_of(self.belgians["seller"], company=self.belgian, count=2)
        nobody.invoice_user_id = False
        foreign = self.invoices_of(self.people["seller"][0], company=self.belgian, count=1)
        stranger = self.invoice(invoice_user_id=self.belgians["seller"].id)
        self.run_check()
        for move in nobody | foreign:
            self.assertEqual(self.notices(move).user_id.company_ids, self.belgian, move.invoice_user_id.login)
        self.assertIn(self.french, self.notices(stranger).user_id.company_ids)
        self.assertFalse(stranger.activity_ids.filtered(lambda each: each.user_id == self.belgians["seller"]))
        for digest in self.digests(self.belgians["seller"]):
            self.assertNotIn(stranger.name, digest.body)

    def test_who_has_left_is_replaced(self):
        leaver = self.people["seller"][2]
        leaver.active = False
        worker = self.people["worker"][0]
        task = self.task(users=worker)
        worker.active = False
        self.run_check()
        for move in self.documents[leaver]["invoices"]:
            [notice] = self.notices(move)
            self.assertTrue(notice.user_id.active)
            self.assertIn(self.french, notice.user_id.company_ids)
        self.assertEqual(self.notices(task).filtered(lambda n: n.state == "open").user_id, self.project.user_id)

    def test_a_task_of_nobody_is_the_project_managers(self):
        self.assertEqual(self.notices(self.task()).user_id, self.project.user_id)

    def test_every_change_that_makes_a_task_late_tells_at_once(self):
        first, second, manager = self.people["worker"]
        done = self.env["project.task.type"].create({"name": "Done", "fold": True})
        task = self.task(48, users=first)
        self.assertFalse(self.notices(task))
        task.date_deadline = fields.Datetime.now() - timedelta(hours=1)
        self.assertEqual(self.notices(task).user_id, first)
        task.user_ids = second
        self.assertEqual(self.notices(task).user_id, first | second)
        urgent = self.task(24, users=first)
        urgent.priority = "3"
        self.assertEqual(self.notices(urgent).kind, "task_critical")
        closed = self.task(-1, users=first, state="1_done", stage_id=done.id)
        self.assertFalse(self.notices(closed))
        closed.state = "01_in_progress"
        self.assertEqual(self.notices(closed).kind, "task_late")
        homeless = self.task(-1, project_id=self.env["project.project"].create({"name": "Old", "user_id": first.id}).id)
        homeless.project_id = self.project
        self.assertIn(manager, self.notices(homeless).user_id)

    def test_what_was_cured_and_is_late_again_is_told_again(self):
        worker = self.people["worker"][0]
        task = self.task(users=worker)
        move = self.documents[self.people["seller"][0]]["invoices"][0]
        self.run_check()
        task.state = "1_done"
        self.pay(move)
        self.run_check()
        self.assertEqual({*self.notices(task).mapped("state"), *self.notices(move).mapped("state")}, {"closed"})
        self.assertFalse(task.activity_ids | move.activity_ids)
        task.state = "01_in_progress"
        for payment in move.matched_payment_ids:
            payment.action_draft()
            payment.unlink()
        self.assertIn(move.payment_state, ("not_paid", "partial"))
        with freeze_time(fields.Datetime.now() + timedelta(hours=1)):
            self.run_check()
        for record in (task, move):
            self.assertEqual(sorted(self.notices(record).mapped("state")), ["closed", "open"])
            self.assertTrue(record.activity_ids)
            self.assertEqual(len(self.digests(self.notices(record).user_id)), 2)

    def test_the_second_instalment_is_late_by_itself(self):
        terms = self.env["account.payment.term"].create(
            {
                "name": "Half and half",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": days}) for days in (10, 60)
                ],
            }
        )
        move = self.invoice(days_late=0, invoice_payment_term_id=terms.id, amount=200)
        first = min(move.line_ids.mapped(lambda line: line.date_maturity or fields.Date.today()))
        self.assertLess(first, fields.Date.today())
        self.assertGreater(move.invoice_date_due, fields.Date.today())
        self.run_check()
        self.assertEqual(self.notices(move).occurrence, str(first))

    def test_every_two_hours_no_reminder_of_an_hour_is_lost(self):
        self.check.endpoint_interval = "2 hours"
        worker = self.people["worker"][0]
        events = [self.appointment(minutes, worker) for minutes in (5, 59, 61, 90, 119, 125)]
        later = self.appointment(200, worker)
        self.run_check()
        for event in events:
            self.assertTrue(self.notices(event).occurrence.endswith("-1h"), event.start)
        self.assertTrue(self.notices(later).occurrence.endswith("-24h"))
        with freeze_time(fields.Datetime.now() + timedelta(hours=2)):
            self.run_check()
        self.assertEqual(sorted(each[-3:] for each in self.notices(later).mapped("occurrence")), ["-1h", "24h"])
        self.assertEqual({len(self.notices(event)) for event in events}, {1})

    def test_an_appointment_says_what_when_and_where_to_its_guests_only(self):
        worker, manager = self.people["worker"][0], self.people["manager"][0]
        worker.tz = "Europe/Paris"
        event = self.appointment(600, worker, privacy="private", location="Rue Haute 1")
        self.run_check()
        body = self.digests(worker).body
        self.assertIn("Dentist", body)
        self.assertIn("Rue Haute 1", body)
        local = fields.Datetime.context_timestamp(event.with_context(tz="Europe/Paris"), event.start)
        self.assertRegex(body, rf"{int(local.strftime('%I'))}:{local:%M}|{local:%H:%M}")
        self.assertFalse(self.digests(manager))
        self.assertNotIn("Dentist", self.notices(event).title)

    def test_what_fails_for_one_person_is_told_to_the_others(self):
        one, two = self.people["worker"][:2]
        (self.task(users=one), self.task(users=two))
        original = type(self.env["mail.thread"]).message_notify

        def message_notify(thread, **kwargs):
            if kwargs["partner_ids"] == one.partner_id.ids:
                raise ValueError("broken")
            return original(thread, **kwargs)

        with (
            patch.object(type(self.env["mail.thread"]), "message_notify", message_notify),
            mute_logger("odoo.addons.lokario_billing.models.due_notice"),
        ):
            self.run_check()
        self.assertEqual((len(self.digests(one)), len(self.digests(two))), (0, 1))


@tagged("post_install", "-at_install")
class TestDocumentedUrls(DuePeopleCase, HttpCase):
    """Each URL does its work for several people of two companies, and says what the document says."""

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.dict(os.environ, CRON_SECRET=SECRET))
        self.foreign = self.invoices_of(self.belgians["seller"], company=self.belgian, count=2)

    def call(self, path, secret=SECRET):
        response = self.url_open(f"{path}?secret={secret}", timeout=120)
        self.env.invalidate_all()
        return response.status_code, response.json()["message"]

    def test_the_hourly_check(self):
        task = self.task(users=self.people["worker"][0])
        event = self.appointment(30, self.people["worker"][1])
        done = "Vérification des éléments en retard et des rappels terminée avec succès"
        for _twice in range(2):
            self.assertEqual(self.call(CHECK), (200, done))
        for seller in self.people["seller"]:
            self.assertEqual(len(self.digests(seller)), 1)
        self.assertEqual(self.notices(self.foreign[0]).user_id, self.belgians["seller"])
        self.assertTrue(self.notices(task) and self.notices(event))

    def test_the_automatic_followups(self):
        done = "Traitement des relances automatiques terminé avec succès"
        with self.sending():
            for _twice in range(2):
                self.assertEqual(self.call(FOLLOWUPS), (200, done))
        invoices = self.env["account.move"].concat(*(self.documents[user]["invoices"] for user in self.documents))
        for move in invoices | self.foreign:
            self.assertEqual(move.followup_ids.step_ids.mapped("state"), ["sent"], move.name)
        self.assertEqual(len(self.mails()), 2)  # one mail per customer and company

    JOBS = (
        (CHECK, "_cron_check_due", "ir_cron_check_due", "La vérification des éléments en retard et des rappels"),
        (
            FOLLOWUPS,
            "_cron_process_automatic",
            "ir_cron_process_followups",
            "Le traitement des relances automatiques",
        ),
    )

    def test_a_wrong_secret_and_a_failed_run(self):
        for path, method, job, what in self.JOBS:
            model = self.env[self.env.ref(f"lokario_billing.{job}").model_id.model]
            self.assertEqual(self.call(path, "wrong")[0], 403)
            with (
                patch.object(type(model), method, side_effect=RuntimeError("detail")),
                mute_logger("odoo.addons.base.models.ir_cron"),
            ):
                self.assertEqual(self.call(path), (500, f"{what} a échoué"))

    def test_a_run_under_way(self):
        for path, _method, job, what in self.JOBS:
            cron = self.env.ref(f"lokario_billing.{job}")
            with closing(self.registry._db.cursor()) as runner:
                single_flight.hold(runner, cron.id)
                with patch("odoo.addons.lokario_base.models.ir_cron.ENDPOINT_WAIT", 0.2):
                    status, message = self.call(path)
            self.assertEqual(status, 200)
            self.assertEqual(message.casefold(), f"{what} en cours".removeprefix("La ").removeprefix("Le ").casefold())
