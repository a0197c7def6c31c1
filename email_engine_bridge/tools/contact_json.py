"""JSON of contacts, decoded row by row: never held together, never deeper or longer than it may be."""

import json
import re

from ..exceptions import EngineRejected
from .finding import translatable as _
from .refused_row import BadRow

_SPACE = re.compile(r"[\s,]*")
MAX_VALUE = 256 * 1024  # characters of one JSON row, or of a member beside the rows
SHORT = 4 * 1024  # characters in which nearly every row fits


class Twice(dict):
    """An object with two members of one name: RFC 8259 leaves open which one counts."""

    def __init__(self, name):
        super().__init__()
        self.name = name


def _object(pairs):
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    names = [name for name, _value in pairs]
    return Twice(next(name for name in names if names.count(name) > 1))


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def array_rows(text):
    """Elements of the array, or of the member "contacts"."""
    if text.lstrip()[:1] == "[":
        for _end, row in _elements(text, text.index("[")):
            yield row
        return
    for name, value in members(text, keep="contacts"):
        if name == "contacts":
            yield value


def line_rows(lines):
    """One object a line; None for a line that is none."""
    for line in lines:
        if line.strip():
            try:
                yield _DECODER.decode(line) if len(line) <= MAX_VALUE else None
            except (ValueError, RecursionError):
                yield None


def check_object(row):
    """Return the row if it is an object whose members are named once."""
    if isinstance(row, Twice):
        raise BadRow(row.name, _("two members of this name"))
    if not isinstance(row, dict):
        raise BadRow("", _('This is no object: send {"email": …}'))
    return row


def members(text, keep=None):
    """(name, value) of an object's members; of an array "contacts" each element, if it is to be kept."""
    position = _SPACE.match(text, text.index("{") + 1).end()
    while text[position : position + 1] == '"':
        name, position = _decode(text, position)
        position = _SPACE.match(text, position).end()
        if text[position : position + 1] != ":":
            raise EngineRejected(_("The JSON cannot be read: a colon is missing"))
        position = _SPACE.match(text, position + 1).end()
        if name == "contacts" and text[position : position + 1] == "[":
            for position, row in _elements(text, position):  # noqa: B007, B020 the position goes on
                if keep == name:
                    yield name, row
        else:
            value, position = _decode(text, position)
            yield name, value
        position = _SPACE.match(text, position).end()


def _elements(text, start):
    """(position after it, value) of each element of the array that begins at `start`."""
    position = _SPACE.match(text, start + 1).end()
    while text[position : position + 1] != "]":
        row, position = _decode(text, position)
        position = _SPACE.match(text, position).end()
        yield position + (text[position : position + 1] == "]"), row


def _decode(text, position):
    """(value, position after it): looked for in a short piece first, never in more than MAX_VALUE characters."""
    for most in (SHORT, MAX_VALUE):
        piece = text[position : position + most]
        is_cut = position + most < len(text)
        try:
            value, end = _DECODER.raw_decode(piece)
        except (ValueError, RecursionError) as error:
            if most == SHORT and is_cut:
                continue
            raise EngineRejected(
                _("The JSON cannot be read at character %(position)s: %(error)s"), position=position, error=str(error)
            ) from error
        if end < len(piece) or not is_cut:
            return value, position + end
    raise EngineRejected(
        _("The JSON cannot be read at character %(position)s: longer than %(most)s characters"),
        position=position,
        most=MAX_VALUE,
    )
