"""Whose request it is, also behind a proxy, for limits per network."""

import re
from ipaddress import ip_address, ip_network

IPV4_NETWORK, IPV6_NETWORK = 24, 48  # bits that count as one network: what one customer of a provider has


def client_network(environ: dict, proxies: str) -> str:
    """Return the network of whoever sent the request, "unknown" without an address.

    From a proxy that is named that is the last address of X-Forwarded-For that is no named proxy itself: the proxies
    have written what comes after it. From anybody else the header is a claim.

    :param proxies: addresses and networks, as people write them
    """
    address = peer_address(environ)
    claims = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while claims and is_named(address, proxies):
        address = claims.pop().strip() or address
    return network_of(address)


def peer_address(environ: dict) -> str:
    """Return who is at the other end of the connection, also when Odoo has replaced it by what a proxy says."""
    return environ.get("werkzeug.proxy_fix.orig", environ).get("REMOTE_ADDR", "")


def is_named(address: str, proxies: str) -> bool:
    """Whether an address is one of the proxies; what is no network names none."""
    ip = _ip(address)
    return any(ip in network for text in _words(proxies) if ip and (network := _network(text)))


def not_networks(proxies: str) -> list[str]:
    """Return the words that name neither an address nor a network."""
    return [text for text in _words(proxies) if not _network(text)]


def _words(proxies: str) -> list[str]:
    return [text for text in re.split(r"[\s,;]+", proxies) if text]


def _network(text: str):
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _ip(address: str):
    try:
        ip = ip_address(address.strip("[]"))
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def network_of(address: str) -> str:
    """Return the network that an address counts for."""
    ip = _ip(address)
    return (
        "unknown"
        if ip is None
        else str(ip_network((ip, IPV4_NETWORK if ip.version == 4 else IPV6_NETWORK), strict=False))
    )
