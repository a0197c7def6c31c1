"""Whether an IP's bounces and complaints are really too many, and what to do about it.

The thresholds are the document's (5 % bounces, 0.1 % complaints). A rate above the threshold
says nothing on few mails: 1 complaint in 999 mails is "above 0.1 %" by luck in most healthy IPs.
So an IP is stopped when the *lower* end of the Wilson interval is above the threshold.
"""

from dataclasses import dataclass

from odoo.addons.lokario_base.tools.confidence import lower_bound

from .finding import finding

MAX_BOUNCE_RATE = 0.05
MAX_COMPLAINT_RATE = 0.001
# One-sided normal quantiles. A rule asked every day must be strict; see the benchmark `warmup`.
Z_PAUSE = 3.0902  # 99.9 %
Z_HOLD = 2.5758  # 99.5 %
Z_SLOW = 1.6449  # 95 %
MIN_HITS = 3  # bounces or complaints below which a rate says nothing, however high
PAUSE_DAYS = 3  # without sending, before trying again at a low rate
PROBATION_DAYS = 3  # of good statistics at a low rate
SLOW_SHARE = 0.5  # of the plan's quota while slow or on probation


@dataclass(frozen=True)
class Window:
    """Counts of some days: mails sent, bounces and complaints among them."""

    sent: int
    bounced: int
    complained: int


@dataclass(frozen=True)
class Verdict:
    """A state (ok, slow, hold, pause, probation) and the finding that explains it."""

    state: str
    reason: dict


def judge(week, day, max_bounce=MAX_BOUNCE_RATE, max_complaint=MAX_COMPLAINT_RATE):
    """Return the Verdict on an IP from its last 7 days and its last 24 hours.

    The day is the emergency brake: it only pauses. The week may also slow and hold.
    """
    limits = (max_bounce, max_complaint)
    hits = max(week.bounced, week.complained)
    if hits >= MIN_HITS and hits > week.sent:
        return Verdict("hold", finding("sends_unrecorded", hits=hits, mails=week.sent))
    for z, state in ((Z_PAUSE, "pause"), (Z_HOLD, "hold"), (Z_SLOW, "slow")):
        reason = _excess(week, z, limits, "bounces_of_week", "complaints_of_week")
        if not reason and state == "pause":
            reason = _excess(day, z, limits, "bounces_of_day", "complaints_of_day")
        if reason:
            return Verdict(state, reason)
    return Verdict("ok", finding("healthy"))


def _excess(window, z, limits, *codes):
    for code, hits, limit in zip(codes, (window.bounced, window.complained), limits, strict=True):
        lower = lower_bound(min(hits, window.sent), window.sent, z)
        if hits >= MIN_HITS and lower > limit:
            rate = hits / window.sent
            return finding(code, hits=hits, mails=window.sent, rate=rate, at_least=lower, limit=limit)
    return None


def next_state(state, days_in_state, verdict):
    """Return the Verdict that holds now, given the state before and how long it lasted.

    ok → slow → hold → pause by statistics; out of a pause only through probation, whose statistics
    starts afresh (the caller counts its window from the day the probation began).
    """
    if state == "pause":
        if days_in_state < PAUSE_DAYS:
            return Verdict("pause", finding("pause_day", day=days_in_state + 1, days=PAUSE_DAYS))
        return Verdict("probation", finding("probation_begins", days=PAUSE_DAYS))
    if state == "probation" and verdict.state in ("ok", "slow") and days_in_state < PROBATION_DAYS:
        return Verdict("probation", finding("probation_day", day=days_in_state + 1, days=PROBATION_DAYS))
    return verdict


def share_of_quota(state):
    """Return which share of the plan's quota a state may send."""
    return {"ok": 1.0, "slow": SLOW_SHARE, "probation": SLOW_SHARE}.get(state, 0.0)
