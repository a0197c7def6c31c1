"""When a company writes to its customers: hours, weekdays and public holidays of its own time zone."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

MONDAY_TO_FRIDAY = frozenset(range(5))
ONE_DAY = timedelta(days=1)
LONGEST_CLOSURE = 370  # days; a window that stays closed longer is a configuration error


@lru_cache(maxsize=256)
def public_holidays(country: str, year: int) -> frozenset[date]:
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:  # asking which countries there are would load all of them, two seconds long
        return frozenset()


def clock(hours: float) -> time:
    """Return the time of day that a field with hours shows; 24 is the end of the day."""
    minutes = round(hours * 60)
    return time.max if minutes >= 24 * 60 else time(minutes // 60, minutes % 60)


def local_time(instant: datetime, timezone: str) -> datetime:
    """A naive UTC instant on the clock of a time zone."""
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone))


@dataclass(frozen=True)
class SendWindow:
    """Sending hours of one company.

    `opens` and `closes` are local wall-clock times: a window that opens later than it closes goes over midnight, one
    that opens when it closes is open all day. `weekdays` are Monday = 0. `country` is an ISO 3166 alpha-2 code of
    the public holidays that are respected ("" or a country unknown to `holidays` = none), `closed` are the company's
    own closing days.
    Instants going in and out are naive UTC datetimes, the way Odoo stores them.
    """

    timezone: str = "Europe/Paris"
    opens: time = time(8)
    closes: time = time(18)
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    country: str = "FR"
    closed: frozenset[date] = field(default_factory=frozenset)

    def local_day(self, instant: datetime) -> date:
        """Calendar day of an instant in the company's time zone."""
        return self._local(instant).date()

    def is_working_day(self, day: date) -> bool:
        return (
            day.weekday() in self.weekdays
            and day not in self.closed
            and day not in public_holidays(self.country, day.year)
        )

    def is_open(self, instant: datetime) -> bool:
        local = self._local(instant)
        day, clock = local.date(), local.time()
        if self.opens == self.closes:
            return self.is_working_day(day)
        if self.opens < self.closes:
            return self.opens <= clock < self.closes and self.is_working_day(day)
        if clock >= self.opens:
            return self.is_working_day(day)
        return clock < self.closes and self.is_working_day(day - ONE_DAY)  # the night belongs to the evening before

    def opening(self, day: date) -> datetime:
        """Instant at which the window opens on `day`, or on the first working day after it.

        :raises ValueError: when no working day comes within a year
        """
        for _attempt in range(LONGEST_CLOSURE):
            if self.is_working_day(day):
                return self._utc(day, time.min if self.opens == self.closes else self.opens)
            day += ONE_DAY
        raise ValueError("The send window never opens: choose at least one working day.")

    def next_open(self, instant: datetime) -> datetime:
        """First instant, not before `instant`, at which sending is allowed."""
        if self.is_open(instant):
            return instant
        day = self.local_day(instant)
        opening = self.opening(day)
        return opening if opening >= instant else self.opening(day + ONE_DAY)

    def _local(self, instant: datetime) -> datetime:
        return local_time(instant, self.timezone)

    def _utc(self, day: date, wall_clock: time) -> datetime:
        local = datetime.combine(day, wall_clock, ZoneInfo(self.timezone))
        return local.astimezone(UTC).replace(tzinfo=None)
