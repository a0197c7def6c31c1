"""Which addresses the recipients of a mail can reach."""

import ipaddress
import os
from urllib.parse import urlsplit


def is_reachable(url):
    """Whether an address leads to more than this very machine; with `LOKARIO_DEVELOPMENT=1` that is enough."""
    return os.environ.get("LOKARIO_DEVELOPMENT") == "1" or not _is_this_machine(urlsplit(url).hostname or "")


def _is_this_machine(host):
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        return not name or name == "localhost" or name.endswith((".localhost", ".localdomain"))
    return address.is_loopback or address.is_unspecified
