from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestDueNotice(BillingCase):
    @classmethod
    def get_default_groups(cls):
        return super().get_default_groups() | cls.env.ref("project.group_project_manager")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ann = new_test_user(
            cls.env,
            "ann",
            "base.group_user,project.group_project_user,sales_team.group_sale_salesman",
            company_id=cls.company.id,
            company_ids=[fields.Command.set(cls.company.ids)],
            email="ann@alpha.test",
            lang="en_US",
        )
        cls.project = cls.env["project.project"].create({"name": "House"})
        cls.check = cls.env.ref("lokario_billing.ir_cron_check_due")

    def run_check(self):
        with self.enter_registry_test_mode():
            self.check.method_direct_trigger()
        self.env.invalidate_all()

    def task(self, hours, **values):
        return self.env["project.task"].create(
            {
                "name": "Roof",
                "project_id": self.project.id,
                "user_ids": [fields.Command.set(self.ann.ids)],
                "date_deadline": fields.Datetime.now() + timedelta(hours=hours),
                **values,
            }
        )

    def notices(self, record):
        return self.env["lokario.due.notice"].search([("res_model", "=", record._name), ("res_id", "=", record.id)])

    def digests(self):
        return (
            self.env["mail.message"]
            .sudo()
            .search(
                [
                    ("partner_ids", "in", self.ann.partner_id.ids),
                    ("message_type", "=", "user_notification"),
                    ("body", "like", "<ul>"),
                ]
            )
        )

    def test_overdue_invoice_reaches_its_user_once_and_closes_when_paid(self):
        move = self.invoice(invoice_user_id=self.ann.id)
        self.run_check()
        self.run_check()
        notice = self.notices(move)
        self.assertEqual((len(notice), notice.user_id, notice.kind), (1, self.ann, "invoice"))
        self.assertEqual(move.activity_ids.user_id, self.ann)
        self.pay(move)
        self.run_check()
        self.assertEqual(notice.state, "closed")
        self.assertFalse(move.activity_ids)

    def test_critical_task_becomes_late_and_is_told_each_time_once(self):
        task = self.task(24, priority="3")
        self.run_check()
        self.assertEqual(self.notices(task).mapped("kind"), ["task_critical"])
        with freeze_time(fields.Datetime.now() + timedelta(hours=25)):
            self.run_check()
            self.run_check()
        self.assertEqual(sorted(self.notices(task).mapped("kind")), ["task_critical", "task_late"])
        self.assertEqual(self.notices(task).filtered(lambda n: n.kind == "task_critical").state, "closed")

    def test_an_ordinary_task_is_not_critical(self):
        task = self.task(24, priority="0")
        self.run_check()
        self.assertFalse(self.notices(task))

    def test_task_already_late_is_told_at_once_and_not_again(self):
        task = self.task(-2)
        self.assertEqual(self.notices(task).kind, "task_late")
        self.run_check()
        self.assertEqual(len(self.notices(task)), 1)
        task.state = "1_done"
        self.run_check()
        self.assertEqual(self.notices(task).state, "closed")

    def test_appointment_at_24_hours_and_at_one_hour(self):
        start = fields.Datetime.now() + timedelta(hours=20)
        event = self.env["calendar.event"].create(
            {
                "name": "Visit",
                "start": start,
                "stop": start + timedelta(hours=1),
                "partner_ids": [fields.Command.set(self.ann.partner_id.ids)],
            }
        )
        self.run_check()
        self.run_check()
        with freeze_time(start - timedelta(minutes=30)):
            self.run_check()
        leads = [occurrence.split("-")[-1] for occurrence in self.notices(event).mapped("occurrence")]
        self.assertEqual(sorted(leads), ["1h", "24h"])

    def test_who_declined_is_not_reminded(self):
        start = fields.Datetime.now() + timedelta(hours=20)
        guests = self.ann.partner_id | self.env.user.partner_id
        event = self.env["calendar.event"].create(
            {
                "name": "Visit",
                "start": start,
                "stop": start + timedelta(hours=1),
                "partner_ids": [fields.Command.set(guests.ids)],
            }
        )
        event.attendee_ids.filtered(lambda attendee: attendee.partner_id == self.ann.partner_id).do_decline()
        self.run_check()
        self.assertEqual(self.notices(event).user_id, self.env.user)

    def test_an_event_with_alarms_of_its_own_is_not_doubled(self):
        start = fields.Datetime.now() + timedelta(hours=2)
        event = self.env["calendar.event"].create(
            {
                "name": "Visit",
                "start": start,
                "stop": start + timedelta(hours=1),
                "partner_ids": [fields.Command.set(self.ann.partner_id.ids)],
                "alarm_ids": [fields.Command.set(self.env.ref("calendar.alarm_notif_1").ids)],
            }
        )
        self.run_check()
        self.assertFalse(self.notices(event))

    def test_at_most_one_digest_per_person_and_hour(self):
        self.task(-2)
        self.run_check()
        self.assertEqual(len(self.digests()), 1)
        later = self.task(-3)
        self.run_check()
        self.assertEqual(len(self.digests()), 1)
        self.assertFalse(self.notices(later).digest_at)
        with freeze_time(fields.Datetime.now() + timedelta(minutes=61)):
            self.run_check()
        self.assertEqual(len(self.digests()), 2)

    def test_the_database_refuses_a_second_notice(self):
        notice = self.notices(self.task(-2))
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            notice.sudo().copy()
            self.env.flush_all()
