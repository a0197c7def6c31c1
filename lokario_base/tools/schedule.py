"""When jobs run: intervals, their lines of a crontab, and nights in wall clock time."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

NIGHT_HOUR = 2  # the hour of local time at which nightly jobs run
MINUTES = {"minutes": 1, "hours": 60, "days": 1440, "weeks": 10_080, "months": 43_200}
INTERVALS = [
    ("1 minutes", "Every minute"),
    ("5 minutes", "Every 5 minutes"),
    ("15 minutes", "Every 15 minutes"),
    ("30 minutes", "Every 30 minutes"),
    ("1 hours", "Every hour"),
    ("2 hours", "Every 2 hours"),
    ("1 days", "Every night at 2:00"),
]
CRONTAB = {
    "1 minutes": "* * * * *",
    "5 minutes": "*/5 * * * *",
    "15 minutes": "*/15 * * * *",
    "30 minutes": "*/30 * * * *",
    "1 hours": "0 * * * *",
    "2 hours": "0 */2 * * *",
    "1 days": "0 2 * * *",
}


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
