"""Pages of records."""

from pydantic import BaseModel


class Listing(BaseModel):
    """`next_cursor` goes on where this page ends, when the call had a cursor; null at the end."""

    total: int
    next_cursor: str | None = None
