"""Outages, clock changes and leap days, played through the hourly job itself."""

import os
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from freezegun import freeze_time
from odoo.tests import tagged

from .common import BillingCase

LONGEST = 45  # days
OUTAGES = range(1, LONGEST + 1) if os.environ.get("LOKARIO_FULL") else (1, 8, 20, LONGEST)
DUE = (date(2027, 3, 21), date(2027, 10, 24), date(2028, 2, 22))  # summer time, winter time, leap day a week later
DELAYS = (7, 14, 21)
PARIS = ZoneInfo("Europe/Paris")
HOUR = timedelta(hours=1)


@tagged("post_install", "-at_install")
class TestTimeTravel(BillingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"followup_opens": 8.0, "followup_closes": 18.0})
        cls.company.partner_id.tz = "Europe/Paris"

    def test_outages_lose_skip_and_bunch_nothing(self):
        for outage in OUTAGES:
            due = DUE[outage % len(DUE)]
            with self.subTest(outage=outage, due=due):
                self._check(due, self._play(due, outage, down_from=outage % 21, clock_back=outage % 2))

    def _play(self, due, outage, down_from, clock_back):
        """Let the job run from the due date on, but not during the outage; return the reminders' local times."""
        customer = self.customer.copy({"email": f"c{outage}@beta.test"})
        start = datetime.combine(due, datetime.min.time())
        down = start + timedelta(days=down_from)
        now, end = start, down + timedelta(days=outage + 60)
        with freeze_time(start) as clock:
            moves = self.invoice(0, partner=customer) | self.invoice(-3, partner=customer)
            while now < end and set(moves.followup_ids.mapped("state")) != {"done"}:
                for instant in (now, now - HOUR) if clock_back else (now,):
                    clock.move_to(instant)
                    self.run_cron()
                coming = [at for at in moves.followup_ids.mapped("next_at") if at and at > now]
                now = min(coming, default=now + 12 * HOUR)
                if down <= now < down + timedelta(days=outage):
                    now = down + timedelta(days=outage)
        self.assertEqual(set(moves.followup_ids.mapped("state")), {"done"})
        return [
            [_local(step.sent_at) for step in followup.step_ids.sorted("sequence")] for followup in moves.followup_ids
        ]

    def _check(self, due, histories):
        for history in histories:
            self.assertEqual(len(history), len(DELAYS))
            self.assertGreaterEqual((history[0].date() - due).days, DELAYS[0])
            for (before, after), delays in zip(pairwise(history), pairwise(DELAYS), strict=True):
                self.assertGreaterEqual((after.date() - before.date()).days, delays[1] - delays[0])
            self.assertTrue(all(8 <= sent.hour < 18 for sent in history))
        reminders = {sent for history in histories for sent in history}
        self.assertEqual(len({sent.date() for sent in reminders}), len(reminders), "one reminder per customer and day")
        mails = [mail for mail in self.mails() if "beta.test" in mail["To"]]
        self.assertEqual(len(mails), len(reminders))
        self.smtp.received.clear()


def _local(instant):
    return instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(PARIS)
