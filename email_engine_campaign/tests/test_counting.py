import random
from collections import Counter
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import CampaignCommittedCase

MESSAGE = "X-Virtual-MTA: %s\r\nX-Job: %s\r\nMessage-ID: <%s@x.test>\r\n\r\nHi"


@tagged("post_install", "-at_install")
class TestCounting(CampaignCommittedCase):
    """Whoever feeds an IP: what the stand-in for PowerMTA took for it is what its days count."""

    def setUp(self):
        super().setUp()
        self.dice = random.Random(self._testMethodName)
        self.number = 0

    def _feed(self, ip, count, job="t1-mailwizz", fate="p", person=None):
        """Mail of somebody else than our campaigns, straight to PowerMTA."""
        for _turn in range(count):
            self.number += 1
            rcpt = person or f"{fate}-{self.number}@x.test"
            message = MESSAGE % (ip.vmta_name, job, self.number)
            self.mta.accept("news@alpha.test", rcpt, message.encode())

    def _send_by_script(self, ip, count):
        [grant] = self.quota._reserve(ip.tenant_id, count, ips=ip)
        self._feed(ip, count, job="")
        return lambda: self.quota._settle(grant["reservation"], count)

    def _ingest_in_pieces(self, lines):
        """The rows in any order, in files that overlap."""
        header, *rows = lines
        self.dice.shuffle(rows)
        while rows:
            cut = self.dice.randint(1, len(rows))
            overlap = self.dice.sample(rows, len(rows) // 3)
            self.env["engine.event.ingest"]._ingest(
                self.tenant_a, ["\r\n".join([header, *rows[:cut], *overlap]).encode()]
            )
            rows = rows[cut:]

    def _counted(self, ip):
        ip.day_ids.invalidate_recordset()
        return sum(ip.day_ids.mapped("sent"))

    def test_counted_is_what_left(self):
        self._add_contacts([f"{fate}-{n}@x.test" for n in range(6) for fate in ("p", "bounce", "defer")])
        campaign = self._create_campaign()
        campaign._send()
        self._run_chunks(campaign)
        self.env["engine.campaign.trial"]._send(campaign, ["me@x.test"], {})
        settles = []
        for ip in (self.ip_a1, self.ip_a2):
            self._feed(ip, self.dice.randint(3, 9))
            self._feed(ip, self.dice.randint(3, 9), fate="bounce")
            self._feed(ip, 2, person="operator@x.test")  # within one second
            settles.append(self._send_by_script(ip, 5))
        settles.pop()()  # one reports before its records are here, one after
        lines = self.accounting_file.read_text().splitlines()
        self._ingest_in_pieces(lines)
        settles.pop()()
        self._ingest_in_pieces(lines)
        left = Counter(self.mta.by_vmta)
        for ip in (self.ip_a1, self.ip_a2):
            self.assertEqual(self._counted(ip), left[ip.vmta_name])
            today = self.quota._read_today(self.tenant_a, ip)[ip.id]
            self.assertEqual(today["remaining"], max(0, today["quota"] - today["sent"] - today["reserved"]))

    def test_a_late_file_counts_on_its_own_day(self):
        now = fields.Datetime.now()
        yesterday = now - timedelta(days=1)
        self._feed(self.ip_a1, 7)
        text = self.accounting_file.read_text().replace(f"{now:%Y-%m-%d}", f"{yesterday:%Y-%m-%d}")
        self._ingest_in_pieces(text.splitlines())
        [day] = self.ip_a1.day_ids
        self.assertEqual((day.day, day.sent), (yesterday.date(), 7))
        self.assertEqual(self.quota._read_today(self.tenant_a)[self.ip_a1.id]["remaining"], 50)

    def test_mail_of_others_uses_the_quota_and_pauses_the_ip(self):
        self._feed(self.ip_a1, 20)
        self._feed(self.ip_a1, 25, fate="bounce")
        self._ingest_in_pieces(self.accounting_file.read_text().splitlines())
        self.assertEqual(self.quota._read_today(self.tenant_a)[self.ip_a1.id]["remaining"], 5)
        self.assertFalse(self.quota._reserve(self.tenant_a, 6, ips=self.ip_a1))
        self.env["engine.warmup"]._judge_today(self.ip_a1)
        self.assertEqual(self.ip_a1.status, "paused")
        self.assertEqual(self.ip_a2.status, "warming")

    def test_bounces_without_recorded_mail_are_a_finding(self):
        self._count_events(self.ip_a1, self.tenant_a._get_today(), bounced=30)
        self.env["engine.warmup"]._judge_today(self.ip_a1)
        self.assertEqual(self.ip_a1.status, "held")
        self.assertIn("not counted", self.ip_a1.status_reason)
