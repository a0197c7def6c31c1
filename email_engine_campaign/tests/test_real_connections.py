from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.queue_job.job import Job

from .common import CampaignCommittedCase

USER = "email_engine_bridge.group_email_engine_bridge_user"
MANAGER = "email_engine_bridge.group_email_engine_bridge_manager"


@tagged("post_install", "-at_install")
class TestRealConnections(CampaignCommittedCase):
    """Two tenants of two companies, a manager and a user of each, real commits."""

    @classmethod
    def setUpPeople(cls):
        cls.belgium = cls.env["res.company"].create({"name": "Belgique SRL"})
        cls.api_user = cls.env.ref("email_engine_bridge.user_api")
        for company, suffix in ((cls.env.company, "fr"), (cls.belgium, "be")):
            companies = {"company_id": company.id, "company_ids": [Command.set(company.ids)]}
            setattr(cls, f"user_{suffix}", new_test_user(cls.env, f"user_{suffix}", USER, **companies))
            setattr(cls, f"manager_{suffix}", new_test_user(cls.env, f"manager_{suffix}", MANAGER, **companies))

    @classmethod
    def setUpData(cls):
        super().setUpData()
        cls.tenant_b.company_id = cls.belgium.id
        cls.list_b = cls.env["engine.contact.list"].create({"name": "News", "tenant_id": cls.tenant_b.id})
        cls.template_b = cls.env["engine.template"].create(
            {"name": "Offre", "tenant_id": cls.tenant_b.id, "subject": "Bonjour", "html": "<p>{{ city }}</p>"}
        )

    def setUp(self):
        super().setUp()
        self.tenant_b.write(
            {"delivery_host": self.tenant_a.delivery_host, "delivery_port": self.tenant_a.delivery_port}
        )
        self.look_again()

    def _campaigns(self, name):
        """One of each tenant, with two people each; committed."""
        for number, contact_list in enumerate((self.list, self.list_b)):
            self._add_contacts([f"{name}{number}{letter}@x.test" for letter in "ab"], contact_list)
        theirs = {"tenant_id": self.tenant_b.id, "template_id": self.template_b.id, "list_ids": self.list_b.ids}
        campaigns = self._create_campaign(name=name) + self._create_campaign(name=name, **theirs)
        self.env.cr.commit()
        return campaigns

    def _run_jobs(self):
        """As queue_job does: what a job was given by its caller's context is lost."""
        while jobs := self.connect()["queue.job"].search([("state", "=", "pending")]):
            for stored in jobs:
                env = self.connect()
                job = Job.load(env, stored.uuid)
                job.perform()
                job.set_done()
                job.store()
                env.cr.commit()

    def _fresh(self, records):
        return self.connect()[records._name].browse(records.ids)

    def test_managers_send_and_jobs_have_their_own_rights(self):
        for campaign, manager in zip(self._campaigns("own"), (self.manager_fr, self.manager_be), strict=True):
            mine = self.connect(manager.id)["engine.campaign"].browse(campaign.id)
            mine.action_send()
            mine.env.cr.commit()
            self._run_jobs()
            self.assertEqual(self._fresh(campaign).state, "sent")

    def test_users_look_and_nobody_touches_the_other_company(self):
        ours, theirs = self._campaigns("foreign")
        with self.assertRaises(AccessError):
            self.connect(self.user_fr.id)["engine.campaign"].browse(theirs.id).action_send()
        for user in (self.user_fr, self.manager_fr):
            self.assertEqual(self.connect(user.id)["engine.campaign"].search([("name", "=", "foreign")]).ids, ours.ids)

    def test_jobs_of_the_api_need_no_context(self):
        campaigns = self._campaigns("api")
        for campaign in campaigns:
            tenants = (campaign.tenant_id.id,)
            mine = self.connect(self.api_user.id, engine_tenant_ids=tenants)["engine.campaign"].browse(campaign.id)
            mine._send()
            mine.env.cr.commit()
        self._run_jobs()
        self.assertEqual(self._fresh(campaigns).mapped("state"), ["sent", "sent"])

    def test_unsubscribing_waits_for_nothing(self):
        """The request's own snapshot is older and its connection another; twice is once."""
        campaigns = self._campaigns("leave")
        campaigns.action_send()
        self.env.cr.commit()
        self._run_jobs()
        for campaign in campaigns:
            recipient = self._fresh(campaign).recipient_ids[0]
            recipient._unsubscribe()
            recipient._unsubscribe()
            recipient.env.cr.rollback()
            env = self.connect()
            found = env["engine.suppression"].search([("tenant_id", "=", campaign.tenant_id.id)])
            self.assertIn((recipient.email, "unsubscribe"), found.mapped(lambda one: (one.email, one.reason)))
            self.assertEqual(env["engine.campaign"].browse(campaign.id).unsubscribed_count, 1)

    def test_a_rolled_back_send_holds_no_quota(self):
        campaigns = self._campaigns("back")
        left, held = self.tenant_a.remaining_today, self.env["engine.lease"].search_count([("state", "=", "open")])
        env = self.connect()
        env["engine.campaign"].browse(campaigns.ids).action_send()
        env.cr.rollback()
        fresh = self.connect()
        self.assertEqual(fresh["engine.lease"].search_count([("state", "=", "open")]), held)
        self.assertEqual(fresh["engine.tenant"].browse(self.tenant_a.id).remaining_today, left)
        self.assertEqual(fresh["engine.campaign"].browse(campaigns.ids).mapped("state"), ["draft", "draft"])

    def test_a_refusing_delivery_server_pauses_and_says_so(self):
        campaigns = self._campaigns("refused")
        self.enterContext(self.mta.refusing("554 no service for you"))
        campaigns.action_send()
        self.env.cr.commit()
        self._run_jobs()
        for campaign in self._fresh(campaigns):
            self.assertEqual((campaign.state, campaign.sent_count, campaign.unknown_count), ("paused", 0, 0))
            self.assertIn("no service for you", " ".join(campaign.message_ids.mapped("body")))

    def test_batches(self):
        """Nothing, one and several campaigns of two companies at once."""
        campaigns = self._campaigns("batch")
        for batch in (campaigns.browse(), campaigns):
            batch.action_send()
            batch.action_pause()
            batch.action_resume()
            batch.action_cancel()
            batch.mapped("result_a")
        with self.assertRaisesRegex(UserError, "cannot become “Sending”"):
            campaigns.action_resume()
