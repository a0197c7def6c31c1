import json
from unittest.mock import patch

from odoo.tests import HttpCase, tagged


@tagged("post_install", "-at_install")
class TestEndpoint(HttpCase):
    def test_answer_of_the_document(self):
        """The scheduled endpoint runs the cron and answers the document's sentence, by GET and POST."""
        runs = []
        integrations = type(self.env["inbox.integration"])
        self.patch(integrations, "_cron_sync_all", lambda self: runs.append(1))
        secret = "s" * 40
        with patch.dict("os.environ", {"CRON_SECRET": secret}):
            for data in (None, {"secret": secret}):
                url = "/inbox/integrations/sync-all" + ("" if data else f"?secret={secret}")
                answer = self.url_open(url, data=data)
                body = json.loads(answer.content)
                self.assertEqual((answer.status_code, body["success"]), (200, True))
                self.assertEqual(body["message"], "Synchronisation inbox terminée avec succès")
                self.assertTrue(body["timestamp"])
            self.assertEqual(len(runs), 2)
            self.assertEqual(self.url_open("/inbox/integrations/sync-all?secret=wrong").status_code, 403)
        self.assertEqual(len(runs), 2)

    def test_cron_is_the_documents(self):
        cron = self.env.ref("lokario_inbox.ir_cron_sync_all")
        self.assertEqual((cron.interval_number, cron.interval_type, cron.active), (5, "minutes", True))
        self.assertEqual(cron.endpoint_path, "/inbox/integrations/sync-all")
