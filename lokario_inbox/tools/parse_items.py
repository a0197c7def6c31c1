"""Parsing what was downloaded, beside the writer: PostgreSQL and Python work at the same time."""

from dataclasses import replace

from ..exceptions import UnreadableMail
from .fenced_reader import reader


def parsed(event):
    """A Fetched event whose items have their ``mail``, or the ``problem`` that leads to quarantine."""
    found = iter(reader.parse_mails([item.raw for item in event.items if _is_unread(item)]))
    items = (_parsed_item(item, next(found)) if _is_unread(item) else item for item in event.items)
    return replace(event, items=tuple(items))


def _is_unread(item):
    return not (item.problem or item.mail or item.is_stored)


def _parsed_item(item, found=None):
    """The item with what was found in its mail; read alone when it came without companions."""
    found = found or reader.parse_mails([item.raw])[0]
    if isinstance(found, UnreadableMail):
        return replace(item, problem=str(found))
    return replace(item, mail=found)
