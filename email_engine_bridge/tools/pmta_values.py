"""Values that may stand in a generated file: checked one by one, refused naming the field."""

import ipaddress
import re

LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(\.{LABEL})+")
NAME = re.compile(r"(?=.{1,100}\Z)[a-z0-9]+((\.|-+)[a-z0-9]+)*")
SELECTOR = re.compile(rf"(?=.{{1,63}}\Z){LABEL}(\.{LABEL})*")
PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
EMAIL = re.compile(rf"(?=.{{3,254}}\Z)[A-Za-z0-9][A-Za-z0-9._+-]{{0,63}}@{LABEL}(\.{LABEL})+")
HTTP_URL = re.compile(rf"https?://{LABEL}(\.{LABEL})*(:[0-9]{{1,5}})?(/[A-Za-z0-9._~-]+)*/?")
RATE = re.compile(r"[1-9][0-9]{0,9}/[1-9]?[0-9]{0,3}[dhms]")
TIME = re.compile(r"([0-9]+[wdhms])+")
NUMBER = re.compile(r"[0-9]{1,10}")


class ConfigValueError(ValueError):
    """A value that may not stand in a configuration; `field` says which one."""

    def __init__(self, field, value, wanted):
        super().__init__(f"{field}: {wanted} expected, not {str(value)[:80]!r}")
        self.field = field


def _matching(pattern, wanted):
    def check(field, value):
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ConfigValueError(field, value, wanted)
        return value

    return check


hostname = _matching(HOSTNAME, "a host name such as mail1.example.com")
name = _matching(NAME, "lower case letters, digits, dots and dashes")
selector = _matching(SELECTOR, "a DKIM selector such as default")
path = _matching(PATH, "an absolute path of letters, digits and . _ -")
email = _matching(EMAIL, "an e-mail address")
http_url = _matching(HTTP_URL, "an http(s) URL without user, query or fragment")
rate = _matching(RATE, "a rate such as 50/d")
time = _matching(TIME, "a time such as 10m")


def address(field, value):
    """Return an IP address in its canonical spelling; loopback's own 127.0.0.1 is no source."""
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        raise ConfigValueError(field, value, "an IP address") from None
    if getattr(found, "scope_id", None) or found.is_unspecified or found.is_multicast or value == "127.0.0.1":
        raise ConfigValueError(field, value, "an IP address that mail can leave from")
    return str(found)


def network(field, value):
    """Return a network or address in canonical spelling; everybody (0/0) is refused."""
    try:
        found = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ConfigValueError(field, value, "an address or a network such as 10.0.0.0/24") from None
    if found.prefixlen == 0:
        raise ConfigValueError(field, value, "less than the whole internet")
    return str(found.network_address) if found.num_addresses == 1 else str(found)


def number(field, value, low=0, high=2**31 - 1):
    """Return a whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigValueError(field, value, f"a number from {low} to {high}")
    return value
