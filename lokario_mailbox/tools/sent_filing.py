"""One sent mail and its mailbox: seen in Sent, else filed there once; doubles and the hidden copy are removed."""

from collections.abc import Callable
from dataclasses import dataclass

from .sent_mailbox import SentMailbox


@dataclass(frozen=True)
class SentCopy:
    """What is known of the copy before a look. key: the caller's."""

    key: int
    message_id: str
    is_filed: bool  # by the provider or by us
    may_append: bool  # the provider had its time
    is_hidden: bool  # a hidden Bcc may lie in the inbox


@dataclass(frozen=True)
class Finding:
    """seen: copies that were in Sent before we did anything there."""

    seen: int
    is_appended: bool
    is_hidden_removed: bool


def look_after(box: SentMailbox, copy: SentCopy, begin_append: Callable[[], bytes]) -> Finding:
    """Return the Finding of one look. begin_append() notes that an APPEND begins and returns the mail."""
    seen = len(box.find("sent", copy.message_id))
    is_appended = not seen and not copy.is_filed and copy.may_append
    if is_appended:
        box.append("sent", begin_append())
    elif copy.is_filed and seen > 1:  # the provider was late: ours came first, its copy stays
        box.remove("sent", copy.message_id, keep=1)
    is_settled = copy.is_filed or seen or is_appended
    is_hidden_removed = bool(copy.is_hidden and is_settled and box.remove("inbox", copy.message_id))
    return Finding(seen, is_appended, is_hidden_removed)
