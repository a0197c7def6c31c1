"""What a calendar invitation (iCalendar, RFC 5545 and 5546) says, for people."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import vobject
from babel.core import get_global

from .charsets import decode

SIZE_MAX = 128 * 1024  # bytes; an invitation is small, and parsing is not
_FOLD = re.compile(rb"\r?\n[ \t]")  # may stand inside a character (RFC 5545 3.1)
_ZONE = re.compile(r";TZID=\"?([^\":;\r\n]{1,100})\"?")
_DESCRIBED = re.compile(r"^TZID:(.{1,100})", re.MULTILINE)
_TEXT = 500  # characters kept of a field


@dataclass(frozen=True)
class Invitation:
    """``start`` and ``end`` are naive UTC, or naive local time when ``is_floating``, or dates when ``is_all_day``."""

    method: str  # "request", "cancel", "reply" or "publish"
    summary: str
    start: object
    end: object
    is_all_day: bool
    is_floating: bool
    location: str
    organiser: str
    attendees: tuple


def read_invitation(data):
    """The first event of an iCalendar file (bytes); None when there is none or it cannot be read."""
    if len(data) > SIZE_MAX:
        return None
    try:
        calendar = vobject.readOne(_with_known_zones(decode(_FOLD.sub(b"", data))))
        event = calendar.vevent
        start = event.dtstart.value
        end = _end(event, start)
    except Exception:  # noqa: BLE001  the parser raises anything on hostile input
        return None
    if not isinstance(start, date) or type(start) is not type(end):
        return None
    is_all_day = not isinstance(start, datetime)
    return Invitation(
        method=_text(calendar, "method").lower() or "publish",
        summary=_text(event, "summary"),
        start=start if is_all_day else _utc(start),
        end=end if is_all_day else _utc(end),
        is_all_day=is_all_day,
        is_floating=not is_all_day and start.tzinfo is None,
        location=_text(event, "location"),
        organiser=_person(getattr(event, "organizer", None)),
        attendees=tuple(filter(None, map(_person, event.contents.get("attendee", ())[:50]))),
    )


def _with_known_zones(text):
    """The calendar with IANA's names in place of Windows' where it does not describe its zones itself."""
    described = {name.strip() for name in _DESCRIBED.findall(text)}
    names = get_global("windows_zone_mapping")  # of the Unicode CLDR

    def known(match):
        name = match[1].strip()
        return f";TZID={names[name]}" if name in names and name not in described else match[0]

    return _ZONE.sub(known, text)


def _end(event, start):
    if hasattr(event, "dtend"):
        end = event.dtend.value
        is_after_days = not isinstance(end, datetime) and end > start  # the day after the last one (RFC 5545 3.6.1)
        return end - timedelta(days=1) if is_after_days else end
    return start + event.duration.value if hasattr(event, "duration") else start


def _utc(moment):
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _text(component, name):
    value = getattr(component, name).value if hasattr(component, name) else ""
    return " ".join(str(value).split())[:_TEXT]


def _person(line):
    """Name of a person, else the address."""
    if line is None:
        return ""
    name = (line.params.get("CN") or [""])[0].strip('" ')
    return (name or str(line.value).removeprefix("mailto:").removeprefix("MAILTO:"))[:_TEXT]
