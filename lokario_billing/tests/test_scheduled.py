import os
from unittest.mock import patch

from odoo.tests import HttpCase, tagged

SECRET = "0123456789abcdef0123456789abcdef-Aa"
ENDPOINTS = {
    "/followups/process-automatic": "Traitement des relances automatiques terminé avec succès",
    "/cron/check-overdue-and-reminders": "Vérification des éléments en retard et des rappels terminée avec succès",
}


@tagged("post_install", "-at_install")
class TestScheduled(HttpCase):
    def setUp(self):
        super().setUp()
        self.startPatcher(patch.dict(os.environ, CRON_SECRET=SECRET))

    def test_the_documents_answers(self):
        for path, message in ENDPOINTS.items():
            for method in ("GET", "POST"):
                data = {} if method == "POST" else None
                response = self.url_open(f"{path}?secret={SECRET}", data=data, method=method)
                self.assertEqual((response.status_code, response.json()["message"]), (200, message))
                self.assertIs(response.json()["success"], True)
                self.assertRegex(response.json()["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")

    def test_wrong_secret_runs_nothing(self):
        for path in ENDPOINTS:
            self.assertEqual(self.url_open(f"{path}?secret=wrong").status_code, 403)
        crons = self.env["ir.cron"].search([("endpoint_path", "in", list(ENDPOINTS))])
        self.assertFalse(crons.endpoint_run_ids)

    def test_the_same_actions_by_json2(self):
        """`/json/2` reaches the buttons, not the private methods of the job."""
        user = self.env.ref("base.user_admin")
        key = self.env["res.users.apikeys"].with_user(user)._generate("rpc", "test", None)
        cron = self.env.ref("lokario_billing.ir_cron_process_followups")
        answer = self.url_open(
            "/json/2/ir.cron/method_direct_trigger",
            json={"ids": cron.ids},
            headers={"Authorization": f"Bearer {key}"},
        )
        self.assertEqual(answer.status_code, 200)
        private = self.url_open(
            "/json/2/lokario.followup/_cron_process_automatic",
            json={},
            headers={"Authorization": f"Bearer {key}"},
        )
        self.assertEqual(private.status_code, 404)
