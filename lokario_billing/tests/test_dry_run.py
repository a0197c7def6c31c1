"""The dry run foretells exactly what the hourly job does, on random portfolios."""

import os
import random
from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.tests import tagged

from ..tools.followup_simulation import TICK, next_tick
from .common import BillingCase

PORTFOLIOS = int(os.environ.get("LOKARIO_PORTFOLIOS", "12"))
DAYS = 30


@tagged("post_install", "-at_install")
class TestDryRun(BillingCase):
    def test_forecast_is_what_happens(self):
        """Each portfolio: a customer with invoices, some promised, disputed, switched off; then 30 days of the job."""
        rng = random.Random(7)
        self.company.write({"followup_opens": 8.0, "followup_closes": 18.0, "followup_days": "week"})
        followups = self.env["lokario.followup"]
        for number in range(PORTFOLIOS):
            followups |= self._portfolio(rng, number)
        forecast = followups._forecast(DAYS)
        foretold = sorted((d.at, d.document.key, d.level.sequence) for d in forecast.sent)
        instants = sorted({at for at, _key, _level in foretold} | self._quiet_instants(rng))
        with freeze_time(instants[0]) as clock:  # one clock: each new one goes through all modules
            for instant in instants:
                clock.move_to(instant)
                self.run_cron()
        steps = followups.step_ids.filtered(lambda step: step.state == "sent")
        happened = sorted((next_tick(step.sent_at), step.followup_id.id, step.sequence) for step in steps)
        self.assertEqual(happened, foretold)
        self.assertEqual({d.document.key for d in forecast.silent}, set(followups.ids))
        self.assertTrue(all(decision.why for decision in forecast.silent))

    def _quiet_instants(self, rng):
        """Some of the other hourly runs, at which nothing may happen."""
        start = next_tick(fields.Datetime.now())
        return {start + rng.randrange(24 * DAYS) * TICK for _run in range(10)}

    def _portfolio(self, rng, number):
        customer = self.env["res.partner"].create({"name": f"C{number}", "email": f"c{number}@beta.test"})
        moves = self.env["account.move"]
        for _invoice in range(rng.randint(1, 3)):
            moves |= self.invoice(rng.randint(-10, 40), rng.randint(10, 500), partner=customer)
        for move in moves:
            move.action_view_followup()
            followup = move.followup_ids
            event = rng.choice(["", "", "promise", "dispute", "off"])
            if event == "promise":
                day = fields.Date.today() + timedelta(days=rng.randint(1, 20))
                followup.promise_ids = [fields.Command.create({"promised_for": day})]
            elif event == "dispute":
                followup.dispute_ids = [fields.Command.create({"reason": "Wrong"})]
            elif event == "off":
                followup.auto_enabled = False
        return moves.followup_ids
