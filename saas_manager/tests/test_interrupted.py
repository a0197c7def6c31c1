from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import psycopg2
from odoo.tools import mute_logger

from odoo.addons.lokario_base.tests.committed import CommittedCase
from odoo.addons.lokario_base.tools.transaction import session_lock
from odoo.addons.queue_job.exception import RetryableJobError

from ..const import PROVISIONING_STEPS
from .common import QuietPostgres, QuietProcess, make_offer


class Killed(BaseException):
    """The process ended here."""


class TestInterrupted(CommittedCase):
    """Workers that are killed, paused or cut off; every commit is real."""

    def setUp(self):
        super().setUp()
        self.drops = []
        quiet = QuietPostgres()
        quiet.drop = lambda name, tag, unmarked=False: self.drops.append(name)
        self.startPatcher(patch.object(self.registry["saas.server"], "_get_postgres__", lambda _server: quiet))
        self.startPatcher(
            patch.object(self.registry["saas.server"], "_get_process__", lambda _server, _database: QuietProcess())
        )

    def new_instance(self, state, subdomain, **values):
        """An instance of a company's ordinary SaaS user, as life has left it."""
        plan, partner = make_offer(self.env, subdomain)[2:]
        instance = self.env["saas.instance"].create(
            {"name": subdomain, "subdomain": subdomain, "partner_id": partner.id, "plan_id": plan.id}
        )
        instance._set_guarded(state=state, is_deployed=state != "draft", **values)
        self.env["lokario.gate.route"]._lead_to(instance)
        self.env.cr.commit()
        return instance

    def jobs(self, instance, method):
        domain = [("method_name", "=", method), ("state", "=", "pending")]
        jobs = self.connect()["queue.job"].search(domain)
        return jobs.filtered(lambda job: job.records.ids == instance.ids)

    def now(self, instance):
        """The instance as others see it."""
        return instance.with_env(self.connect())

    def test_an_operation_that_was_killed_is_finished_by_the_next_run(self):
        for code, before, (model, step), after in (
            ("suspend", "active", ("lokario.gate.route", "_lead_to_page"), "suspended"),
            ("reactivate", "suspended", ("lokario.gate.route", "_lead_to"), "active"),
            ("terminate", "active", ("saas.instance", "_set_terminated"), "terminated"),
        ):
            with self.subTest(code):
                instance = self.new_instance(before, f"killed-{code}", activation_date="2026-01-02 03:04:05")
                with (
                    patch.object(self.registry[model], step, side_effect=Killed),
                    self.assertRaises(Killed),
                ):
                    getattr(instance, f"action_{code}")()
                self.assertEqual(self.now(instance).state, before)
                self.assertEqual(len(self.jobs(instance, "_job_resume")), 1)
                self.now(instance)._job_resume()
                self.now(instance)._job_resume()
                done = self.now(instance)
                self.assertEqual((done.state, done.operation), (after, False))
                self.assertEqual(len(done.mail_ids), 1)

    def test_what_is_under_way_refuses_another_wish_and_takes_its_own_again(self):
        instance = self.new_instance("active", "twice", activation_date="2026-01-02 03:04:05")
        with patch.object(self.registry["saas.instance"], "_set_terminated", side_effect=Killed):
            with self.assertRaises(Killed):
                instance.action_terminate("over")
        for action in ("action_suspend", "action_reactivate", "action_provision_instance"):
            with self.assertRaisesRegex(Exception, "being worked on"):
                getattr(self.now(instance), action)()
        self.now(instance).action_terminate()
        self.assertEqual(self.now(instance).state, "terminated")

    def test_work_without_a_job_is_queued_again_once(self):
        lost = self.new_instance("provisioning", "lost", attempt="a")
        begun = self.new_instance("active", "begun", operation="suspend")
        for _turn in range(2):
            self.connect()["saas.instance"]._cron_resume()
            env = self.connect()
            env["saas.instance"]._cron_resume()
            env.cr.commit()
        self.assertEqual(len(self.jobs(lost, "_job_provision")), 1)
        self.assertEqual(len(self.jobs(begun, "_job_resume")), 1)

    @contextmanager
    def steps(self, disturbed, disturb):
        """Let every step of a provisioning do nothing, but one."""
        model = self.registry["saas.instance"]
        with ExitStack() as stack:
            for code, _label, method in PROVISIONING_STEPS:
                action = disturb if code == disturbed else lambda *_arguments: None
                stack.enter_context(patch.object(model, method, action))
            yield

    def test_a_worker_that_was_overtaken_touches_nothing(self):
        """Paused, its time over, its successor at work: what it does when it wakes up is to stop."""
        instance = self.new_instance("provisioning", "paused", attempt="a")

        def overtaken(this, _run):
            with self.registry.cursor() as other:
                name = f"saas.instance:{this.uuid}"
                other.execute("UPDATE lokario_lease SET token = token + 1 WHERE name = %s", [name])
            self.drops.clear()
            raise psycopg2.InterfaceError("cursor already closed")

        with self.steps("customize", overtaken), self.assertRaises(RetryableJobError):
            instance._job_provision()
        self.assertEqual(self.drops, [])
        self.assertEqual(self.now(instance).state, "provisioning")

    @mute_logger("odoo.sql_db")
    def test_a_job_whose_connection_died_undoes_its_work(self):
        instance = self.new_instance("provisioning", "cut-off", attempt="a")

        def cut_off(this, _run):
            pid = this.env.cr.connection.info.backend_pid
            with self.registry.cursor() as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            this.env.cr.execute("SELECT 1")

        with self.steps("customize", cut_off):
            instance._job_provision()
        done = self.now(instance)
        self.assertEqual((done.state, done.is_deployed), ("error", False))
        self.assertTrue(done.error_message)
        self.assertFalse(done._routes()._of(done))

    def test_one_worker_at_a_time(self):
        instance = self.new_instance("active", "alone")
        with instance._alone() as first, patch(f"{instance._alone.__module__}.LEASE_WAIT", 0):
            self.assertTrue(first)
            with self.now(instance)._alone() as second:
                self.assertIsNone(second)

    def test_a_mail_that_another_worker_is_sending_is_not_interrupted(self):
        """Several recipients of one event have a job each: the younger one finds the elder mail under way."""
        instance = self.new_instance("active", "two-jobs", activation_date="2026-01-02 03:04:05")
        values = {"instance_id": instance.id, "kind": "suspended", "email_to": "two@jobs.test", "state": "sending"}
        mail = self.env["saas.instance.mail"].create({**values, "occasion": "two jobs"})
        self.env.cr.commit()
        with session_lock(self.connect(), mail._lock_name()) as living:
            self.assertTrue(living)
            self.now(mail)._job_send()
            self.assertEqual((self.now(mail).state, self.now(mail)._send_now()), ("sending", False))
        self.now(mail)._job_send()
        self.assertEqual(self.now(mail).state, "unknown", "its worker is dead")
