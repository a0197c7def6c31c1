"""Parsing what was downloaded, beside the writer: PostgreSQL and Python work at the same time."""

import logging
from dataclasses import replace

from ..exceptions import UnreadableMail
from .fenced_reader import reader

_logger = logging.getLogger(__name__)


def parsed(event):
    """A Fetched event whose items have their ``mail``, or the ``problem`` that leads to quarantine."""
    return replace(event, items=tuple(map(_parsed_item, event.items)))


def _parsed_item(item):
    if item.problem or item.mail or item.is_stored:
        return item
    try:
        return replace(item, mail=reader.parse_mail(item.raw))
    except UnreadableMail as err:
        return replace(item, problem=str(err))
    except Exception as err:
        _logger.warning("Mail %s cannot be parsed", item.uid, exc_info=True)
        return replace(item, problem=f"{type(err).__name__}: {err}")
