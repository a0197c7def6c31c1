"""Shapes of the quota answers; names and types are the document's."""

from typing import Annotated

from pydantic import BaseModel, Field

from ..const import MAX_INT
from .strict import Strict


class IpQuota(BaseModel):
    """One IP today. `sent_today` includes what workers have reserved."""

    ip_id: int
    ip_address: str
    address: str
    status: str
    phase: str
    daily_quota: int
    sent_today: int
    remaining: int


class TenantQuota(BaseModel):
    tenant_id: int
    total_ips: int
    active_ips: int
    warming_ips: int
    total_daily_capacity: int
    remaining_today: int
    ips: list[IpQuota]


class QuotaQuestion(Strict):
    emails_to_send: Annotated[int, Field(ge=1, le=MAX_INT, strict=True, examples=[100])]


class QuotaAnswer(BaseModel):
    """`can_send`: what is left on all IPs together covers it; `recommended_ip`: the one with most left."""

    can_send: bool
    message: str
    recommended_ip: IpQuota | None
