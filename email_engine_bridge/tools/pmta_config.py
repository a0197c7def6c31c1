"""A PowerMTA 5.0 configuration from data: build the tree, print it in canonical order.

Equal data give equal bytes. Every value is checked before it is placed, so that no name, host or
selector can add a line of its own. Source of the directives: PowerMTA v5.0 User's Guide.
"""

import math
from dataclasses import dataclass, field

from . import pmta_values as values

MIN_HOURS_OF_A_DAY = 8  # a day's quota is spread over at least so many hours
MAX_SMTP_OUT_PER_IP = 20
INDENT = "    "


@dataclass(frozen=True)
class DkimKey:
    """Where PowerMTA finds the private key that signs for a domain."""

    selector: str
    domain: str
    path: str

    def __post_init__(self):
        values.selector("dkim.selector", self.selector)
        values.hostname("dkim.domain_id", self.domain)
        values.path("dkim.key_path", self.path)


@dataclass(frozen=True)
class VirtualMta:
    """One IP of a tenant; `quota` is its number of mails of today, above 0.

    `hourly` is the warm-up plan's own cap an hour, 0 when it has none. `throttles`: (name of a `Provider`, the
    mails an hour that it gets from this IP for now).
    """

    name: str
    address: str
    hostname: str
    quota: int
    keys: tuple = ()
    hourly: int = 0
    throttles: tuple = ()

    def __post_init__(self):
        values.name("ip.vmta_name", self.name)
        for _provider, rate in self.throttles:
            values.number("throttle.rate", rate, low=1)
        values.number("ip.hourly", self.hourly)
        object.__setattr__(self, "address", values.address("ip.address", self.address))
        values.hostname("ip.hostname", self.hostname)
        values.number("ip.quota", self.quota, low=1)


@dataclass(frozen=True)
class Pool:
    """The VirtualMTAs of one tenant, and the domains it sends from."""

    name: str
    vmtas: tuple
    domains: tuple = ()

    def __post_init__(self):
        values.name("tenant.pool_name", self.name)
        for domain in self.domains:
            values.hostname("domain.name", domain)


@dataclass(frozen=True)
class Provider:
    """Limits towards one mailbox provider."""

    name: str
    domains: tuple
    max_smtp_out: int = 10
    max_msg_per_connection: int = 50
    retry_after: str = "30m"
    backoff_max_msg_rate: str = "60/h"
    backoff_retry_after: str = "90m"

    def __post_init__(self):
        values.name("provider.name", self.name)
        if "." in self.name or "-" in self.name:
            raise values.ConfigValueError("provider.name", self.name, "no_macro_name")
        if not self.domains:
            raise values.ConfigValueError("provider.domains", "", "no_domain")
        for domain in self.domains:
            values.hostname("provider.domains", domain)
        values.number("provider.max_smtp_out", self.max_smtp_out, low=1)
        values.number("provider.max_msg_per_connection", self.max_msg_per_connection)
        values.time("provider.retry_after", self.retry_after)
        values.rate("provider.backoff_max_msg_rate", self.backoff_max_msg_rate)
        values.time("provider.backoff_retry_after", self.backoff_retry_after)


@dataclass(frozen=True)
class Server:
    """What the file says about the PowerMTA machine itself."""

    postmaster: str
    host_name: str
    log_file: str = "/var/log/pmta/log"
    spool: str = "/var/spool/pmta"
    accounting_file: str = "/var/log/pmta/acct.csv"
    listen_port: int = 25
    management_port: int = 8080
    sources: tuple = ("127.0.0.1",)
    webhook_url: str = ""
    backoff_patterns: tuple = field(
        default=(
            ("4\\.7\\.28", "mode=backoff"),  # Gmail: unusual rate
            ("\\[TSS0[0-9]\\]", "mode=backoff"),  # Yahoo: deferred for reputation
            ("4\\.7\\.650", "mode=backoff"),  # Microsoft: rate limited for reputation
        )
    )

    def __post_init__(self):
        values.email("server.postmaster", self.postmaster)
        values.hostname("server.host_name", self.host_name)
        for name in ("log_file", "spool", "accounting_file"):
            values.path(f"server.{name}", getattr(self, name))
        for name in ("listen_port", "management_port"):
            values.number(f"server.{name}", getattr(self, name), 1, 65535)
        canonical = tuple(values.network("server.source_networks", source) for source in self.sources)
        object.__setattr__(self, "sources", canonical)
        if not canonical:
            raise values.ConfigValueError("server.source_networks", "", "no_source")
        if self.webhook_url:
            values.http_url("server.webhook_url", self.webhook_url)


def block(tag, name, *children):
    """Return a block of the tree: (tag, name, children)."""
    return (tag, name, tuple(child for child in children if child))


def build(server, pools, providers=(), default_pool=""):
    """Return the tree of a whole configuration: ("Global", "", children)."""
    pools = sorted((pool for pool in pools if pool.vmtas), key=lambda pool: pool.name)
    _check_unique(pools)
    providers = sorted(providers, key=lambda provider: provider.name)
    vmtas = [_virtual_mta(vmta) for pool in pools for vmta in sorted(pool.vmtas, key=lambda item: item.name)]
    return block(
        "Global",
        "",
        *_machine(server),
        _backoff(server),
        *(_macro(provider) for provider in providers),
        *(_provider(provider) for provider in providers),
        *vmtas,
        *(_pool(pool) for pool in pools),
        _routing(pools),
        *(_source(source, pools, default_pool) for source in sorted(server.sources)),
    )


def _check_unique(pools):
    """Refuse what two VMTAs may not share: their name (pools share it, too) and their IP."""
    names, addresses = {pool.name for pool in pools}, set()
    if len(names) != len(pools):
        raise values.ConfigValueError("tenant.pool_name", sorted(pool.name for pool in pools), "pool_twice")
    for vmta in (vmta for pool in pools for vmta in pool.vmtas):
        if vmta.name in names:
            raise values.ConfigValueError("ip.vmta_name", vmta.name, "name_used")
        if vmta.address in addresses:
            raise values.ConfigValueError("ip.address", vmta.address, "address_used")
        names.add(vmta.name)
        addresses.add(vmta.address)


def print_tree(tree):
    """Return the text of a configuration tree."""
    lines = ["# PowerMTA configuration. Generated: change the data, not this file."]
    _print(tree[2], "", lines)
    return "\n".join(lines) + "\n"


def _print(children, indent, lines):
    for child in children:
        if len(child) == 2:
            lines.append(f"{indent}{child[0]} {child[1]}")
            continue
        tag, name, inner = child
        if not indent:
            lines.append("")
        lines.append(f"{indent}<{tag} {name}>" if name else f"{indent}<{tag}>")
        _print(inner, indent + INDENT, lines)
        lines.append(f"{indent}</{tag}>")


def _machine(server):
    return (
        ("postmaster", server.postmaster),
        ("host-name", server.host_name),
        ("log-file", server.log_file),
        ("smtp-listener", f"0.0.0.0:{server.listen_port}"),
        ("http-mgmt-port", str(server.management_port)),
        ("http-access", "127.0.0.1 admin"),
        block("spool", server.spool),
        *_accounting(server),
    )


def _accounting(server):
    """What is final, what is tried again, and what is posted to the webhook: a file each."""
    path = server.accounting_file.removesuffix(".csv")
    kept = (("move-interval", "5m"), ("delete-after", "8d"))
    yield block("acct-file", server.accounting_file, *_records(), *kept)
    yield block("acct-file", f"{path}-transient.csv", ("records", "t"), ("delete-after", "2d"))
    if server.webhook_url:
        posted = (("http-webhook-url", server.webhook_url), ("http-webhook-max-interval", "1m"))
        yield block("acct-file", f"{path}-webhook.json", *_records(), *posted)


def _records():
    """Deliveries, bounces, receipts, complaints; with the Message-ID by which our journal is reconciled."""
    fields = (("record-fields", f"{kind} *,header_Message-ID") for kind in "dbr")
    return (("records", "d,b,r,f,rb"), *fields)


def _backoff(server):
    replies = (("reply", f"/{pattern}/ {actions}") for pattern, actions in server.backoff_patterns)
    return block("smtp-pattern-list", "engine-backoff", *replies)


def _macro(provider):
    return ("domain-macro", f"{provider.name} {', '.join(sorted(provider.domains))}")


def _provider(provider):
    return block(
        "domain",
        f"${provider.name}",
        ("max-smtp-out", str(provider.max_smtp_out)),
        ("max-msg-per-connection", str(provider.max_msg_per_connection)),
        ("retry-after", provider.retry_after),
        ("smtp-pattern-list", "engine-backoff"),
        ("backoff-max-msg-rate", provider.backoff_max_msg_rate),
        ("backoff-retry-after", provider.backoff_retry_after),
    )


def _virtual_mta(vmta):
    keys = sorted(vmta.keys, key=lambda key: (key.domain, key.selector))
    hourly = math.ceil(vmta.quota / MIN_HOURS_OF_A_DAY)
    hourly = min(hourly, vmta.hourly or hourly)
    signed = keys and ("dkim-sign", "yes")
    return block(
        "virtual-mta",
        vmta.name,
        ("smtp-source-host", f"{vmta.address} {vmta.hostname}"),
        *(("domain-key", f"{key.selector}, {key.domain}, {key.path}") for key in keys),
        ("max-smtp-out", str(MAX_SMTP_OUT_PER_IP)),
        ("max-smtp-msg-rate", f"{vmta.quota}/d"),
        block("domain", "*", signed, ("max-msg-rate", f"{hourly}/h")),
        *(
            block("domain", f"${provider}", signed, ("max-msg-rate", f"{min(rate, hourly)}/h"))
            for provider, rate in sorted(vmta.throttles)
        ),
    )


def _pool(pool):
    return block("virtual-mta-pool", pool.name, *(("virtual-mta", name) for name in sorted(v.name for v in pool.vmtas)))


def _routing(pools):
    """Mail without X-Virtual-MTA goes to the pool of the tenant its sender's domain belongs to.

    The vendor says of addresses both that they end with the domain (User's Guide) and that brackets may surround them.
    """
    routes = sorted((domain, pool.name) for pool in pools for domain in pool.domains)
    if not routes:
        return None
    return block(
        "pattern-list",
        "engine-senders",
        *(("mail-from", f"/@{domain.replace('.', chr(92) + '.')}>?$/ virtual-mta={pool}") for domain, pool in routes),
    )


def _source(source, pools, default_pool):
    return block(
        "source",
        source,
        ("always-allow-relaying", "yes"),
        ("smtp-service", "yes"),
        ("process-x-virtual-mta", "yes"),
        ("process-x-job", "yes"),
        ("hide-message-source", "yes"),
        any(pool.domains for pool in pools) and ("pattern-list", "engine-senders"),
        default_pool and any(pool.name == default_pool for pool in pools) and ("default-virtual-mta", default_pool),
    )
