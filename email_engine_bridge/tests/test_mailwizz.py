from odoo.exceptions import UserError
from odoo.tests import tagged

from lokario_cli.worlds import mailwizz
from odoo.addons.queue_job.exception import RetryableJobError

from .common import EngineCase
from .common_campaigns import CampaignCommon


@tagged("post_install", "-at_install")
class TestMailWizzCampaign(CampaignCommon, EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.setUpCampaigns()

    def setUp(self):
        super().setUp()
        self.mailwizz = mailwizz.FakeMailWizz("key")
        self.url = self.enterContext(mailwizz.serving(self.mailwizz))
        self._add_contacts(["a@x.test", "b@x.test", "gone@x.test"])
        self.campaign = self._create_campaign(transport="mailwizz")

    def _connect(self):
        self.tenant_a.write({"mailwizz_url": self.url, "mailwizz_key": "key"})
        self.env.flush_all()

    def test_without_an_address_it_says_what_to_fill_in(self):
        with self.assertRaisesRegex(UserError, "MailWizz"):
            self.campaign._send()

    def test_people_message_and_unsubscribe_reach_mailwizz_once(self):
        """An outage in the middle is tried again: nobody and nothing is there twice."""
        self._connect()
        answer = self.campaign._send()
        self.assertEqual((answer["success"], answer["total_recipients"]), (True, 3))
        self.env["engine.suppression"]._suppress(self.tenant_a, ["gone@x.test"], "unsubscribe")
        self.mailwizz.fail_next = [503]
        try:
            self.campaign._job_mailwizz()
            self.fail("the job did not ask to be tried again")
        except RetryableJobError:
            pass
        self.campaign._job_mailwizz()
        self.campaign._job_mailwizz()
        [uid] = self.mailwizz.campaigns
        [list_uid] = self.mailwizz.lists
        self.assertEqual({email for _uid, email in self.mailwizz.subscribers}, {"a@x.test", "b@x.test"})
        self.assertEqual(self.mailwizz.campaigns[uid]["campaign[list_uid]"], list_uid)
        self.assertEqual(self.mailwizz.campaigns[uid]["campaign[subject]"], "Bonjour [FNAME]")
        self.assertIn("Hi [FNAME]", self.mailwizz.campaigns[uid]["html"])
        self.assertIn("[UNSUBSCRIBE_URL]", self.mailwizz.campaigns[uid]["html"])
        self.assertEqual((self.campaign.state, self.campaign.mailwizz_uid), ("sent", uid))
        self.assertEqual(set(self._states(self.campaign).values()), {"sent", "suppressed"})

    def test_a_refusal_pauses_the_campaign(self):
        self._connect()
        self.campaign._send()
        self.mailwizz.api_key = "changed"
        self.assertIn("Invalid API key", self.campaign._job_mailwizz())
        self.campaign.invalidate_recordset()
        self.assertEqual(self.campaign.state, "paused")
