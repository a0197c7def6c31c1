"""The follow-ups' URL does its work for several people of two companies, and says what the document says."""

import os
from contextlib import closing
from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from odoo.addons.lokario_base.tools import single_flight

from .people import DocumentsCase

SECRET = "0123456789abcdef0123456789abcdef-Aa"
FOLLOWUPS = "/followups/process-automatic"


@tagged("post_install", "-at_install")
class TestDocumentedUrls(DocumentsCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.startPatcher(patch.dict(os.environ, CRON_SECRET=SECRET))
        self.foreign = self.invoices_of(self.belgians["seller"], company=self.belgian, count=2)

    def call(self, secret=SECRET):
        response = self.url_open(f"{FOLLOWUPS}?secret={secret}", timeout=60)
        self.env.invalidate_all()
        return response.status_code, response.json()["message"]

    def test_the_automatic_followups(self):
        done = "Traitement des relances automatiques terminé avec succès"
        with self.sending():
            for _twice in range(2):
                self.assertEqual(self.call(), (200, done))
        invoices = self.env["account.move"].concat(*(self.documents[user]["invoices"] for user in self.documents))
        for move in invoices | self.foreign:
            self.assertEqual(move.followup_ids.step_ids.mapped("state"), ["sent"], move.name)
        self.assertEqual(len(self.mails()), 2)  # one mail per customer and company

    def test_a_wrong_secret_and_a_failed_run(self):
        self.assertEqual(self.call("wrong")[0], 403)
        failing = patch.object(
            type(self.env["lokario.followup"]), "_cron_process_automatic", side_effect=RuntimeError("detail")
        )
        with failing, mute_logger("odoo.addons.base.models.ir_cron"):
            self.assertEqual(self.call(), (500, "Le traitement des relances automatiques a échoué"))

    def test_a_run_under_way(self):
        with closing(self.registry._db.cursor()) as runner:
            single_flight.hold(runner, self.cron.id)
            with patch("odoo.addons.lokario_base.models.ir_cron.ENDPOINT_WAIT", 0.2):
                self.assertEqual(self.call(), (200, "Traitement des relances automatiques en cours"))
