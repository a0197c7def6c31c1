"""A captcha without third parties: the visitor's browser does a calculation that costs a program too much to repeat.

The answer to a challenge is a number with which SHA-256(challenge + ":" + number) begins with `BITS` zero bits.
"""

import hashlib
from dataclasses import dataclass
from itertools import count

BITS = 16  # 65,000 hashes on average: a second in a telephone's browser
LONGEST = 20  # digits of an answer


@dataclass(frozen=True)
class Answer:
    """A challenge and its answer, as a form gives them."""

    challenge: str = ""
    number: str = ""

    @classmethod
    def of(cls, form: dict) -> "Answer":
        fields = (form.get(name) for name in ("challenge", "challenge_answer"))
        return cls(*(text if isinstance(text, str) else "" for text in fields))


def is_solved(challenge: str, answer: str, bits: int = BITS) -> bool:
    """
    >>> is_solved("x", solution("x", 8), 8), is_solved("x", "", 8)
    (True, False)
    """
    if not (answer.isascii() and answer.isdecimal()) or len(answer) > LONGEST:
        return False
    digest = hashlib.sha256(f"{challenge}:{answer}".encode()).digest()
    return int.from_bytes(digest) >> (len(digest) * 8 - bits) == 0


def solution(challenge: str, bits: int = BITS) -> str:
    """Return the smallest answer, as `static/src/captcha.js` finds it."""
    return next(str(number) for number in count() if is_solved(challenge, str(number), bits))
