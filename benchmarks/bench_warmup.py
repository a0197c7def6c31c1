"""Monte-Carlo of 42 days of warm-up: how often healthy IPs are stopped, and bad ones are not.

Every simulated IP follows the document's plan, sends its whole quota, and is judged each day from
its last 7 days and last 24 hours. Good senders: 2 % bounces, 0.03 % complaints. Bad ones: 8 % and
0.03 %, or 15 % and 1 %. The peer is the naive rule: rate above the threshold = pause.
"""

import math
import random

from lokario_testing.results import Result

from .engine_environment import make_importable

RUNS = 10_000
DAYS = 42
GOOD = (0.02, 0.0003)
BAD = {"8 % bounces": (0.08, 0.0003), "15 % bounces, 1 % complaints": (0.15, 0.01)}
CHECKS_A_DAY = 4  # the emergency brake is asked during the day, too


def run():
    good = simulate(GOOD, RUNS, seed=1)
    results = [
        Result("healthy IPs stopped in 42 days", 100 * good["ours"], 100 * good["naive"], "ours <= 5", "%"),
    ]
    for name, rates in BAD.items():
        bad = simulate(rates, RUNS, seed=2)
        results.append(Result(f"bad IPs missed ({name})", 100 * (1 - bad["ours"]), None, "ours <= 0.1", "%"))
        results.append(
            Result(f"mails before the stop, median ({name})", bad["mails"], bad["naive_mails"], "ours <= 5000", "mails")
        )
    return results


def simulate(rates, runs, seed):
    """Return the share of IPs stopped (paused or held) by ours and by the naive rule."""
    make_importable()
    from odoo.addons.email_engine_bridge.tools import health, warmup

    quotas = [stage.quota for stage in warmup.document_plan().stages for _day in range(stage.days)]
    dice = random.Random(seed)
    outcomes = [_one_ip(health, quotas, rates, dice) for _run in range(runs)]
    ours = [mails for mails, _naive in outcomes if mails]
    naive = [mails for _ours, mails in outcomes if mails]
    return {
        "ours": len(ours) / runs,
        "naive": len(naive) / runs,
        "mails": _median(ours),
        "naive_mails": _median(naive),
    }


def _one_ip(health, quotas, rates, dice):
    """Return (mails sent when ours stopped the IP, when the naive rule did); 0 = never."""
    days, total, ours, naive = [], 0, 0, 0
    for quota in quotas:
        sent = bounced = complained = 0
        for part in _parts(quota):
            sent += part
            bounced += binomial(dice, part, rates[0])
            complained += binomial(dice, part, rates[1])
            today = (sent, bounced, complained)
            week = health.Window(*map(sum, zip(*days[-6:], today, strict=True)))
            if not ours and health.judge(week, health.Window(*today)).state in ("hold", "pause"):
                ours = total + sent
            if not naive and _is_over_the_threshold(health, week):
                naive = total + sent
        days.append(today)
        total += sent
        if ours and naive:
            break
    return ours, naive


def _is_over_the_threshold(health, week):
    """The usual rule, the peer: the plain rate."""
    bounces, complaints = week.bounced / week.sent, week.complained / week.sent
    return bounces > health.MAX_BOUNCE_RATE or complaints > health.MAX_COMPLAINT_RATE


def _parts(quota):
    share = quota // CHECKS_A_DAY
    return [share] * (CHECKS_A_DAY - 1) + [quota - share * (CHECKS_A_DAY - 1)]


def binomial(dice, trials, chance):
    """Draw exactly from the binomial distribution by the gaps between successes (geometric)."""
    hits, position, log_miss = 0, 0, math.log1p(-chance)
    while True:
        position += int(math.log(1.0 - dice.random()) / log_miss) + 1
        if position > trials:
            return hits
        hits += 1


def _median(values):
    return sorted(values)[len(values) // 2] if values else 0
