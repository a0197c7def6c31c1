"""What the campaign tests start from: a template, a list of contacts, a stand-in PowerMTA."""

import tempfile
from pathlib import Path

from lokario_testing.environments import pmta
from odoo.addons.email_engine_bridge.tests.common import EngineCommittedCase, EngineHttpCase
from odoo.addons.email_engine_bridge.tools.template_renderer import shared_sandbox


class CampaignCommon:
    """For classes that also derive from EngineCommon; every test has its own MTA."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(lambda: shared_sandbox().close())

    @classmethod
    def setUpCampaigns(cls):
        cls.template = cls.env["engine.template"].create(
            {
                "name": "Offer",
                "tenant_id": cls.tenant_a.id,
                "subject": "Bonjour {{ first_name }}",
                "html": "<p>Hi [FNAME], <a href='https://shop.test/a?b=1&amp;c=2'>buy</a> {{ city }}</p>",
            }
        )
        cls.list = cls.env["engine.contact.list"].create({"name": "News", "tenant_id": cls.tenant_a.id})
        cls.ingest = cls.env["engine.contact.ingest"]

    def setUp(self):
        super().setUp()
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.accounting_file = Path(folder) / "acct.csv"
        self.mta = pmta.FakePowerMta(self.accounting_file)
        host, port = self.enterContext(pmta.serving(self.mta))
        self.tenant_a.write({"delivery_host": host, "delivery_port": port})

    def _add_contacts(self, addresses, contact_list=None):
        contact_list = contact_list or self.list
        body = "email,first_name,city\n" + "".join(f"{one},N{i},Lyon\n" for i, one in enumerate(addresses))
        return self.ingest._ingest(contact_list.tenant_id, body.encode(), "text/csv", lists=[contact_list.name])

    def _create_campaign(self, **values):
        return self.env["engine.campaign"].create(
            {
                "name": "Autumn",
                "tenant_id": self.tenant_a.id,
                "template_id": self.template.id,
                "list_ids": self.list.ids,
                **values,
            }
        )

    def _run_chunks(self, campaign):
        """What the job runner does with the queued chunks."""
        for chunk in campaign.chunk_ids.filtered(lambda one: one.state == "pending"):
            chunk._job_send()
        self.look_again()

    def _feed_back(self, tenants=None):
        """What PowerMTA's accounting pipe does with the rows written so far."""
        with self.accounting_file.open("rb") as stream:
            return self.env["engine.event.ingest"]._ingest(tenants or self.tenant_a, stream)

    def _states(self, campaign):
        self.look_again()
        return {one.email: one.state for one in campaign.recipient_ids}


class CampaignCommittedCase(CampaignCommon, EngineCommittedCase):
    DOORS = {
        **EngineCommittedCase.DOORS,
        "engine.campaign": (
            "_continue",
            "_job_prepare",
            "_send",
            "_take_up",
            "action_cancel",
            "action_pause",
            "action_resume",
            "action_schedule",
            "action_send",
            "action_test_seeds",
        ),
        "engine.campaign.chunk": ("_job_send",),
        "engine.campaign.recipient": ("_gc_journal", "_record_engagement", "_unsubscribe"),
        "engine.campaign.trial": ("_send",),
        "engine.campaign.try": ("action_send",),
        "engine.contact.import": ("_job_import", "action_import"),
        "engine.event.ingest": ("_ingest",),
        "engine.message": ("_gc_contents", "_gc_messages", "_submit"),
        "engine.suppression": ("_suppress",),
        "engine.tenant": (*EngineCommittedCase.DOORS["engine.tenant"], "action_allow", "action_stop"),
        "engine.throttle": ("_cron_learn", "action_lift"),
        "engine.transport.mailwizz": ("_job_hand_over", "_job_hand_over_message", "_job_stop"),
        "engine.transport.powermta": ("_reconcile",),
    }

    @classmethod
    def setUpData(cls):
        super().setUpData()
        cls.setUpCampaigns()


class CampaignHttpCase(CampaignCommittedCase, EngineHttpCase):
    """Campaigns through the API and the pages."""
