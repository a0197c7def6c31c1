"""Outgoing webhooks as the API takes and gives them; a secret is given, and never told."""

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, model_validator

from odoo.addons.email_engine_bridge.schemas.free_json import StorableText
from odoo.addons.email_engine_bridge.schemas.listing import Listing
from odoo.addons.email_engine_bridge.schemas.moment import UtcMoment
from odoo.addons.email_engine_bridge.schemas.strict import Strict

PREFIX = "whsec_"


def _check_secret(secret):
    try:
        size = len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except binascii.Error:
        size = 0
    if not secret.startswith(PREFIX) or not 24 <= size <= 64:
        raise ValueError("give whsec_ and 24 to 64 random bytes in base64 (standardwebhooks.com)")
    return secret


SigningSecret = Annotated[
    StorableText,
    Field(max_length=100, description="`whsec_` and 24 to 64 random bytes in base64; it is not shown again"),
    AfterValidator(_check_secret),
]
Url = Annotated[StorableText, Field(min_length=9, max_length=2000, examples=["https://shop.example.com/hooks/mail"])]


class WebhookTargetCreate(Strict):
    tenant_id: int = Field(ge=1, le=2**31 - 1)
    url: Url
    signing_secret: SigningSecret


class WebhookTargetChange(Strict):
    """What is left out stays as it is. Another `url` is another receiver: it gets a `signing_secret` of its own."""

    url: Url | None = None
    signing_secret: SigningSecret | None = None
    active: bool | None = None

    @model_validator(mode="after")
    def check_secret(self):
        if (self.url is None) != (self.signing_secret is None):
            raise ValueError("url and signing_secret go together; to change the secret alone, rotate it")
        return self


class SecretRotation(Strict):
    signing_secret: SigningSecret


class WebhookTarget(BaseModel):
    """Until `former_secret_until` deliveries are signed with the former secret, too."""

    id: int
    tenant_id: int
    url: str
    active: bool
    former_secret_until: UtcMoment | None


class WebhookTargetPage(Listing):
    items: list[WebhookTarget]


class WebhookDelivery(BaseModel):
    """`state`: pending, sent or failed (given up). `message_id` is the `webhook-id` that the receiver sees."""

    id: int
    message_id: str
    state: str
    attempts: int
    answer: str
    answer_body: str
    created_at: UtcMoment
    next_try_at: UtcMoment | None
    payload: dict


class WebhookDeliveryPage(Listing):
    items: list[WebhookDelivery]
