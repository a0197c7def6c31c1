"""What the webhooks answer."""

from pydantic import BaseModel

from .contacts import RowError


class IntakeSummary(BaseModel):
    """`repeated`: known before; `foreign`: of no tenant, or of one this source does not report for."""

    received: int
    stored: int
    repeated: int
    foreign: int
    error_count: int
    errors: list[RowError]
