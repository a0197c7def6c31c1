"""Contact lists as the API takes and gives them."""

from pydantic import BaseModel, Field

from odoo.addons.email_engine_bridge.schemas.free_json import StorableText, Words
from odoo.addons.email_engine_bridge.schemas.listing import Listing
from odoo.addons.email_engine_bridge.schemas.strict import Strict


class ContactListCreate(Strict):
    tenant_id: int = Field(ge=1, le=2**31 - 1)
    name: Words = Field(min_length=1, max_length=200)
    description: StorableText = Field(default="", max_length=1000)
    is_public: bool = Field(default=False, description="Offered on the preferences page to who is not in it")


class ContactListChange(Strict):
    """What is left out stays as it is."""

    name: Words = Field(default="", min_length=1, max_length=200)
    description: StorableText = Field(default="", max_length=1000)
    is_public: bool = Field(default=False, description="Offered on the preferences page to who is not in it")


class ContactList(BaseModel):
    id: int
    tenant_id: int
    name: str
    description: str
    is_public: bool
    contacts: int


class ContactListPage(Listing):
    items: list[ContactList]
