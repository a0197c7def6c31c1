"""The hourly check over tasks of several people, and what a change of a task does immediately."""

from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, TransactionCase, tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from odoo.addons.lokario_reminder.tests.common import CHECKED, ReminderMixin


class TaskCase(ReminderMixin, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.workers = cls.colleagues("project.group_project_user")
        cls.ann = cls.workers[0]
        cls.project = cls.env["project.project"].create(
            {"name": "House", "user_id": cls.workers[2].id, "privacy_visibility": "employees"}
        )

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


@tagged("post_install", "-at_install")
class TestLateTasks(TaskCase):
    def test_critical_task_becomes_late_and_is_told_each_time_once(self):
        task = self.task(24, self.ann, priority="3")
        self.run_check()
        self.assertEqual(self.notices(task).mapped("kind"), ["task_critical"])
        with freeze_time(fields.Datetime.now() + timedelta(hours=25)):
            self.run_check()
            self.run_check()
        self.assertEqual(sorted(self.notices(task).mapped("kind")), ["task_critical", "task_late"])
        self.assertEqual(self.notices(task).filtered(lambda n: n.kind == "task_critical").state, "closed")

    def test_an_ordinary_task_is_not_critical(self):
        task = self.task(24, self.ann, priority="0")
        self.run_check()
        self.assertFalse(self.notices(task))

    def test_templates_are_no_tasks(self):
        pattern = self.env["project.project"].create({"name": "Houses", "is_template": True})
        template = self.task(users=self.ann, is_template=True)
        kinds = ({"parent_id": template.id}, {"project_id": pattern.id}, {"project_id": False}, {})
        tasks = [template, *(self.task(users=self.ann, **values) for values in kinds)]
        self.run_check()
        self.assertEqual([bool(self.notices(task)) for task in tasks], [False, False, False, True, True])

    def test_task_already_late_is_told_immediately_and_not_again(self):
        task = self.task(users=self.ann)
        self.assertEqual(self.notices(task).kind, "task_late")
        self.run_check()
        self.assertEqual(len(self.notices(task)), 1)
        task.state = "1_done"
        self.run_check()
        self.assertEqual(self.notices(task).state, "closed")

    def test_at_most_one_digest_per_person_and_hour(self):
        self.task(-2, self.ann)
        self.run_check()
        self.assertEqual(len(self.digests(self.ann)), 1)
        later = self.task(-3, self.ann)
        self.run_check()
        self.assertEqual(len(self.digests(self.ann)), 1)
        self.assertFalse(self.notices(later).digest_at)
        with freeze_time(fields.Datetime.now() + timedelta(minutes=61)):
            self.run_check()
        self.assertEqual(len(self.digests(self.ann)), 2)

    def test_the_database_refuses_a_second_notice(self):
        notice = self.notices(self.task(users=self.ann))
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            notice.sudo().copy()
            self.env.flush_all()

    def test_several_tasks_of_one_person_are_one_digest(self):
        tasks = self.task(users=self.ann) | self.task(24, self.ann, priority="3")
        self.run_check()
        for task in tasks:
            self.assertEqual(self.notices(task).user_id, self.ann)
        self.assertEqual(self.digests(self.ann).body.count("<li>"), 2)

    def test_the_digest_is_in_the_readers_language_and_answers_go_to_his_company(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"]._load_module_terms(["lokario_reminder", "lokario_reminder_project"], ["fr_FR"])
        worker, other = self.workers[:2]
        worker.lang = "fr_FR"
        self.task(users=worker)
        (self.task(users=other), self.task(users=other))
        self.run_check()
        digest = self.digests(worker)
        self.assertEqual(digest.subject, "1 chose à regarder")
        self.assertIn("contact@alpha.test", digest.reply_to)
        self.assertEqual(self.digests(other).subject, "2 things to look at")

    def test_who_has_left_is_replaced(self):
        task = self.task(users=self.ann)
        self.ann.active = False
        self.run_check()
        self.assertEqual(self.notices(task).filtered(lambda n: n.state == "open").user_id, self.project.user_id)

    def test_a_task_of_nobody_is_the_project_managers(self):
        self.assertEqual(self.notices(self.task()).user_id, self.project.user_id)

    def test_every_change_that_makes_a_task_late_tells_immediately(self):
        first, second, manager = self.workers
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
        task = self.task(users=self.ann)
        self.run_check()
        task.state = "1_done"
        self.run_check()
        self.assertEqual(self.notices(task).mapped("state"), ["closed"])
        self.assertFalse(task.activity_ids)
        task.state = "01_in_progress"
        with freeze_time(fields.Datetime.now() + timedelta(hours=1)):
            self.run_check()
        self.assertEqual(sorted(self.notices(task).mapped("state")), ["closed", "open"])
        self.assertTrue(task.activity_ids)
        self.assertEqual(len(self.digests(self.ann)), 2)

    def test_what_fails_for_one_person_is_told_to_the_others(self):
        one, two = self.workers[:2]
        (self.task(users=one), self.task(users=two))
        original = type(self.env["mail.thread"]).message_notify

        def message_notify(thread, **kwargs):
            if kwargs["partner_ids"] == one.partner_id.ids:
                raise ValueError("broken")
            return original(thread, **kwargs)

        with (
            patch.object(type(self.env["mail.thread"]), "message_notify", message_notify),
            mute_logger("odoo.addons.lokario_reminder.models.due_notice"),
        ):
            self.run_check()
        self.assertEqual((len(self.digests(one)), len(self.digests(two))), (0, 1))


@tagged("post_install", "-at_install")
class TestDocumentedUrl(TaskCase, HttpCase):
    def test_the_hourly_check(self):
        task = self.task(users=self.ann)
        for _twice in range(2):
            self.assertEqual(self.call(), (200, CHECKED))
        self.assertEqual(len(self.notices(task)), 1)
        self.assertEqual(len(self.digests(self.ann)), 1)
