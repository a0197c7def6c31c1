"""One sent mail and its mailbox: seen in Sent, else filed there once; doubles and the Bcc self-copy are removed."""

from collections.abc import Callable
from dataclasses import dataclass

from .sent_mailbox import SentMailbox


@dataclass(frozen=True)
class SentCopy:
    """What is known of the copy before a check. key: the caller's."""

    key: int
    message_id: str
    is_filed: bool  # by the provider or by us
    may_append: bool  # the provider had its time
    has_self_copy: bool  # a Bcc to the mailbox itself may lie in the inbox


@dataclass(frozen=True)
class Finding:
    """seen: copies that were in Sent before we did anything there."""

    seen: int
    is_appended: bool
    is_self_copy_removed: bool


def check_copy(box: SentMailbox, copy: SentCopy, begin_append: Callable[[], bytes]) -> Finding:
    """Return the Finding of one check. begin_append() notes that an APPEND begins and returns the mail."""
    seen = len(box.find("sent", copy.message_id))
    is_appended = not seen and not copy.is_filed and copy.may_append
    if is_appended:
        box.append("sent", begin_append())
    elif copy.is_filed and seen > 1:  # the provider was late: ours came first, its copy stays
        box.remove("sent", copy.message_id, keep=1)
    is_in_sent = copy.is_filed or seen or is_appended
    is_self_copy_removed = bool(copy.has_self_copy and is_in_sent and box.remove("inbox", copy.message_id))
    return Finding(seen, is_appended, is_self_copy_removed)
