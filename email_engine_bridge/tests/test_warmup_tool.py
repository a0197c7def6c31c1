from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from odoo.addons.lokario_base.tools.confidence import lower_bound

from ..tools import health, warmup


def play(plan, days):
    """Return the progress after days given as (share of the quota that was sent, healthy)."""
    progress = warmup.Progress()
    for share, healthy in days:
        quota = warmup.quota_of(plan, progress)
        progress = warmup.consolidate(plan, progress, quota=quota, sent=round(quota * share), healthy=healthy).progress
    return progress


@tagged("post_install", "-at_install")
class TestWarmupPlan(BaseCase):
    plan = warmup.document_plan()

    def test_the_plan_of_the_document(self):
        quotas = [stage.quota for stage in self.plan.stages]
        self.assertEqual(quotas, [50, 200, 500, 1500, 5000, 10000])
        self.assertEqual(self.plan.total, 120750)
        self.assertEqual(warmup.phase_of(self.plan, warmup.Progress()), "week_1")

    def test_active_after_day_42(self):
        self.assertEqual(warmup.phase_of(self.plan, play(self.plan, [(1, True)] * 41)), "week_6")
        after = play(self.plan, [(1, True)] * 42)
        self.assertEqual(warmup.phase_of(self.plan, after), "active")
        self.assertEqual(warmup.quota_of(self.plan, after), 10000)

    def test_five_ips_one_a_week_give_17200_in_week_6(self):
        weeks = [play(self.plan, [(1, True)] * 7 * weeks) for weeks in (5, 4, 3, 2, 1)]
        self.assertEqual(sum(warmup.quota_of(self.plan, progress) for progress in weeks), 17200)
        active = play(self.plan, [(1, True)] * 42)
        capacity = {count: count * warmup.quota_of(self.plan, active) for count in (5, 10, 50)}
        self.assertEqual(capacity, {5: 50_000, 10: 100_000, 50: 500_000})

    def test_only_used_and_healthy_days_count(self):
        self.assertEqual(play(self.plan, [(0.89, True)] * 20), warmup.Progress())
        self.assertEqual(play(self.plan, [(1, False)] * 20), warmup.Progress())
        self.assertEqual(play(self.plan, [(0, True), (0.9, True)] * 7).stage, 1)

    def test_idle_holds_then_steps_back(self):
        warm = [(1, True)] * 14
        self.assertEqual(play(self.plan, warm + [(0, True)] * 29).stage, 2)
        self.assertEqual(play(self.plan, warm + [(0, True)] * 30), warmup.Progress(stage=1))
        self.assertEqual(play(self.plan, warm + [(0, True)] * 29 + [(0.1, True)] + [(0, True)] * 29).stage, 2)
        self.assertEqual(play(self.plan, warm + [(0, True)] * 300), warmup.Progress(idle_days=240))
        active = [(1, True)] * 42
        self.assertEqual(warmup.phase_of(self.plan, play(self.plan, active + [(0, True)] * 30)), "week_6")

    def test_other_plans(self):
        sparkpost, sendgrid = warmup.sparkpost_plan(), warmup.sendgrid_plan()
        self.assertEqual((len(sparkpost.stages), sparkpost.active_quota), (29, 10_000_000))
        self.assertEqual(play(sparkpost, [(0.9, True)] * 29).stage, 29)
        self.assertEqual(play(sparkpost, [(0.89, True)] * 29).stage, 0)
        self.assertEqual((len(sendgrid.stages), sendgrid.stages[6].hourly), (42, 151))

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.tuples(st.floats(0, 1.0), st.booleans()), max_size=90))
    def test_a_day_never_skips_a_stage(self, days):
        progress = warmup.Progress()
        for share, healthy in days:
            quota = warmup.quota_of(self.plan, progress)
            step = warmup.consolidate(self.plan, progress, quota=quota, sent=round(quota * share), healthy=healthy)
            self.assertLessEqual(abs(step.progress.stage - progress.stage), 1)
            self.assertTrue(step.reason)
            progress = step.progress

    def test_days_of_23_and_25_hours(self):
        paris = ZoneInfo("Europe/Paris")
        lengths = {
            day: (lambda start, end: (end - start).total_seconds() / 3600)(*warmup.day_bounds(day, paris))
            for day in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 1))
        }
        self.assertEqual(list(lengths.values()), [23, 25, 24])
        start, end = warmup.day_bounds(date(2026, 3, 29), paris)
        self.assertEqual(start, datetime(2026, 3, 28, 23, tzinfo=UTC))
        self.assertEqual(end, warmup.day_bounds(date(2026, 3, 30), paris)[0])


@tagged("post_install", "-at_install")
class TestHealth(BaseCase):
    NOTHING = health.Window(0, 0, 0)

    def judge(self, sent, bounced, complained):
        return health.judge(health.Window(sent, bounced, complained), self.NOTHING).state

    def test_wilson_agrees_with_published_values(self):
        # Newcombe 1998, table I, method 3 (95 % two-sided): 81/263, 15/148, 1/29, 0/20
        for hits, total, lower in ((81, 263, 0.2553), (15, 148, 0.0624), (1, 29, 0.0061), (0, 20, 0.0)):
            self.assertAlmostEqual(lower_bound(hits, total, 1.959964), lower, places=4)

    def test_little_evidence_stops_nobody(self):
        self.assertEqual(self.judge(999, 0, 1), "ok")  # 0.1001 %: the naive rule pauses
        self.assertEqual(self.judge(20, 2, 0), "ok")
        self.assertEqual(self.judge(0, 0, 0), "ok")

    def test_more_evidence_means_a_harder_state(self):
        self.assertEqual(self.judge(1000, 50, 0), "ok")
        states = [self.judge(1000, bounced, 0) for bounced in (63, 70, 80)]
        self.assertEqual(states, ["slow", "hold", "pause"])
        self.assertEqual(self.judge(10000, 0, 30), "pause")
        verdict = health.judge(health.Window(1000, 80, 0), self.NOTHING)
        self.assertEqual(verdict.reason["code"], "bounces_of_week")
        self.assertEqual([verdict.reason[name] for name in ("hits", "mails", "rate")], [80, 1000, 0.08])

    def test_a_day_of_emergency_pauses(self):
        week = health.Window(10000, 200, 1)
        self.assertEqual(health.judge(week, health.Window(500, 60, 0)).state, "pause")
        self.assertEqual(health.judge(week, health.Window(500, 35, 0)).state, "ok")

    def test_states_follow_each_other(self):
        ok, bad = health.Verdict("ok", {}), health.Verdict("pause", {})
        self.assertEqual(health.next_state("ok", 9, bad).state, "pause")
        self.assertEqual(health.next_state("pause", 2, ok).state, "pause")
        self.assertEqual(health.next_state("pause", 3, bad).state, "probation")
        self.assertEqual(health.next_state("probation", 1, ok).state, "probation")
        self.assertEqual(health.next_state("probation", 3, ok).state, "ok")
        self.assertEqual(health.next_state("probation", 0, bad).state, "pause")
        shares = [health.share_of_quota(state) for state in ("ok", "slow", "probation", "hold", "pause")]
        self.assertEqual(shares, [1.0, 0.5, 0.5, 0.0, 0.0])
