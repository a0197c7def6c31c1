"""Spread a day's mails over the day, instead of a burst at midnight.

No hour gets more than an eighth of the day's quota, and nothing of the day is lost: in its last hour
the rest may go. A plan's own cap an hour (SendGrid's table) holds in every hour.

A provider that puts off much of our mail for its speed gets half of what it took, for some hours.
"""

import math
from datetime import timedelta

HOUR = timedelta(hours=1)
HOURS_OF_A_DAY = 8  # a quota leaves in no fewer hours
PUT_OFF = 10  # people a provider must have put off within an hour before that is more than an accident
PUT_OFF_SHARE = 0.2  # of those it was offered
LEAST = 10  # mails an hour that a throttled provider gets in any case
THROTTLE = timedelta(hours=4)  # how long one lasts after the last reason for it
ALWAYS = 50  # mails that may always leave immediately: the first day of the document's plan


def hourly_cap(quota, plan_hourly=0, *, spread=True, left_of_day=timedelta(days=1)):
    """Return how many mails of an IP with this quota of the day may leave within the hour that runs."""
    cap = quota
    if spread and left_of_day > HOUR:
        cap = min(quota, max(math.ceil(quota / HOURS_OF_A_DAY), ALWAYS))
    return min(cap, plan_hourly) if plan_hourly else cap


def throttled_rate(taken, put_off, current=None):
    """Return the mails an hour for a provider that took so many and put off so many in the last one; None: as before.

    :param current: its rate, when it is throttled already
    """
    if put_off < PUT_OFF or put_off < PUT_OFF_SHARE * (taken + put_off):
        return None
    return max(LEAST, (taken if current is None else min(taken, current)) // 2)
