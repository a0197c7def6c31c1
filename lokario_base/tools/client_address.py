"""Whose request it is, also behind a proxy, for limits per network."""

from ipaddress import ip_address, ip_network

IPV4_NETWORK, IPV6_NETWORK = 24, 48  # bits that count as one network: what one customer of a provider has


def client_network(environ: dict, proxy_mode: bool) -> str:
    """Return the network of whoever sent the request, "unknown" without an address.

    Behind a proxy (`proxy_mode`) that is the last address of X-Forwarded-For, which the proxy itself has written;
    Odoo reads that header only together with X-Forwarded-Host. Without it the header is a visitor's claim.
    """
    address = environ.get("REMOTE_ADDR", "")
    if proxy_mode:
        address = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or address
    return network_of(address)


def network_of(address: str) -> str:
    """Return the network that an address counts for."""
    try:
        ip = ip_address(address.strip("[]"))
    except ValueError:
        return "unknown"
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip_network((ip, IPV4_NETWORK if ip.version == 4 else IPV6_NETWORK), strict=False))
