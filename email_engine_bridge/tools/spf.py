"""Evaluate an SPF record for one address, counting lookups (RFC 7208)."""

import ipaddress
import re
from dataclasses import dataclass

from .finding import finding
from .spf_macros import expand

MAX_LOOKUPS = 10  # 4.6.4: include, a, mx, ptr, exists, redirect
MAX_VOID_LOOKUPS = 2
MAX_MX_HOSTS = 10
RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
TERM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)((?:[:/]).*)?", re.I)
MODIFIER = re.compile(r"[A-Za-z][A-Za-z0-9._-]*=.*")
CIDR = re.compile(r"(?:/(\d{1,3}))?(?://(\d{1,3}))?")


class SpfPermError(Exception):
    """The record is wrong; receivers treat mail as if SPF failed."""

    def __init__(self, code, **values):
        super().__init__(code)
        self.finding = finding(code, **values)


@dataclass
class SpfResult:
    """pass, fail, softfail, neutral, none or permerror; what it cost and what is wrong (a finding)."""

    result: str
    record: str = ""
    lookups: int = 0
    void_lookups: int = 0
    wrong: dict | None = None


@dataclass
class _State:
    lookup: object
    address: object
    sender_domain: str
    lookups: int = 0
    voids: int = 0

    def count(self, answer):
        """Count a lookup that was made; `answer` empty makes it a void one."""
        if not answer:
            self.voids += 1
            if self.voids > MAX_VOID_LOOKUPS:
                raise SpfPermError("spf_many_voids", most=MAX_VOID_LOOKUPS)
        return answer

    def charge(self):
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise SpfPermError("spf_many_lookups", most=MAX_LOOKUPS)


def check_spf(lookup, domain, address):
    """Return the SpfResult for mail from `domain` sent by `address`."""
    state = _State(lookup, ipaddress.ip_address(address), domain)
    record = ""
    try:
        record = _record(state, domain)
        if record is None:
            return SpfResult("none")
        result = _evaluate(state, domain, record)
    except SpfPermError as error:
        return SpfResult("permerror", record or "", state.lookups, state.voids, error.finding)
    return SpfResult(result, record, state.lookups, state.voids)


def _record(state, domain):
    records = [
        text for text in state.lookup.txt(domain) if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")
    ]
    if len(records) > 1:
        raise SpfPermError("spf_several", domain=domain, count=len(records))
    return records[0] if records else None


def _evaluate(state, domain, record):
    terms, redirect = _parse(record)
    for qualifier, name, argument in terms:
        if _matches(state, domain, name, argument):
            return RESULTS[qualifier or "+"]
    if not redirect:
        return "neutral"
    state.charge()
    redirect = _name(state, domain, redirect)
    target = _record(state, redirect)
    if target is None:
        raise SpfPermError("spf_target_missing", term=f"redirect={redirect}")
    return _evaluate(state, redirect, target)


def _name(state, domain, text):
    """Return the name a term speaks of: its macros filled in, the record's own domain when it names none."""
    name = expand(text, domain, state.address, state.sender_domain) if text else domain
    if name is None:
        raise SpfPermError("spf_macro", term=text)
    return name


def _parse(record):
    """Return ([(qualifier, mechanism, argument)], redirect target); every term is checked first."""
    terms, redirects, has_all = [], [], False
    if not record.isascii():
        raise SpfPermError("spf_unknown_term", term=next(word for word in record.split(" ") if not word.isascii()))
    for word in [word for word in record.split(" ") if word][1:]:  # RFC 7208 §12: a space, and nothing else
        if MODIFIER.fullmatch(word):
            name, _equals, value = word.partition("=")
            if name.lower() == "redirect":
                if not value:
                    raise SpfPermError("spf_no_argument", term=word)
                redirects.append(value)
            continue
        match = TERM.fullmatch(word)
        if not match:
            raise SpfPermError("spf_unknown_term", term=word)
        argument = match[3] or ""
        _check_argument(match[2].lower(), argument, word)
        terms.append((match[1], match[2].lower(), argument))
        has_all = has_all or match[2].lower() == "all"
    if len(redirects) > 1:
        raise SpfPermError("spf_redirect_twice")
    return terms, "" if has_all else "".join(redirects)


def _check_argument(name, argument, word):
    if name == "all" and argument:
        raise SpfPermError("spf_all_argument", term=word)
    if name in ("include", "exists", "ip4", "ip6") and (not argument.startswith(":") or len(argument) == 1):
        raise SpfPermError("spf_no_argument", term=word)
    if name in ("ip4", "ip6"):
        _network(argument[1:], int(name[2]), word)
    if name in ("a", "mx"):
        _split_cidr(argument, word)


def _network(text, version, word):
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or network.version != version:
        raise SpfPermError("spf_not_a_network", term=word, version=version)
    return network


def _split_cidr(argument, word):
    """Return (domain or "", IPv4 prefix, IPv6 prefix) of an a or mx argument."""
    target, slash, cidr = argument.partition("/")
    match = CIDR.fullmatch(slash + cidr)
    if not match or target == ":":
        raise SpfPermError("spf_prefix_length", term=word)
    v4, v6 = (int(part) if part else whole for part, whole in zip(match.groups(), (32, 128), strict=True))
    if v4 > 32 or v6 > 128:
        raise SpfPermError("spf_prefix_length", term=word)
    return target.removeprefix(":"), v4, v6


def _matches(state, domain, name, argument):
    if name == "all":
        return True
    if name in ("ip4", "ip6"):
        network = _network(argument[1:], int(name[2]), argument)
        return state.address.version == network.version and state.address in network
    state.charge()
    return {"include": _include, "a": _a, "mx": _mx, "ptr": _ptr, "exists": _exists}[name](state, domain, argument)


def _include(state, domain, argument):
    target = _name(state, domain, argument[1:])
    record = _record(state, target)
    if record is None:
        raise SpfPermError("spf_target_missing", term=f"include:{target}")
    return _evaluate(state, target, record) == "pass"


def _a(state, domain, argument):
    target, v4, v6 = _split_cidr(argument, argument)
    return _covers(state, state.count(state.lookup.addresses(_name(state, domain, target))), v4, v6)


def _mx(state, domain, argument):
    target, v4, v6 = _split_cidr(argument, argument)
    hosts = state.count(state.lookup.mx(_name(state, domain, target)))
    if len(hosts) > MAX_MX_HOSTS:
        raise SpfPermError("spf_many_hosts", most=MAX_MX_HOSTS)
    return any(_covers(state, state.lookup.addresses(host), v4, v6) for _preference, host in hosts)


def _ptr(state, domain, argument):
    target = _name(state, domain, argument.removeprefix(":")).lower()
    names = state.count(state.lookup.ptr(str(state.address)))
    return any(
        (name == target or name.endswith(f".{target}")) and str(state.address) in state.lookup.addresses(name)
        for name in names[:10]
    )


def _exists(state, domain, argument):
    return bool(state.count(state.lookup.addresses(_name(state, domain, argument[1:]), "A")))


def _covers(state, addresses, v4, v6):
    prefix = v4 if state.address.version == 4 else v6
    return any(
        state.address in ipaddress.ip_network(f"{address}/{prefix}", strict=False)
        for address in addresses
        if ipaddress.ip_address(address).version == state.address.version
    )
