"""Campaigns as the API takes and gives them; the answer of `send` is the documented one."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from odoo.addons.email_engine_bridge.schemas.free_json import FreeObject, StorableText, Words
from odoo.addons.email_engine_bridge.schemas.listing import Listing
from odoo.addons.email_engine_bridge.schemas.moment import UtcMoment
from odoo.addons.email_engine_bridge.schemas.strict import Strict

Id = Field(ge=1, le=2**31 - 1)


class CampaignCreate(Strict):
    tenant_id: int = Id
    name: Words = Field(min_length=1, max_length=200)
    template_id: int = Id
    lists: list[StorableText] = Field(default=[], max_length=100)
    tags: list[StorableText] = Field(default=[], max_length=100)
    segments: list[StorableText] = Field(default=[], max_length=100)
    subject_b: StorableText | None = Field(default=None, max_length=2000)
    share_b: int = Field(default=50, ge=0, le=100)
    winner_by: Literal["opened", "clicked"] | None = Field(
        default=None, description="The others wait for the end of the test and get the better subject"
    )
    test_share: int = Field(default=20, ge=1, le=99, description="Percent of the people who take part in the test")
    winner_after: int = Field(default=4, ge=1, le=168, description="Hours that the test takes")
    from_name: StorableText | None = Field(default=None, max_length=200)
    from_email: StorableText | None = Field(default=None, max_length=254)
    reply_to: StorableText | None = Field(default=None, max_length=254)
    transport: Literal["powermta", "mailwizz"] = "powermta"
    track_opens: bool = False
    track_clicks: bool = False
    scheduled_at: datetime | None = Field(
        default=None, description="With a time zone; the campaign starts automatically"
    )
    repeat_every: Literal["day", "week", "month"] | None = None
    repeat_until: date | None = None


class Campaign(BaseModel):
    id: int
    tenant_id: int
    name: str
    template_id: int
    transport: str
    state: str
    scheduled_at: UtcMoment | None
    recipients: int
    waiting: int
    sent: int
    delivered: int
    bounced: int
    unknown: int
    suppressed: int
    opened: int
    clicked: int
    unsubscribed: int
    fully_sent_on: date | None
    winner: str | None
    repeat_every: str | None
    next_campaign_id: int | None


class CampaignPage(Listing):
    items: list[Campaign]


class QuotaInfo(BaseModel):
    daily_quota: int
    sent_today_before: int
    remaining_after: int


class Allocation(BaseModel):
    ip_id: int
    ip_address: str
    ip_status: str
    emails: int
    reason: str
    quota_info: QuotaInfo


class SendAnswer(BaseModel):
    """`ip_used`, `ip_status` and `quota_info` describe the largest of the allocations."""

    success: bool
    campaign_id: int
    total_recipients: int
    ip_used: str | None = None
    ip_status: str | None = None
    quota_info: QuotaInfo | None = None
    allocations: list[Allocation] = []
    sent_today: int = 0
    sent_later: int = 0
    suppressed: int = 0
    fully_sent_on: date | None = None


class TrialRequest(Strict):
    to: list[StorableText] = Field(min_length=1, max_length=10)
    sample: FreeObject = {}


class TrialAnswer(BaseModel):
    queued: list[str]
    ip_used: str
