"""Message templates as the API takes and gives them."""

from pydantic import BaseModel, Field

from odoo.addons.email_engine_bridge.schemas.free_json import FreeObject, StorableText, Words
from odoo.addons.email_engine_bridge.schemas.listing import Listing
from odoo.addons.email_engine_bridge.schemas.strict import Strict


class TemplateCreate(Strict):
    tenant_id: int = Field(ge=1, le=2**31 - 1)
    name: Words = Field(min_length=1, max_length=200)
    subject: Words = Field(min_length=1, max_length=2000)
    html: StorableText = Field(default="", max_length=512 * 1024)
    mjml: StorableText = Field(default="", max_length=512 * 1024, description="Instead of html")
    text: StorableText = Field(default="", max_length=512 * 1024)


class TemplateChange(Strict):
    """What is left out stays as it is."""

    name: Words = Field(default="", min_length=1, max_length=200)
    subject: Words = Field(default="", min_length=1, max_length=2000)
    html: StorableText = Field(default="", min_length=1, max_length=512 * 1024)
    mjml: StorableText = Field(default="", min_length=1, max_length=512 * 1024, description="Instead of html")
    text: StorableText = Field(default="", max_length=512 * 1024)


class TemplatePreview(Strict):
    subject: StorableText = Field(default="", max_length=2000)
    html: StorableText = Field(max_length=512 * 1024)
    text: StorableText = Field(default="", max_length=512 * 1024)
    sample: FreeObject = {}


class Preview(BaseModel):
    subject: str
    html: str
    text: str
    missing: list[str]
    remarks: list[str]


class Template(BaseModel):
    id: int
    tenant_id: int
    name: str
    subject: str
    html: str
    mjml: str
    text: str
    version: int
    variables: list[str]


class TemplatePage(Listing):
    items: list[Template]
