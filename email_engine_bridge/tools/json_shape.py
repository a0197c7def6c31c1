"""How big and how deep a JSON body is, found in its bytes before anything is built of it; names that come twice.

`[{},{},…]` takes thirty times its length as Python objects, and brackets in brackets end the parser's recursion.
"""

import contextlib
import json
import re

from ..exceptions import EngineRejected

MAX_VALUES = 100_000
MAX_DEPTH = 50
# One that nothing closes runs to the end: else its escaped quotes would each be tried as another beginning.
_STRING = re.compile(rb'"(?>(?:[^"\\]++|\\.)*)(?:"|\\?\Z)', re.DOTALL)
_NEITHER = re.compile(rb"[^\[\]{}]+")
_OPENING = b"[{"


def check_json_shape(body, most=MAX_VALUES):
    """Raise EngineRejected for more than `most` values or MAX_DEPTH levels; errors of syntax are the parser's."""
    bare = _STRING.sub(b"", body)
    values = 1 + sum(bare.count(mark) for mark in (b",", b"[", b"{"))
    if values > most:
        raise EngineRejected("The JSON holds more than %(most)s values", most=most)
    depth = 0
    for bracket in _NEITHER.sub(b"", bare):
        depth += 1 if bracket in _OPENING else -1
        if depth > MAX_DEPTH:
            raise EngineRejected("The JSON is nested more than %(most)s levels deep", most=MAX_DEPTH)


def check_names(body):
    """Raise EngineRejected for two members of one name: RFC 8259 leaves open which one counts."""
    with contextlib.suppress(ValueError, RecursionError):  # the parser says them better
        json.loads(body, object_pairs_hook=_named_once)


def _named_once(pairs):
    names = set()
    for name, _value in pairs:
        if name in names:
            raise EngineRejected("Two members are named %(name)s", name=json.dumps(name[:60]))
        names.add(name)
    return dict(pairs)
