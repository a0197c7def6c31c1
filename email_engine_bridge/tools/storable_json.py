"""JSON values that neither RFC 8259 nor PostgreSQL knows."""

import math
import re

from .finding import translatable as _
from .json_shape import MAX_DEPTH

_HALF_PAIR = re.compile("[\ud800-\udfff]")


def find_unstorable(value, place="", depth=0):
    """Return (place, reason) of the first value that JSON or PostgreSQL does not know, None when there is none."""
    if depth > MAX_DEPTH:
        return place, _("nested too deeply")
    if isinstance(value, float) and not math.isfinite(value):
        return place, _("NaN and Infinity are no JSON")
    if isinstance(value, str) and (reason := _fault(value)):
        return place, reason
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        if isinstance(name, str) and (reason := _fault(name)):
            return place or "name", reason
        if found := find_unstorable(member, f"{place}.{name}".lstrip("."), depth + 1):
            return found
    return None


def _fault(text):
    if "\0" in text:
        return _("a NUL character cannot be stored")
    return _("half a surrogate pair is no character") if _HALF_PAIR.search(text) else ""
