"""Message templates as the API takes and gives them."""

from pydantic import BaseModel, Field

from odoo.addons.email_engine_bridge.schemas.free_json import FreeObject, StorableText


class TemplateCreate(BaseModel):
    tenant_id: int = Field(ge=1, le=2**31 - 1)
    name: StorableText = Field(min_length=1, max_length=200)
    subject: StorableText = Field(min_length=1, max_length=2000)
    html: StorableText = Field(min_length=1, max_length=512 * 1024)
    text: StorableText = Field(default="", max_length=512 * 1024)


class TemplatePreview(BaseModel):
    subject: StorableText = Field(default="", max_length=2000)
    html: StorableText = Field(max_length=512 * 1024)
    text: StorableText = Field(default="", max_length=512 * 1024)
    sample: FreeObject = {}


class Preview(BaseModel):
    subject: str
    html: str
    text: str
    missing: list[str]


class Template(BaseModel):
    id: int
    tenant_id: int
    name: str
    subject: str
    html: str
    text: str
    version: int
    variables: list[str]


class TemplatePage(BaseModel):
    items: list[Template]
    total: int
