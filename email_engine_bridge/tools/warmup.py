"""Warm-up plans: how many mails an IP may send, and when it earns the next stage.

A stage lasts a number of *used and healthy* days, not calendar days. An idle day holds the IP where
it is, 30 idle days in a row set it back one stage (SendGrid's and MailWizz's re-warm rule), and a
stage used for less than its share of the volume does not count (SparkPost asks for 90 %).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from .finding import finding

DOCUMENT_QUOTAS = (50, 200, 500, 1500, 5000, 10000)  # mails a day in weeks 1 to 6
# SparkPost/support-docs, automated-ip-warmup: mails a day in stages 1 to 29
SPARKPOST_QUOTAS = (
    *(200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 50_000, 75_000, 100_000, 150_000, 200_000),
    *(250_000, 325_000, 400_000, 500_000, 600_000, 750_000, 900_000, 1_100_000, 1_750_000, 2_250_000),
    *(3_000_000, 4_000_000, 5_000_000, 6_500_000, 8_000_000, 10_000_000),
)
# SendGrid's automated warm-up: mails an hour on days 0 to 41
SENDGRID_HOURLY = (
    *(20, 28, 39, 55, 77, 108, 151, 211, 295, 413, 579, 810, 1_000, 1_587, 2_222, 3_111, 4_356, 6_098, 8_583),
    *(11_953, 16_734, 23_427, 32_798, 45_917, 64_284, 89_998, 125_997, 176_395, 246_953, 345_735, 484_029),
    *(677_640, 948_696, 1_328_175, 1_859_444, 2_603_222, 3_644_511, 5_102_316, 7_143_242, 10_000_539),
    *(14_000_754, 19_601_056),
)
IDLE_DAYS_BEFORE_STEP_BACK = 30


@dataclass(frozen=True)
class Stage:
    """One step of a plan: mails a day, used days it lasts, mails an hour (0: no cap)."""

    name: str
    quota: int
    days: int = 7
    hourly: int = 0


@dataclass(frozen=True)
class Plan:
    """A warm-up plan; after its last stage the IP is active at `active_quota` a day."""

    stages: tuple
    active_quota: int
    used_share: float = 0.9  # of the day's quota that makes a day count
    idle_days: int = IDLE_DAYS_BEFORE_STEP_BACK

    @property
    def total(self):
        """Return how many mails a fully used warm-up sends."""
        return sum(stage.quota * stage.days for stage in self.stages)


@dataclass(frozen=True)
class Progress:
    """Where an IP stands: stage from 0 (len(stages) = active), used days in it, idle days."""

    stage: int = 0
    used_days: int = 0
    idle_days: int = 0


@dataclass(frozen=True)
class Step:
    """What one consolidated day changed and why: hold, count, advance, activate, step_back."""

    progress: Progress
    kind: str
    reason: dict


def document_plan():
    """Return the plan of the document: 50 to 10,000 in six weeks, then active at 10,000."""
    stages = tuple(Stage(f"week_{week}", quota) for week, quota in enumerate(DOCUMENT_QUOTAS, 1))
    return Plan(stages, DOCUMENT_QUOTAS[-1])


def quota_of(plan, progress):
    """Return the mails of a day the plan allows at this progress."""
    if progress.stage >= len(plan.stages):
        return plan.active_quota
    return plan.stages[progress.stage].quota


def phase_of(plan, progress):
    """Return the name of the stage, "active" after the last one."""
    return plan.stages[progress.stage].name if progress.stage < len(plan.stages) else "active"


def consolidate(plan, progress, *, quota, sent, healthy):
    """Return the Step that one finished day means.

    `quota` is what that day allowed, `sent` what left, `healthy` whether the statistics of the IP
    were good at its end. An unhealthy day is neither used nor idle.
    """
    if not sent:
        return _idle(plan, progress)
    awake = replace(progress, idle_days=0)
    if not healthy:
        return Step(awake, "hold", finding("day_unhealthy"))
    if sent < plan.used_share * quota:
        return Step(awake, "hold", finding("day_unused", sent=sent, quota=quota, share=plan.used_share))
    if awake.stage >= len(plan.stages):
        return Step(awake, "hold", finding("warmup_over"))
    return _count(plan, replace(awake, used_days=awake.used_days + 1))


def _idle(plan, progress):
    progress = replace(progress, idle_days=progress.idle_days + 1)
    if progress.idle_days < plan.idle_days or not progress.stage:
        return Step(progress, "hold", finding("idle", days=progress.idle_days))
    back = Progress(stage=min(progress.stage, len(plan.stages)) - 1)
    return Step(back, "step_back", finding("stepped_back", days=plan.idle_days, phase=phase_of(plan, back)))


def _count(plan, progress):
    stage = plan.stages[progress.stage]
    if progress.used_days < stage.days:
        return Step(progress, "count", finding("counted", day=progress.used_days, days=stage.days, phase=stage.name))
    ahead = Progress(stage=progress.stage + 1)
    if ahead.stage == len(plan.stages):
        return Step(ahead, "activate", finding("activated", phase=stage.name, quota=plan.active_quota))
    after = plan.stages[ahead.stage]
    return Step(ahead, "advance", finding("advanced", phase=stage.name, next=after.name, quota=after.quota))


def day_bounds(day, zone):
    """Return the UTC start and end of a calendar day in a ZoneInfo (23, 24 or 25 hours apart)."""
    start = datetime.combine(day, time.min, zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
    return start, end


def sparkpost_plan():
    """Return SparkPost's 29 stages, one used day each."""
    stages = tuple(Stage(f"stage_{number}", quota, days=1) for number, quota in enumerate(SPARKPOST_QUOTAS, 1))
    return Plan(stages, SPARKPOST_QUOTAS[-1])


def sendgrid_plan():
    """Return SendGrid's table: 42 days with a cap an hour; a day is 24 of those."""
    stages = tuple(
        Stage(f"day_{day}", hourly * 24, days=1, hourly=hourly) for day, hourly in enumerate(SENDGRID_HOURLY)
    )
    return Plan(stages, SENDGRID_HOURLY[-1] * 24)
