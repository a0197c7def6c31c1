"""Whether a text is an e-mail address."""

import re

MAX_LENGTH = 254  # RFC 5321 §4.5.3.1.3
EMAIL = re.compile(r"[^\s@<>\"',;:()\[\]\\]{1,64}@[^\s@<>\"',;:()\[\]\\]+\.[^\s@<>\"',;:()\[\]\\.]{2,}")


def is_address(text) -> bool:
    """Whether the text is one e-mail address and nothing else."""
    return (
        isinstance(text, str)
        and len(text) <= MAX_LENGTH
        and text.isascii()
        and text.isprintable()
        and bool(EMAIL.fullmatch(text))
    )
