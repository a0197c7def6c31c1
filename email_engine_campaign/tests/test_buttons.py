from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.email_engine_bridge.tests.common import EngineCase

from .common import CampaignCommon


@tagged("post_install", "-at_install")
class TestButtons(CampaignCommon, EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.setUpCampaigns()

    def test_a_secret_is_shown_for_one_record_only(self):
        """Called with none or two, a button changes nothing."""
        tenants = self.tenant_a + self.tenant_b
        keys = self.env["engine.api.key"].create([{"name": one.name, "tenant_ids": one.ids} for one in tenants])
        sources = self.env["engine.webhook.source"].create(
            [{"name": one.name, "kind": "powermta", "tenant_id": one.id} for one in tenants]
        )
        targets = self.env["engine.webhook.target"].create(
            [{"url": "https://x.test/hook", "tenant_id": one.id} for one in tenants]
        )
        buttons = ((keys, "action_issue_token"), (sources, "action_new_token"), (targets, "action_show_secret"))
        for records, button in buttons:
            before = records.sudo().read()
            for chosen in (records.browse(), records):
                with self.subTest(button, count=len(chosen)), self.assertRaisesRegex(ValueError, "Expected singleton"):
                    getattr(chosen, button)()
            self.assertEqual(records.sudo().read(), before)
            self.assertEqual(getattr(records[0], button)()["res_model"], "engine.secret.shown")

    def test_a_trial_without_addresses_says_what_is_missing(self):
        trial = self.env["engine.campaign.try"].create({"campaign_id": self._create_campaign().id, "addresses": "x"})
        trial.addresses = " , "
        with self.assertRaisesRegex(UserError, "one to ten addresses"):
            trial.action_send()
        unsaved = self.env["engine.campaign.try"].new({"campaign_id": trial.campaign_id.id, "addresses": False})
        with self.assertRaisesRegex(UserError, "one to ten addresses"):
            unsaved.action_send()
