import io
import json
import logging
import os
import time
from contextlib import closing
from unittest.mock import patch

from freezegun import freeze_time
from odoo.exceptions import ValidationError
from odoo.tests import HttpCase, TransactionCase, tagged
from odoo.tools import mute_logger

from lokario_testing.environments.databases import VISITED_HOST
from odoo.addons.lokario_base.controllers import scheduled
from odoo.addons.lokario_base.tools import single_flight
from odoo.addons.lokario_gate import redaction

PATH = "/users/process-account-deletions"
SECRET = "0123456789abcdef0123456789abcdef-Aa"
CONTROLLER = "odoo.addons.lokario_base.controllers.scheduled"
DELETION = "odoo.addons.lokario_account.models.account_deletion.AccountDeletion"


def environment(**values):
    return patch.dict(os.environ, values)


@tagged("post_install", "-at_install")
class TestEndpoint(HttpCase):
    def setUp(self):
        super().setUp()
        self.startPatcher(environment(CRON_SECRET=SECRET))
        self.cron = self.env.ref("lokario_account.ir_cron_account_deletions")

    def call(self, secret=None, data=None, **headers):
        url = PATH + (f"?secret={secret}" if secret else "")
        response = self.url_open(url, data=data, headers=headers)
        return response.status_code, response.json()

    def assert_runs(self, count):
        self.cron.invalidate_recordset()
        self.assertEqual(len(self.cron.endpoint_run_ids), count)

    def test_the_documents_call(self):
        with self.assertLogs(CONTROLLER, logging.INFO) as logs:
            status, body = self.call(SECRET)
        self.assertEqual(status, 200)
        self.assertEqual(set(body), {"success", "message", "timestamp"})
        self.assertIs(body["success"], True)
        self.assertEqual(body["message"], "Traitement des suppressions de comptes terminé avec succès")
        self.assertRegex(body["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            ["🔄 Déclenchement du traitement des suppressions de comptes via API..."],
        )
        self.assertEqual(logs.records[0].levelno, logging.INFO)
        self.assert_runs(1)
        self.assertEqual(self.cron.last_run_state, "done")

    def test_every_way_to_give_the_secret(self):
        self.assertEqual(self.call(Authorization=f"Bearer {SECRET}")[0], 200)
        self.assertEqual(self.call(**{"X-Cron-Secret": SECRET})[0], 200)
        self.assertEqual(self.call(data={"secret": SECRET})[0], 200)
        self.assertEqual(self.call(SECRET, data={"x": "1"})[0], 200)
        self.assert_runs(4)

    def test_the_documented_address_holds_beside_a_proxys_own_header(self):
        self.assertEqual(self.call(SECRET, Authorization="Bearer of-a-gateway")[0], 200)
        self.assertEqual(self.call("wrong", Authorization="Bearer of-a-gateway")[0], 403)
        with environment(CRON_SECRET=f"+/{SECRET}\r\n"):  # of openssl rand -base64, and pasted with its line end
            self.assertEqual(self.call(f"+/{SECRET}")[0], 200)
        self.assert_runs(2)

    def test_wrong_or_missing_is_403_without_detail(self):
        for status, body in (
            self.call(),
            self.call("wrong"),
            self.call(SECRET.upper()),
            self.call(SECRET[:-1]),
            self.call("é" * 40),
            self.call(Authorization="Bearer nope"),
        ):
            self.assertEqual(status, 403)
            self.assertIn(body["message"], ("Access refused.", "Accès refusé."))
            self.assertIs(body["success"], False)
        self.assert_runs(0)

    def test_no_usable_secret_is_503_for_everybody(self):
        for configured in ("", "short", "x" * 31):
            with environment(CRON_SECRET=configured):
                self.assertEqual(self.call(configured)[0], 503)
        self.assert_runs(0)

    def test_the_development_switch_opens_for_loopback_only(self):
        with environment(CRON_SECRET="", LOKARIO_OPEN_ENDPOINTS="1"):
            self.assertEqual(self.call()[0], 200)
            self.assertEqual(self.call(**{"X-Forwarded-For": "203.0.113.9", "Host": VISITED_HOST})[0], 503)
        with environment(LOKARIO_OPEN_ENDPOINTS="1"):
            self.assertEqual(self.call()[0], 403, "a configured secret is always asked for")

    def test_a_failed_run_is_500_without_internals(self):
        with (
            patch(f"{DELETION}._to_erase", side_effect=RuntimeError("internal détail")),
            mute_logger("odoo.addons.base.models.ir_cron"),
        ):
            status, body = self.call(SECRET)
        self.assertEqual(status, 500)
        self.assertEqual(body["message"], "Le traitement des suppressions de comptes a échoué")
        self.assertNotIn("internal", json.dumps(body))
        self.cron.invalidate_recordset()
        self.assertEqual(self.cron.last_run_state, "failed")

    def test_a_neutralized_copy_runs_nothing(self):
        self.env["ir.config_parameter"].set_param("database.is_neutralized", True)
        self.assertEqual(self.call(SECRET)[0], 503)
        self.assert_runs(0)

    def test_the_secret_is_not_in_the_access_log(self):
        handler = logging.StreamHandler(io.StringIO())
        with patch.object(logging.getLogger(), "handlers", [handler]):
            redaction.install()
            self.call(SECRET)
            self.call("guessed-secret")
        lines = handler.stream.getvalue()
        self.assertIn("secret=***", lines)
        self.assertNotIn(SECRET, lines)
        self.assertNotIn("guessed-secret", lines)

    def test_a_run_that_takes_longer_is_en_cours(self):
        with closing(self.registry._db.cursor()) as runner:
            single_flight.hold(runner, self.cron.id)
            with patch("odoo.addons.lokario_base.models.ir_cron.ENDPOINT_WAIT", 0.2):
                status, body = self.call(SECRET)
        self.assertEqual((status, body["success"]), (200, True))
        self.assertEqual(body["message"], "Traitement des suppressions de comptes en cours")
        self.assert_runs(0)

    def test_the_ninth_caller_does_not_wait(self):
        with closing(self.registry._db.cursor()) as runner, closing(self.registry._db.cursor()) as waiter:
            single_flight.hold(runner, self.cron.id)
            slots = [self.cron.id * single_flight.MAX_SLOTS + slot for slot in range(8)]
            for slot in slots:
                waiter.execute("SELECT pg_advisory_xact_lock(%s, %s)", [single_flight.SLOT_LOCK, slot])
            start = time.monotonic()
            status, body = self.call(SECRET)
            self.assertLess(time.monotonic() - start, 60)
        self.assertEqual((status, body["message"]), (200, "Traitement des suppressions de comptes en cours"))

    def test_other_methods_are_refused(self):
        response = self.opener.delete(self.base_url() + PATH, timeout=120)
        self.assertEqual(response.status_code, 405)


@tagged("post_install", "-at_install")
class TestSchedule(TransactionCase):
    def setUp(self):
        super().setUp()
        self.cron = self.env.ref("lokario_account.ir_cron_account_deletions")

    def test_interval_is_one_of_the_documents_and_aligned(self):
        with freeze_time("2026-05-04 10:20:00"):
            self.cron.endpoint_interval = "1 hours"
        self.assertEqual((self.cron.interval_number, self.cron.interval_type), (1, "hours"))
        self.assertEqual(self.cron.nextcall.minute, 0)
        self.assertIn("0 * * * *", self.cron.endpoint_crontab)
        self.assertTrue(self.cron.endpoint_url.endswith(PATH))
        with self.assertRaisesRegex(ValidationError, "Every hour"):
            self.cron.endpoint_interval = "5 minutes"

    def test_interval_survives_an_update(self):
        data = self.env["ir.model.data"].search([("model", "=", "ir.cron"), ("res_id", "=", self.cron.id)])
        self.assertTrue(data.noupdate)

    def test_nightly_in_the_companys_zone_on_both_dst_nights(self):
        company = self.env.ref("base.main_company")
        company.partner_id.tz = "Europe/Paris"
        for at, expected in (
            ("2026-01-10 12:00:00", "2026-01-11 01:00:00"),
            ("2026-03-28 12:00:00", "2026-03-29 01:00:00"),  # 02:00 does not exist: the clock jumps then
            ("2026-10-24 12:00:00", "2026-10-25 00:00:00"),  # 02:00 comes twice: the first one
            ("2026-10-25 00:30:00", "2026-10-26 01:00:00"),  # never twice in the night that has it twice
        ):
            with freeze_time(at):
                self.assertEqual(str(self.cron._first_nightly_call()), expected)

    def test_odoos_own_button_runs_nothing_in_the_request(self):
        crons = self.registry["ir.cron"]
        with (
            self.enter_registry_test_mode(),
            patch.object(crons, "_runs_beside_requests", return_value=True),
            patch.object(crons, "_start_endpoint_run__"),
            patch("odoo.addons.lokario_base.models.ir_cron.ENDPOINT_WAIT", 0.2),
        ):
            self.cron.method_direct_trigger()
        self.assertFalse(self.cron.endpoint_run_ids)

    def test_late(self):
        self.cron.endpoint_run_ids.unlink()
        run = {"cron_id": self.cron.id, "state": "done"}
        self.cron.endpoint_run_ids.create(
            {**run, "started_at": "2026-05-01 02:00:00", "ended_at": "2026-05-01 02:01:00"}
        )
        with freeze_time("2026-05-02 02:05:00"):
            self.cron.invalidate_recordset()
            self.assertFalse(self.cron.is_late)
        with freeze_time("2026-05-02 02:30:00"):
            self.cron.invalidate_recordset()
            self.assertTrue(self.cron.is_late)

    def test_a_killed_run_is_shown_as_interrupted(self):
        self.cron.endpoint_run_ids.unlink()
        runs = self.env["lokario.scheduled.run"]
        dead = runs.create({"cron_id": self.cron.id, "state": "running", "started_at": "2026-05-01 02:00:00"})
        self.assertEqual(self.cron.last_run_state, "interrupted")
        with self.enter_registry_test_mode():
            self.cron.method_direct_trigger()
        dead.invalidate_recordset()
        self.assertEqual(dead.state, "interrupted")
        self.assertEqual(self.cron.last_run_state, "done")


@tagged("post_install", "-at_install")
class TestSingleFlight(TransactionCase):
    """With real connections: the locks are about different sessions."""

    JOB = 2_000_000

    def cursor(self):
        return self.enterContext(closing(self.registry._db.cursor()))

    def test_one_holds_the_others_see_it(self):
        runner, other = self.cursor(), self.cursor()
        single_flight.hold(runner, self.JOB)
        self.assertFalse(single_flight.is_free(other, self.JOB))
        self.assertFalse(single_flight.wait_for_end(other, self.JOB, 0.05))
        other.rollback()
        runner.rollback()
        self.assertTrue(single_flight.wait_for_end(other, self.JOB, 5))

    def test_a_dead_runner_frees_those_who_wait(self):
        runner, other = self.cursor(), self.cursor()
        single_flight.hold(runner, self.JOB)
        runner._cnx.close()
        self.assertTrue(single_flight.wait_for_end(other, self.JOB, 5))

    def test_slots_of_waiting_callers_are_limited(self):
        cursors = [self.cursor() for _ in range(4)]
        self.assertEqual([single_flight.take_slot(cr, self.JOB, 3) for cr in cursors], [True, True, True, False])
        cursors[1].rollback()
        self.assertTrue(single_flight.take_slot(cursors[3], self.JOB, 3))

    def test_a_look_tells_who_may_wait(self):
        runner, *callers = (self.cursor() for _ in range(4))
        self.assertEqual(single_flight.look(callers[0], self.JOB, 2)[1:], (True, False))
        callers[0].rollback()
        single_flight.hold(runner, self.JOB)
        looks = [single_flight.look(caller, self.JOB, 2) for caller in callers]
        self.assertEqual([look[1:] for look in looks], [(False, True), (False, True), (False, False)])
        self.assertLess(looks[0][0], looks[1][0])


@tagged("post_install", "-at_install")
class TestSecretRule(TransactionCase):
    def test_length(self):
        self.assertFalse(scheduled.is_secret_usable("x" * 31))
        self.assertTrue(scheduled.is_secret_usable("x" * 32))
