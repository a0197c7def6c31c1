import threading
from contextlib import ExitStack, suppress

import psycopg2
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..tools.transaction import (
    FENCE,
    HiddenWait,
    LeaseLost,
    lease,
    own_transaction,
    repeating,
    retrying,
    session_lock,
    transaction,
)
from .committed import CommittedCase

INTEND = f"UPDATE res_partner SET ref = %(ref)s WHERE id = %(id)s AND {FENCE} RETURNING id"


@tagged("-at_install", "post_install")
class TestTransaction(CommittedCase):
    def setUp(self):
        super().setUp()
        self.partner = self.env["res.partner"].create({"name": "Ada"})
        self.other = self.env["res.partner"].create({"name": "Bob"})
        self.env.cr.commit()

    def read_committed(self, field="ref"):
        return self.connect()["res.partner"].browse(self.partner.id)[field]

    # === TRANSACTIONS === #

    def test_what_is_recorded_stays_when_the_caller_rolls_back(self):
        with own_transaction(self.partner) as mine:
            mine.ref = "sent"
        self.env.cr.rollback()
        self.assertEqual(self.read_committed(), "sent")

    def test_own_transaction_sees_what_others_committed_meanwhile(self):
        self.assertFalse(self.partner.ref)  # the caller's snapshot
        other = self.connect()
        other["res.partner"].browse(self.partner.id).ref = "written elsewhere"
        other.cr.commit()
        with own_transaction(self.partner) as mine:
            self.assertEqual(mine.ref, "written elsewhere")

    def test_an_exception_rolls_back(self):
        with self.assertRaises(ZeroDivisionError), own_transaction(self.partner) as mine:
            mine.ref = "half"
            mine.flush_recordset()
            raise ZeroDivisionError
        self.assertFalse(self.read_committed())

    def test_waiting_for_oneself_is_refused(self):
        self.partner.ref = "by the caller"
        with self.assertRaisesRegex(HiddenWait, "res_partner"), own_transaction(self.other) as mine:
            mine.ref = "beside it"
        self.env.cr.rollback()

    def test_a_lost_race_is_run_again(self):
        rival = self.connect()
        races = iter([True, True, False])

        def step():
            env = self.connect()
            env.cr.execute("SELECT ref FROM res_partner WHERE id = %s", [self.partner.id])
            if next(races):
                rival["res.partner"].browse(self.partner.id).ref = "rival"
                rival.cr.commit()
                rival.invalidate_all()
                rival["res.partner"].browse(self.partner.id).ref = False
                rival.cr.commit()
            env.cr.execute("UPDATE res_partner SET ref = 'done' WHERE id = %s", [self.partner.id], log_exceptions=False)
            env.cr.commit()
            return "recorded"

        self.assertEqual(retrying(step), "recorded")
        self.assertEqual(self.read_committed(), "done")

    def test_the_callers_own_transaction_is_run_again_after_a_lost_race(self):
        attempts = []

        def step():
            attempts.append(self.env["res.partner"].search_count([]))  # the snapshot is taken
            if len(attempts) == 1:
                other = self.connect()
                other["res.partner"].browse(self.partner.id).ref = "saved meanwhile"
                other.cr.commit()
            self.partner.ref = "mine"
            self.env.flush_all()

        with mute_logger("odoo.sql_db"):
            repeating(self.env.cr, step)
        self.env.cr.commit()
        self.assertEqual((len(attempts), self.read_committed()), (2, "mine"))
        with suppress(ZeroDivisionError):  # assertRaises has a savepoint, which a rollback ends
            repeating(self.env.cr, lambda: self.partner.write({"ref": "half"}) / 0)
        self.env.cr.commit()
        self.assertEqual(self.read_committed(), "mine")

    def test_other_errors_are_not_repeated(self):
        calls = []

        def step():
            calls.append(1)
            with transaction(self.env) as cr:
                cr.execute("SELECT 1/0", log_exceptions=False)

        with self.assertRaises(psycopg2.errors.DivisionByZero):
            retrying(step)
        self.assertEqual(len(calls), 1)

    # === ONE AT A TIME === #

    def test_session_lock_is_for_one_and_free_when_its_session_dies(self):
        with session_lock(self.env, "job") as first:
            with session_lock(self.env, "job") as second, session_lock(self.env, "another") as third:
                self.assertTrue(first)
                self.assertIsNone(second)
                self.assertTrue(third)
            self.end_session(first)
            with session_lock(self.env, "job") as successor:
                self.assertTrue(successor)

    def test_a_lease_is_for_one(self):
        with lease(self.env, "chunk 1", 60) as first:
            with lease(self.env, "chunk 1", 60) as second:
                self.assertIsNone(second)
            first.renew()
        with lease(self.env, "chunk 1", 60) as next_one:
            self.assertGreater(next_one.token, first.token)

    def test_a_hanging_worker_is_replaced_after_its_time(self):
        with lease(self.env, "chunk 2", 0) as hanging, lease(self.env, "chunk 2", 60) as successor:
            self.assertTrue(successor)
            with self.assertRaises(LeaseLost):
                hanging.renew()
            with lease(self.env, "chunk 2", 60) as third:
                self.assertIsNone(third)

    def test_an_awakened_worker_cannot_write_an_intent_beside_its_successor(self):
        with ExitStack() as stack:
            paused = stack.enter_context(lease(self.env, "chunk 3", 60))
            self.assertTrue(self.intend(paused, "first"))
            self.end_session(paused.cr)
            successor = stack.enter_context(lease(self.env, "chunk 3", 60))
            self.assertTrue(self.intend(successor, "second"))
            self.assertFalse(self.intend(paused, "awakened"))
            with self.assertRaises(LeaseLost):
                paused.renew()
        self.assertEqual(self.read_committed(), "second")

    def test_a_successor_waits_for_the_intent_under_way(self):
        """Else it would not see that the thing is begun, and begin it again."""
        seen = []
        with ExitStack() as stack:
            hanging = stack.enter_context(lease(self.env, "chunk 4", 0))
            cr = stack.enter_context(transaction(self.env))
            cr.execute(INTEND, {"ref": "begun", "id": self.partner.id, **hanging.values})
            env = self.connect()

            def take_over():
                with lease(env, "chunk 4", 60):
                    seen.append(self.read_committed())

            successor = threading.Thread(target=take_over)
            successor.start()
            successor.join(0.3)
            self.assertTrue(successor.is_alive())
            cr.commit()
            successor.join(120)
        self.assertEqual(seen, ["begun"])

    def test_leases_of_work_that_ended_long_ago_are_forgotten(self):
        for name, days in (("old", 31), ("new", 29)):
            with lease(self.env, name, 0):
                pass
            self.env.cr.execute(
                "UPDATE lokario_lease SET expires_at = now() - %s * interval '1 day' WHERE name = %s", [days, name]
            )
            self.env.cr.commit()  # the next lease is stored by another session
        self.env["lokario.lease"]._gc_leases()
        self.assertEqual(self.env["lokario.lease"].search([("name", "in", ("old", "new"))]).mapped("name"), ["new"])

    def intend(self, held, ref):
        with transaction(self.env) as cr:
            cr.execute(INTEND, {"ref": ref, "id": self.partner.id, **held.values})
            return cr.fetchone()

    def end_session(self, cr):
        self.env.cr.execute("SELECT pg_terminate_backend(%s, 5000)", [cr.connection.info.backend_pid])
