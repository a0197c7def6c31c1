"""Spread a day's mails over the day, instead of a burst at midnight.

No hour gets more than an eighth of the day's quota (or the plan's own cap an hour), and nothing of
the day is lost: what is reserved late is sent at the cap while the day lasts.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

MIN_HOURS_OF_A_DAY = 8
ATONCE = 50  # mails that may always leave at once: the first day of the document's plan


@dataclass(frozen=True)
class Release:
    """So many mails may leave from this moment on (UTC)."""

    not_before: object
    emails: int


def hourly_cap(quota, plan_hourly=0):
    """Return how many mails of a day's quota may leave within an hour."""
    cap = max(math.ceil(quota / MIN_HOURS_OF_A_DAY), min(quota, ATONCE))
    return min(cap, plan_hourly) if plan_hourly else cap


def releases(emails, *, now, day_end, quota, used_this_hour=0, plan_hourly=0):
    """Return when `emails` reserved mails may leave: a list of Release, earliest first.

    What does not fit below the cap before `day_end` is released at the last hour: the day's
    quota is the reservation's, and it would be lost otherwise.
    """
    cap = hourly_cap(quota, plan_hourly)
    result, moment, room = [], now, max(0, cap - used_this_hour)
    while emails > 0:
        last = moment + timedelta(hours=1) >= day_end
        share = emails if last else min(room, emails)
        if share:
            result.append(Release(moment, share))
            emails -= share
        moment, room = moment + timedelta(hours=1), cap
    return result
