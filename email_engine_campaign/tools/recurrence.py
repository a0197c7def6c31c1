"""When the next campaign of a series is due."""

from datetime import UTC

from dateutil.relativedelta import relativedelta

STEPS = {"day": relativedelta(days=1), "week": relativedelta(weeks=1), "month": relativedelta(months=1)}


def next_moment(first, every, after, tz):
    """The first moment of a series later than `after`; moments are UTC and naive.

    It is at the same time of the day in `tz` as the first one. A series that began on the 31st is due on the last day
    of shorter months, and on the 31st again.
    """
    start = first.replace(tzinfo=UTC).astimezone(tz).replace(tzinfo=None)
    number, moment = 0, first
    while moment <= after:
        number += 1
        local = start + STEPS[every] * number
        moment = local.replace(tzinfo=tz).astimezone(UTC).replace(tzinfo=None)
    return moment


def local_date(moment, tz):
    """The date of a UTC moment in `tz`."""
    return moment.replace(tzinfo=UTC).astimezone(tz).date()
