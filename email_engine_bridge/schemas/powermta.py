"""Shapes of the PowerMTA and MailWizz answers."""

from pydantic import BaseModel

from .quota import IpQuota


class VmtaIp(IpQuota):
    vmta_name: str
    hostname: str


class VmtaConfig(BaseModel):
    tenant_id: int
    pool_name: str
    total_ips: int
    active_ips: int
    warming_ips: int
    ips: list[VmtaIp]
    delivery_server_host: str
    delivery_server_port: int


class Header(BaseModel):
    name: str
    value: str


class DeliveryServer(BaseModel):
    """What to copy into MailWizz: Servers > Delivery servers (its REST API cannot create one)."""

    name: str
    type: str
    host: str
    port: int
    protocol: str
    from_email: str
    from_name: str
    reply_to: str
    hostname: str
    mailwizz_type: str
    daily_quota: int
    hourly_quota: int
    use_for: str
    additional_headers: list[Header]


class DnsRecord(BaseModel):
    name: str
    type: str
    value: str


class DkimConfig(BaseModel):
    """The public half of a key: what to publish, and PowerMTA's directive."""

    domain: str
    selector: str
    algorithm: str
    state: str
    record_name: str
    record: str
    record_strings: list[str]
    zone_line: str
    powermta_directive: str
