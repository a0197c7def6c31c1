"""What a model may answer about a mail: a choice among approved passages, or the text of a draft. Nothing else.

A Choice holds no text that could reach a customer: identifiers from lists the model was given, and words for the
person who reads the decision. Whatever carries a text is a DraftText, which a person reads before it leaves.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .llm_client import LlmNonsense

MAX_DRAFT = 10_000  # characters of a draft


def readable(text: str) -> str:
    """Return a text of a model without control characters and halves of characters, which no database stores."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))


def _written(text: str) -> str:
    if not (text := readable(text).strip()):
        raise ValueError("empty")
    return text


_Code = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z0-9_]+$")]
_Key = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")]
_Record = Annotated[str, StringConstraints(pattern=r"^R[0-9]{1,3}$")]
_Words = Annotated[str, StringConstraints(max_length=300), AfterValidator(readable)]


class Choice(BaseModel):
    """Passages by their ids; slots: which record of the list a kind of slot is filled from; sensitive: its vote."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    intent: _Code
    confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
    blocks: Annotated[list[Annotated[int, Field(gt=0, lt=2**31)]], Field(min_length=1, max_length=6)]
    slots: Annotated[dict[_Key, _Record], Field(max_length=8)] = {}
    sensitive: Annotated[list[_Code], Field(max_length=15)] = []
    reasons: Annotated[list[_Words], Field(max_length=8)] = []


class DraftText(BaseModel):
    """A text for a person; whatever else came along is dropped."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    reply: Annotated[str, AfterValidator(_written)]
    intent: _Code | None = None
    sensitive: Annotated[list[_Code], Field(max_length=15)] = []


def read_answer(answer: dict) -> Choice | DraftText:
    """Return what a model's JSON object is. Raises LlmNonsense, which names the wrong fields and repeats no values."""
    kind = DraftText if "reply" in answer else Choice
    try:
        return kind.model_validate(answer)
    except ValidationError as err:
        fields = sorted({".".join(map(str, item["loc"][:2]))[:60] for item in err.errors(include_input=False)})
        named = readable(", ".join(fields))[:200]
        raise LlmNonsense(f"The model's answer does not fit: {named}.") from err
