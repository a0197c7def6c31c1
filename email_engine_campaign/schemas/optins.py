"""Double opt-ins as the API takes and gives them."""

from pydantic import BaseModel, Field

from odoo.addons.email_engine_bridge.schemas.free_json import StorableText, Words
from odoo.addons.email_engine_bridge.schemas.moment import UtcMoment
from odoo.addons.email_engine_bridge.schemas.strict import Strict


class OptinCreate(Strict):
    """`source`: the form and what it said, kept as the proof. `template_id`: its text has `{{ confirm_url }}`."""

    tenant_id: int = Field(ge=1, le=2**31 - 1)
    email: StorableText = Field(min_length=3, max_length=320)
    first_name: StorableText = Field(default="", max_length=200)
    last_name: StorableText = Field(default="", max_length=200)
    lists: list[StorableText] = Field(default=[], max_length=100)
    source: Words = Field(min_length=1, max_length=1000)
    requested_from: StorableText = Field(default="", max_length=45)
    template_id: int | None = Field(default=None, ge=1, le=2**31 - 1)


class Optin(BaseModel):
    """`state`: pending, confirmed or expired (not confirmed within seven days)."""

    id: int
    tenant_id: int
    email: str
    state: str
    lists: list[str]
    source: str
    requested_at: UtcMoment
    requested_from: str
    message_id: int | None
    confirmed_at: UtcMoment | None
    confirmed_from: str
    contact_id: int | None
