"""When a nightly job is due, in wall clock time."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

NIGHT_HOUR = 2  # the hour of local time at which nightly jobs run


def first_night(at: datetime, zone: str) -> datetime:
    """Return the first 02:00 in ``zone`` at or after ``at``, both naive UTC.

    In the night in which 02:00 does not exist it is the instant in which the clock jumps over it; in the night in which
    02:00 comes twice it is the first one.
    """
    tz = ZoneInfo(zone)
    day = at.replace(tzinfo=UTC).astimezone(tz).date()
    while True:
        night = datetime.combine(day, time(NIGHT_HOUR), tz).astimezone(UTC).replace(tzinfo=None)
        if night >= at:
            return night
        day += timedelta(days=1)


def next_hour(at: datetime) -> datetime:
    """Return the first full hour after ``at``."""
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
