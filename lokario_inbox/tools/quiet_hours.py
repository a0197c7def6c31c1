"""When an automatic answer may leave: opening hours by time zone, weekdays and public holidays."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Opening:
    """start and end: hours of the day, 0..24, local; start > end goes over midnight; start == end is always open.

    weekdays: ISO numbers (1 is Monday); holidays: local dates that stay closed.
    """

    timezone: str = "Europe/Paris"
    start: float = 0.0
    end: float = 0.0
    weekdays: frozenset[int] = frozenset(range(1, 8))
    holidays: frozenset[date] = frozenset()

    def is_open(self, moment: datetime) -> bool:
        """Tell whether `moment` (naive UTC) is inside the opening hours."""
        local = moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(self.timezone))
        hour = local.hour + local.minute / 60
        if self.start == self.end:
            return self._is_working_day(local.date())
        if self.start < self.end:
            return self.start <= hour < self.end and self._is_working_day(local.date())
        if hour >= self.start:
            return self._is_working_day(local.date())
        # the hours after midnight belong to the evening before
        return hour < self.end and self._is_working_day(local.date() - timedelta(days=1))

    def next_open(self, moment: datetime) -> datetime | None:
        """Return the first open moment from `moment` on (naive UTC, quarter hours), None within 15 days."""
        if self.is_open(moment):
            return moment
        step = timedelta(minutes=15)
        candidate = datetime.combine(moment.date(), time(moment.hour, moment.minute // 15 * 15))
        for __ in range(15 * 96):
            candidate += step
            if self.is_open(candidate):
                return candidate
        return None

    def _is_working_day(self, day: date) -> bool:
        return day.isoweekday() in self.weekdays and day not in self.holidays


def easter(year: int) -> date:
    """Return Easter Sunday (Gregorian; Meeus/Jones/Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 19 * weekday) // 433
    month = (h + weekday - 7 * m + 90) // 25
    day = (h + weekday - 7 * m + 33 * month + 19) % 32
    return date(year, month, day)


def french_holidays(year: int) -> frozenset[date]:
    """Return the eleven public holidays of metropolitan France (article L3133-1 of the Code du travail)."""
    sunday = easter(year)
    moving = {sunday + timedelta(days=days) for days in (1, 39, 50)}
    fixed = {(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)}
    return frozenset(moving | {date(year, month, day) for month, day in fixed})
