from contextlib import closing
from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from odoo.addons.lokario_base.tools import single_flight

from .common import CHECK, CHECKED, SECRET, ReminderMixin

FAILED = "La vérification des éléments en retard et des rappels a échoué"
RUNNING = "Vérification des éléments en retard et des rappels en cours"


@tagged("post_install", "-at_install")
class TestScheduled(ReminderMixin, HttpCase):
    def test_the_documents_answers(self):
        for data in (None, {}):
            self.assertEqual(self.call(data=data, method="POST" if data == {} else "GET"), (200, CHECKED))

    def test_a_wrong_secret_runs_nothing(self):
        runs = self.check.endpoint_run_ids
        self.assertEqual(self.call("wrong")[0], 403)
        self.assertEqual(self.check.endpoint_run_ids, runs)

    def test_a_failed_run(self):
        failing = patch.object(type(self.env["lokario.due.notice"]), "_cron_check_due", side_effect=RuntimeError)
        with failing, mute_logger("odoo.addons.base.models.ir_cron"):
            self.assertEqual(self.call(), (500, FAILED))

    def test_a_run_under_way(self):
        with closing(self.registry._db.cursor()) as runner:
            single_flight.hold(runner, self.check.id)
            with patch("odoo.addons.lokario_base.models.ir_cron.ENDPOINT_WAIT", 0.2):
                self.assertEqual(self.call(), (200, RUNNING))

    def test_the_url_names_the_job(self):
        self.assertEqual((self.check.endpoint_path, SECRET in self.check.code), (CHECK, False))
