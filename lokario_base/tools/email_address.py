"""Whether a text is an e-mail address."""

import re

MAX_LENGTH = 254  # RFC 5321 §4.5.3.1.3
LOCAL = r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}"  # RFC 5322 §3.2.3, and dots where some providers have them
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
EMAIL = re.compile(rf"{LOCAL}@(?:{LABEL}\.)+{LABEL}", re.ASCII | re.IGNORECASE)
SHORTEST_TLD = 2


def is_address(text) -> bool:
    """Whether the text is one e-mail address and nothing else.

    >>> is_address("tim.o'neil+shop@x-y.example"), is_address("zoe@gmail..com"), is_address("zoe@-x.fr")
    (True, False, False)
    """
    return (
        isinstance(text, str)
        and len(text) <= MAX_LENGTH
        and text.isascii()
        and text.isprintable()
        and bool(EMAIL.fullmatch(text))
        and len(text.rpartition(".")[2]) >= SHORTEST_TLD
    )
