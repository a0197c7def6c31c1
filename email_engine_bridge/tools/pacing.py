"""Spread a day's mails over the day, instead of a burst at midnight.

No hour gets more than an eighth of the day's quota, and nothing of the day is lost: in its last hour
the rest may go. A plan's own cap an hour (SendGrid's table) holds in every hour.
"""

import math
from datetime import timedelta

HOURS_OF_A_DAY = 8  # a quota leaves in no fewer hours
ALWAYS = 50  # mails that may always leave immediately: the first day of the document's plan


def hourly_cap(quota, plan_hourly=0, *, spread=True, left_of_day=timedelta(days=1)):
    """Return how many mails of an IP with this quota of the day may leave within the hour that runs."""
    cap = quota
    if spread and left_of_day > timedelta(hours=1):
        cap = min(quota, max(math.ceil(quota / HOURS_OF_A_DAY), ALWAYS))
    return min(cap, plan_hourly) if plan_hourly else cap
