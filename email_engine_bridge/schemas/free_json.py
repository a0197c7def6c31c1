"""Texts and free JSON values of callers, as PostgreSQL can keep them."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from ..tools.storable_json import find_unstorable


def _check(value):
    if found := find_unstorable(value):
        place, reason = found
        raise PydanticCustomError("unstorable_json", "{place}: {reason}", {"place": place or ".", "reason": reason})
    return value


NO_NUL = r"^[^\x00]*$"  # PostgreSQL takes no NUL in a text
StorableText = Annotated[str, Field(pattern=NO_NUL)]
Words = Annotated[StorableText, StringConstraints(strip_whitespace=True, min_length=1)]
"""A name or a sentence: blanks around it are none of it, and blanks alone are none."""
FreeObject = Annotated[dict, AfterValidator(_check)]
