from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import CampaignCommittedCase


@tagged("post_install", "-at_install")
class TestButtons(CampaignCommittedCase):
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

    def test_a_copy_of_a_template_has_a_name_of_its_own(self):
        """In a tenant with several, and in one of two tenants."""
        other = self.template.copy({"tenant_id": self.tenant_b.id, "name": "Offer"})
        first, of_other = (self.template | other).copy()
        self.assertEqual((first.name, of_other.name), ("Offer (2)", "Offer (2)"))
        self.assertEqual([self.template.copy().name, first.copy().name], ["Offer (3)", "Offer (2) (2)"])

    def test_a_refused_campaign_says_why_in_french(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"]._load_module_terms(["email_engine_campaign"], ["fr_FR"])
        nobody, french = self._create_campaign(), {"lang": "fr_FR"}
        with self.assertRaisesRegex(UserError, "Aucun destinataire"):
            nobody.with_context(**french).action_send()
        self._add_contacts(["a@x.test"])
        (self.ip_a1 | self.ip_a2).status = "paused"
        for campaign in (nobody, self._create_campaign()):
            with self.assertRaisesRegex(UserError, "Aucune adresse IP"):
                campaign.with_context(**french).action_send()
        trial = self.env["engine.campaign.try"].create({"campaign_id": nobody.id, "addresses": "a@x.test"})
        with self.assertRaisesRegex(UserError, "Aucune adresse IP"):
            trial.with_context(**french).action_send()

    def test_a_trial_without_addresses_says_what_is_missing(self):
        trial = self.env["engine.campaign.try"].create({"campaign_id": self._create_campaign().id, "addresses": "x"})
        trial.addresses = " , "
        with self.assertRaisesRegex(UserError, "one to ten addresses"):
            trial.action_send()
        unsaved = self.env["engine.campaign.try"].new({"campaign_id": trial.campaign_id.id, "addresses": False})
        with self.assertRaisesRegex(UserError, "one to ten addresses"):
            unsaved.action_send()
