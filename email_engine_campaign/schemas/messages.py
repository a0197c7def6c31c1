"""Single messages as the API takes and gives them."""

from typing import Literal

from pydantic import BaseModel, Field, model_validator

from odoo.addons.email_engine_bridge.schemas.free_json import FreeObject, StorableText, Words
from odoo.addons.email_engine_bridge.schemas.listing import Listing
from odoo.addons.email_engine_bridge.schemas.moment import UtcMoment
from odoo.addons.email_engine_bridge.schemas.strict import Strict

MAX_RECIPIENTS = 50
Id = Field(ge=1, le=2**31 - 1)


class MessageCreate(Strict):
    """Either `template_id`, or `subject` and one of `html` and `text`; `data` are the values of the variables."""

    tenant_id: int = Id
    to: list[StorableText] = Field(min_length=1, max_length=MAX_RECIPIENTS, description="Each gets a mail of its own")
    template_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    subject: Words | None = Field(default=None, min_length=1, max_length=2000)
    html: StorableText | None = Field(default=None, min_length=1, max_length=512 * 1024)
    text: StorableText | None = Field(default=None, min_length=1, max_length=512 * 1024)
    data: FreeObject = {}
    from_name: StorableText | None = Field(default=None, max_length=200)
    from_email: StorableText | None = Field(default=None, max_length=254)
    reply_to: StorableText | None = Field(default=None, max_length=254)
    transport: Literal["powermta", "mailwizz"] | None = Field(default=None, description="Left out: the tenant's")
    track_opens: bool = False
    track_clicks: bool = False

    @model_validator(mode="after")
    def check_content(self):
        own = [name for name in ("subject", "html", "text") if getattr(self, name) is not None]
        if self.template_id and own:
            raise ValueError(f"template_id brings its own content: leave out {', '.join(own)}")
        if not self.template_id and (not self.subject or not (self.html or self.text)):
            raise ValueError("send template_id, or subject and one of html and text")
        return self


class MessageRecipient(BaseModel):
    """`state`: queued, sent, delivered, bounced, complained, refused, failed, suppressed, or unknown (handed over
    without an answer; PowerMTA's records decide)."""

    email: str
    state: str
    handed_over_at: UtcMoment | None
    answer: str
    opened_at: UtcMoment | None
    clicked_at: UtcMoment | None


class Message(BaseModel):
    """`state`: that of all recipients; `queued` while one of them waits, else `mixed` where they differ."""

    id: int
    tenant_id: int
    state: str
    transport: str
    template_id: int | None
    subject: str
    from_email: str
    created_at: UtcMoment
    recipients: list[MessageRecipient]


class MessageEvent(BaseModel):
    id: int
    event: str = Field(examples=["email.delivered"])
    timestamp: UtcMoment
    email: str
    bounce_class: str | None
    reason: str | None
    diagnostic: str


class MessageEventPage(Listing):
    items: list[MessageEvent]
