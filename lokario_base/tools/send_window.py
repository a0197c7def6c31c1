"""When a company writes to its customers: hours, weekdays and public holidays of its own time zone."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

import holidays

MONDAY_TO_FRIDAY = frozenset(range(5))
ONE_DAY = timedelta(days=1)
ONE_HOUR = timedelta(hours=1)
AWAKE = (time(7), time(21))  # outside these hours of his own clock a recipient is left in peace
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
    own closing days. `recipient_country` and `recipient_timezone` ("" = not known) are those of the person written to:
    the public holidays there and the night of his clock count too, as long as both have hours in common.
    Instants going in and out are naive UTC datetimes, the way Odoo stores them.
    """

    timezone: str = "Europe/Paris"
    opens: time = time(8)
    closes: time = time(18)
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    country: str = "FR"
    closed: frozenset[date] = field(default_factory=frozenset)
    recipient_country: str = ""
    recipient_timezone: str = ""

    def local_day(self, instant: datetime) -> date:
        """Calendar day of an instant in the company's time zone."""
        return self._local(instant).date()

    def is_working_day(self, day: date) -> bool:
        return (
            day.weekday() in self.weekdays
            and day not in self.closed
            and day not in public_holidays(self.country, day.year)
            and day not in public_holidays(self.recipient_country, day.year)
        )

    def is_open(self, instant: datetime) -> bool:
        local = self._local(instant)
        night = self.opens > self.closes > local.time()  # it belongs to the evening before
        working = self.is_working_day(local.date() - ONE_DAY if night else local.date())
        awake = self._is_awake(instant) or not self._has_common_hours
        return working and awake and self._is_within_hours(local.time())

    def _is_within_hours(self, clock: time) -> bool:
        if self.opens < self.closes:
            return self.opens <= clock < self.closes
        return self.opens == self.closes or clock >= self.opens or clock < self.closes

    def _is_awake(self, instant: datetime) -> bool:
        if not self.recipient_timezone:
            return True
        return AWAKE[0] <= local_time(instant, self.recipient_timezone).time() < AWAKE[1]

    @cached_property
    def _has_common_hours(self) -> bool:
        hours = (datetime(2026, 1, 5) + number * ONE_HOUR for number in range(24))
        return any(self._is_awake(hour) and self._is_within_hours(self._local(hour).time()) for hour in hours)

    def opening(self, day: date) -> datetime:
        """Instant at which the window opens on `day`, or on the first working day after it.

        :raises ValueError: when no working day comes within a year
        """
        for _attempt in range(LONGEST_CLOSURE):
            if self.is_working_day(day):
                return self._first_open_hour(self._utc(day, time.min if self.opens == self.closes else self.opens))
            day += ONE_DAY
        raise ValueError("The send window never opens: choose at least one working day.")

    def next_open(self, instant: datetime) -> datetime:
        """First instant, not before `instant`, at which sending is allowed."""
        if self.is_open(instant):
            return instant
        day = self.local_day(instant)
        opening = self.opening(day)
        return opening if opening >= instant else self.opening(day + ONE_DAY)

    def _first_open_hour(self, opening: datetime) -> datetime:
        """The opening, or the first hour after it at which the recipient is awake."""
        hours = (opening + number * ONE_HOUR for number in range(24))
        return next((hour for hour in hours if self.is_open(hour)), opening)

    def _local(self, instant: datetime) -> datetime:
        return local_time(instant, self.timezone)

    def _utc(self, day: date, wall_clock: time) -> datetime:
        local = datetime.combine(day, wall_clock, ZoneInfo(self.timezone))
        return local.astimezone(UTC).replace(tzinfo=None)
