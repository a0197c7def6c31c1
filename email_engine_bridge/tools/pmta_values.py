"""Values that may stand in a generated file: checked one by one, refused naming the field."""

import ipaddress
import re

from .finding import finding

LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z)(?!.*\.[0-9]+\Z){LABEL}(\.{LABEL})+")  # 0.0.0.0 is none
NAME = re.compile(r"(?=.{1,100}\Z)[a-z0-9]+((\.|-+)[a-z0-9]+)*")
SELECTOR = re.compile(rf"(?=.{{1,63}}\Z){LABEL}(\.{LABEL})*")
PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
EMAIL = re.compile(rf"(?=.{{3,254}}\Z)[A-Za-z0-9][A-Za-z0-9._+-]{{0,63}}@{LABEL}(\.{LABEL})+")
HTTP_URL = re.compile(rf"https?://{LABEL}(\.{LABEL})*(:[0-9]{{1,5}})?(/[A-Za-z0-9._~-]+)*/?")
RATE = re.compile(r"[1-9][0-9]{0,9}/[1-9]?[0-9]{0,3}[dhms]")
TIME = re.compile(r"([0-9]+[wdhms])+")
NUMBER = re.compile(r"[0-9]{1,10}")


class ConfigValueError(ValueError):
    """A value that may not stand in a configuration; `field` says which one, `finding` why."""

    def __init__(self, field, value, code, **values):
        shown = str(value)[:80]
        super().__init__(f"{field}: {code}, {shown!r}")
        self.field = field
        self.finding = finding(code, field=field, value=shown, **values)


def _matching(pattern, code):
    def check(field, value):
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ConfigValueError(field, value, code)
        return value

    return check


hostname = _matching(HOSTNAME, "no_hostname")
name = _matching(NAME, "no_name")
selector = _matching(SELECTOR, "no_selector")
path = _matching(PATH, "no_path")
email = _matching(EMAIL, "no_email")
http_url = _matching(HTTP_URL, "no_http_url")
rate = _matching(RATE, "no_rate")
time = _matching(TIME, "no_time")


def address(field, value):
    """Return an IP address in its canonical spelling; loopback's own 127.0.0.1 is no source."""
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        raise ConfigValueError(field, value, "no_address") from None
    if getattr(found, "scope_id", None) or found.is_unspecified or found.is_multicast or value == "127.0.0.1":
        raise ConfigValueError(field, value, "no_source_address")
    return str(found)


def network(field, value):
    """Return a network or address in canonical spelling; everybody (0/0) is refused."""
    try:
        found = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ConfigValueError(field, value, "no_network") from None
    if found.prefixlen == 0:
        raise ConfigValueError(field, value, "whole_internet")
    return str(found.network_address) if found.num_addresses == 1 else str(found)


def number(field, value, low=0, high=2**31 - 1):
    """Return a whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigValueError(field, value, "no_number", low=low, high=high)
    return value
