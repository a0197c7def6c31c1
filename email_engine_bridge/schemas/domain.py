"""Shapes of domains and their IPs."""

from typing import Annotated

from pydantic import BaseModel, Field

from .free_json import NO_NUL
from .listing import Listing
from .moment import UtcMoment
from .powermta import DnsRecord
from .strict import Strict


class NewDomain(Strict):
    tenant_id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    domain: Annotated[str, Field(min_length=4, max_length=253, pattern=NO_NUL, examples=["mail1.sos-mail.com"])]
    ip: Annotated[str, Field(min_length=2, max_length=45, pattern=NO_NUL, examples=["45.123.10.1"])]
    selector: Annotated[str, Field(min_length=1, max_length=63, pattern=NO_NUL)] = "default"


class NewDomainAnswer(BaseModel):
    tenant_id: int
    domain_id: int
    domain: str
    ip_id: int
    ip_address: str
    status: str
    records: list[DnsRecord]


class DomainRow(BaseModel):
    id: int
    tenant_id: int
    domain: str
    dns_state: str
    checked_at: UtcMoment | None
    ip_addresses: list[str]


class DomainList(Listing):
    items: list[DomainRow]
