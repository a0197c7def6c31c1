import os
from unittest.mock import patch

from odoo.tests import HttpCase, tagged

SECRET = "0123456789abcdef0123456789abcdef-Aa"
ENDPOINTS = {
    "/followups/process-automatic": "Traitement des relances automatiques terminé avec succès",
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
        """`/json/2` reaches what buttons reach, not the private methods of the job."""
        user = self.env.ref("base.user_admin")
        user.group_ids += self.env.ref("lokario_billing.group_lokario_billing_manager")
        self.key = self.env["res.users.apikeys"].with_user(user)._generate("rpc", "test", None)
        cron = self.env.ref("lokario_billing.ir_cron_process_followups")
        self.assertEqual(self.call("ir.cron/method_direct_trigger", ids=cron.ids).status_code, 200)
        self.assertEqual(self.call("lokario.followup/_cron_process_automatic").status_code, 404)

    def test_followups_by_json2(self):
        self.env["res.lang"]._activate_lang("en_US")
        user = self.env.ref("base.user_admin")
        user.group_ids += self.env.ref("lokario_billing.group_lokario_billing_manager")
        self.key = self.env["res.users.apikeys"].with_user(user)._generate("rpc", "test", None)
        partner = self.env["res.partner"].create({"name": "Bêta", "email": "compta@beta.test"})
        followup = self.env["lokario.followup"].create({"partner_id": partner.id, "kind": "missing_info"})
        for action, facts in {
            "action_toggle_auto": {"auto_enabled": False},
            "action_send_now": {"step_count": 1},
            "action_mark_done": {"state": "done", "closed_by_hand": True},
            "action_reopen": {"closed_by_hand": False},
            "action_refused": {"refused": True},
        }.items():
            answer = self.call(f"lokario.followup/{action}", ids=followup.ids)
            self.assertEqual(answer.status_code, 200, f"{action}: {answer.text}")
            self.env.invalidate_all()
            self.assertEqual({name: followup[name] for name in facts}, facts, action)
        company = self.env.company
        pause = {"vals": {"followup_paused_until": "2030-01-01"}}
        self.assertEqual(self.call("res.company/write", ids=company.ids, **pause).status_code, 200)
        self.assertEqual(str(company.followup_paused_until), "2030-01-01")

    def call(self, path, **body):
        return self.url_open(f"/json/2/{path}", json=body, headers={"Authorization": f"Bearer {self.key}"})
