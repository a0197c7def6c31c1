from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.queue_job.tests.common import trap_jobs

from .common import CampaignCommittedCase


@tagged("post_install", "-at_install")
class TestSeeds(CampaignCommittedCase):
    """The tenant's own mailboxes get the message first; who looks into them says where it arrived."""

    @classmethod
    def setUpPeople(cls):
        super().setUpPeople()
        cls.user = new_test_user(cls.env, "seeds", groups="email_engine_bridge.group_email_engine_bridge_user")

    def test_sent_recorded_and_on_the_board(self):
        campaign = self._create_campaign().with_user(self.user)
        with self.assertRaisesRegex(UserError, "has no seed mailbox"):
            campaign.action_test_seeds()
        seeds = self.env["engine.seed"].with_user(self.user)
        for tenant, address in ((self.tenant_a, "Seed@Gmail.com"), (self.tenant_a, "seed@orange.fr")):
            seeds.create({"tenant_id": tenant.id, "email": address})
        self.env["engine.seed"].create({"tenant_id": self.tenant_b.id, "email": "theirs@gmail.com"})
        with self.assertRaisesRegex(UserError, "no address"):
            seeds.create({"tenant_id": self.tenant_a.id, "email": "nobody"})
        self.mta.messages = []
        with trap_jobs() as trap:
            campaign.action_test_seeds()
            trap.perform_enqueued_jobs()
        self.assertEqual(len(self.mta.messages), 2)
        self.assertFalse(any(b"theirs@" in message for message in self.mta.messages))
        gmail, orange = campaign.placement_ids.sorted("provider")
        self.assertEqual((gmail.email, gmail.provider, gmail.place), ("seed@gmail.com", "gmail", "waiting"))
        self._feed_back()
        of_tenant = [("tenant_id", "=", self.tenant_a.id)]
        self.assertEqual(set(self.env["engine.deliverability"].search(of_tenant).mapped("placement")), {False})
        gmail.action_inbox()
        orange.action_spam()
        self.assertEqual((orange.place, orange.seen_uid), ("spam", self.user))
        self.look_again()
        board = self.env["engine.deliverability"].with_user(self.user).search(of_tenant)
        self.assertEqual(board.grouped("provider")["gmail"].placement, "1 of 1 in the inbox")
        self.assertEqual(board.grouped("provider")["orange"].placement, "0 of 1 in the inbox")
        self.assertEqual(campaign.recipient_count, 0)
