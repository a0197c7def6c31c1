"""What a calendar invitation (iCalendar, RFC 5545 and 5546) says, for people, and the answer to it."""

import binascii
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from icalendar import Calendar, Event, vCalAddress
from icalendar.timezone import tzp

from .charsets import decode

SIZE_MAX = 4 * 1024 * 1024  # bytes; files stand in it, too
READ_MAX = 128 * 1024  # characters that are parsed: an invitation is small, and parsing is not
LINE_MAX = 4000  # characters; what is longer is no field that is shown
_FOLD = re.compile(rb"\r?\n[ \t]")  # may stand inside a character (RFC 5545 3.1)
_ZONES = re.compile(r"^BEGIN:VTIMEZONE\s*$.*?^END:VTIMEZONE\s*$", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_EVENT = re.compile(r"^BEGIN:VEVENT\s*$.*?(?:^END:VEVENT\s*$|\Z)", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_ZONE = r';TZID=(?:"[^"\n]*"|[^:;\n]*)'
_UTC_IN_ZONE = re.compile(
    rf"^(DTSTART|DTEND|RECURRENCE-ID){_ZONE}(:\d{{8}}T\d{{6}}Z\s*)$", re.MULTILINE | re.IGNORECASE
)
_ZONE_OF_UTC = re.compile(
    r"^(DTSTART|DTEND|RECURRENCE-ID);TZID=tzone://Microsoft/Utc(:\d{8}T\d{6})\s*$", re.MULTILINE | re.IGNORECASE
)
_COLON_IN_ZONE = re.compile(
    r"^(DTSTART|DTEND|RECURRENCE-ID);TZID=([^\"\n:]{0,100}:[^\"\n]{0,100})(:\d{8}T\d{6})\s*$",
    re.MULTILINE | re.IGNORECASE,
)
_MOMENT = re.compile(
    r"(DTSTART|DTEND)((?:;[^:;\"]*(?:\"[^\"]*\")?)*):\s*(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:T(\d\d):?(\d\d):?(\d\d)?(?:\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?)?\s*"
)
_QUOTED_PRINTABLE = re.compile(  # of vCalendar 1.0, which many programs write to this day
    r"^([A-Z-]+)((?:;[^:;\n]{0,200}){0,9});ENCODING=QUOTED-PRINTABLE((?:;[^:;\n]{0,200}){0,9}):((?>(?:[^\n]*=\n)*)[^\n]*)$",
    re.MULTILINE | re.IGNORECASE,
)
_KNOWN_LINE = re.compile(
    r"(?:BEGIN|END|METHOD|UID|SUMMARY|DTSTART|DTEND|DURATION|LOCATION|ORGANIZER|ATTENDEE|RECURRENCE-ID|SEQUENCE)[;:]",
    re.IGNORECASE,
)
_TEXT, _ZONE_MAX = 500, 100  # characters kept of a field
_MAILTO = re.compile(r"^mailto:", re.IGNORECASE)
ANSWERS = ("accepted", "tentative", "declined")
_REPEATED = ("UID", "SEQUENCE", "RECURRENCE-ID", "DTSTART", "DTEND", "DURATION", "SUMMARY", "LOCATION", "ORGANIZER")
_OF_ATTENDEE = ("CN", "CUTYPE", "ROLE")  # what the organiser said of a person


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
    answer_to: str = ""  # the organiser's address, where an answer is asked for


def read_invitation(data):
    """The first event of an iCalendar file (bytes); None when there is none or it cannot be read."""
    return _of_first_event(data, _invitation)


def answer_invitation(data, own, answer, moment):
    """The REPLY (RFC 5546 3.2.3) to an iCalendar file as bytes, None when it cannot be answered.

    own: our addresses in lower case; the one that is invited answers, else the first. moment: naive UTC.
    """
    return _of_first_event(data, lambda calendar, event: _reply(calendar, event, own, answer, moment))


def _of_first_event(data, make):
    """``make(calendar, event)`` of the first event that it can read; None when there is none."""
    if len(data) > SIZE_MAX:
        return None
    text = decode(_FOLD.sub(b"", data)).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    text = "\n".join(line for line in text.split("\n") if len(line) <= LINE_MAX)[:READ_MAX]
    text = _COLON_IN_ZONE.sub(r'\1;TZID="\2"\3', _ZONE_OF_UTC.sub(r"\1\2Z", _UTC_IN_ZONE.sub(r"\1\2", text)))
    text = _QUOTED_PRINTABLE.sub(_decoded, text)
    for attempt in (lambda: text, lambda: _ZONES.sub("", text), lambda: _bare_event(text)):
        try:
            if found := _first_event(Calendar.from_ical(attempt(), multiple=True), make):
                return found
        except Exception:  # noqa: BLE001, S112  the parser raises anything on hostile input
            continue
    return None


def _decoded(line):
    name, before, behind, value = line.groups()
    label = re.search(r";CHARSET=([^;:]+)", before + behind, re.IGNORECASE)
    text = decode(binascii.a2b_qp(value.encode()), label[1] if label else None)
    return f"{name}:{' '.join(text.split())}"


def _bare_event(text):
    """The first event with the lines that are shown, for files whose other lines nobody can read."""
    event = _EVENT.search(text)
    method = re.search(r"^METHOD:\w+", text, re.MULTILINE | re.IGNORECASE)
    lines = [_plain(line) for line in (event[0] if event else "").splitlines() if _KNOWN_LINE.match(line)]
    end = ["END:VEVENT"] if lines and lines[-1].upper() != "END:VEVENT" else []
    return "\n".join(["BEGIN:VCALENDAR", *([method[0]] if method else []), *lines, *end, "END:VCALENDAR", ""])


def _plain(line):
    """A line as the grammar wants it, where mailers add blanks, marks in a moment, commas in the name of a zone."""
    name, colon, value = line.partition(":")
    found = _MOMENT.fullmatch(line)
    if not found:
        return f"{name}{colon}{value.strip()}"
    parameters = re.sub(r"=([^;\"]*,[^;\"]*)", r'="\1"', found[2])
    if not found[6]:
        return f"{found[1]}{parameters}:{found[3]}{found[4]}{found[5]}"
    year, month, day, hour, minute, second, offset = found.groups(default="00")[2:]
    offset = offset if found[9] else ""
    moment = datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}:{second}{offset}")
    return f"{found[1]}{parameters}:{_utc(moment):%Y%m%dT%H%M%S}" + ("Z" if moment.tzinfo else "")


def _first_event(calendars, make):
    for calendar in calendars:
        for event in calendar.walk("VEVENT"):
            return make(calendar, event)
    return None


def _reply(calendar, event, own, answer, moment):
    reply, answered = Calendar(), Event()
    for name, value in (("PRODID", "-//Lokario//Inbox//EN"), ("VERSION", "2.0"), ("METHOD", "REPLY")):
        reply.add(name, value)
    for zone in calendar.walk("VTIMEZONE"):
        reply.add_component(zone)
    answered.update({name: event[name] for name in _REPEATED if name in event})
    answered.add("DTSTAMP", moment.replace(tzinfo=UTC))
    invited = {_address(person).lower(): person for person in reversed(_attendees(event))}
    address = next((address for address in own if address in invited), own[0])
    attendee = vCalAddress(f"mailto:{address}")
    known = getattr(invited.get(address), "params", {})
    attendee.params.update({name: known[name] for name in _OF_ATTENDEE if name in known})
    attendee.params["PARTSTAT"] = answer.upper()
    answered.add("ATTENDEE", attendee)
    reply.add_component(answered)
    return reply.to_ical()


def _invitation(calendar, event):
    zone = tzp.timezone(_text(calendar, "X-WR-TIMEZONE")[:_ZONE_MAX])
    start = _moment(_first(event["DTSTART"]).dt)
    end = _in_zone(_end(event, start), zone)
    start = _in_zone(start, zone)
    is_all_day = not isinstance(start, datetime)
    method = _text(calendar, "METHOD").lower() or "publish"
    return Invitation(
        method=method,
        summary=_text(event, "SUMMARY"),
        start=start if is_all_day else _utc(start),
        end=end if is_all_day else _utc(end),
        is_all_day=is_all_day,
        is_floating=not is_all_day and start.tzinfo is None,
        location=_text(event, "LOCATION"),
        organiser=_person(event.get("ORGANIZER")),
        attendees=tuple(filter(None, map(_person, _attendees(event)))),
        answer_to=_address(event.get("ORGANIZER")) if method == "request" and _text(event, "UID") else "",
    )


def _in_zone(moment, zone):
    """A moment without a zone is meant in that of its calendar, where the program that wrote it names one."""
    is_floating = isinstance(moment, datetime) and moment.tzinfo is None
    return moment.replace(tzinfo=zone) if is_floating and zone else moment


def _attendees(event):
    attendees = event.get("ATTENDEE", [])
    return (attendees if isinstance(attendees, list) else [attendees])[:50]


def _address(line):
    """The address of a person, "" when he has none."""
    line = _first(line)
    address = _MAILTO.sub("", str(line or "").strip())
    return address[:_TEXT] if "@" in address else ""


def _moment(value):
    if not isinstance(value, date):
        raise TypeError(value)
    return value


def _end(event, start):
    """When it ends; what cannot be read of that costs only that."""
    end, length = _value(event, "DTEND"), _value(event, "DURATION")
    if type(end) is type(start):
        is_after_days = not isinstance(end, datetime) and end > start  # the day after the last one (RFC 5545 3.6.1)
        return end - timedelta(days=1) if is_after_days else end
    try:
        return start + length if isinstance(length, timedelta) else start
    except OverflowError:
        return start


def _first(value):
    """Of a field that stands there twice."""
    return value[0] if isinstance(value, list) and value else value


def _value(event, name):
    try:
        return _first(event[name]).dt if name in event else None
    except (AttributeError, ValueError, TypeError):  # a line that cannot be read says so when it is asked
        return None


def _utc(moment):
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _text(component, name):
    value = _first(component.get(name, ""))
    return " ".join(str(value).split())[:_TEXT]


def _person(line):
    """Name of a person, else the address."""
    line = _first(line)
    if line is None:
        return ""
    name = str(getattr(line, "params", {}).get("CN") or "").strip("'\" ")
    return (name or _MAILTO.sub("", str(line).strip()))[:_TEXT]
