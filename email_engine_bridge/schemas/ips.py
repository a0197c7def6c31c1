"""IPs as the API gives and changes them."""

from typing import Annotated

from pydantic import Field

from .free_json import StorableText
from .listing import Listing
from .quota import IpQuota
from .strict import Strict


class IpChange(Strict):
    reason: Annotated[StorableText, Field(min_length=1, max_length=500)]


class Ip(IpQuota):
    reason: str


class IpPage(Listing):
    items: list[Ip]
