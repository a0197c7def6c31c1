"""Texts and free JSON values of callers, as PostgreSQL can keep them."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ..tools.storable_json import find_unstorable


def _check(value):
    if found := find_unstorable(value):
        place, reason = found
        raise PydanticCustomError("unstorable_json", "{place}: {reason}", {"place": place or ".", "reason": reason})
    return value


NO_NUL = r"^[^\x00]*$"  # PostgreSQL takes no NUL in a text
StorableText = Annotated[str, Field(pattern=NO_NUL)]
FreeObject = Annotated[dict, AfterValidator(_check)]
