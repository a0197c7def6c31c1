"""Figures of a tenant."""

from datetime import date

from pydantic import BaseModel


class Figures(BaseModel):
    """Counts of recipients; rates are percent of what was processed (complaints, opens: of delivered)."""

    delivered: int
    hard: int
    soft: int
    block: int
    bounced: int
    processed: int
    deferred: int
    complained: int
    opened: int
    clicked: int
    unsubscribed: int
    delivery_rate: float
    bounce_rate: float
    complaint_rate: float
    open_rate: float
    click_rate: float


class DayFigures(Figures):
    day: date


class GroupFigures(Figures):
    name: str


class Today(BaseModel):
    daily_quota: int
    sent: int
    remaining: int


class Overview(BaseModel):
    tenant_id: int
    contacts: int
    suppressed: int
    campaigns: dict[str, int]
    today: Today
    totals: Figures


class Performance(BaseModel):
    tenant_id: int
    days: int
    totals: Figures
    daily: list[DayFigures]
    providers: list[GroupFigures]
    ips: list[GroupFigures]
