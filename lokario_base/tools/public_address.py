"""Which IP addresses are public servers, and which reach into a network: one table.

Python's own knowledge of the IANA special-purpose registries depends on its version, and leaves out what is deprecated
but still routed by some systems.
"""

import ipaddress

# IANA IPv4 and IPv6 Special-Purpose Address Registries, and deprecated blocks, where Python says "global".
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT, and the metadata service of some clouds
            "192.0.0.0/24",  # IETF protocol assignments
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relay anycast, deprecated
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarking
            "240.0.0.0/4",
            "::/96",  # IPv4-compatible, deprecated
            "64:ff9b:1::/48",  # NAT64 of a local network
            "100::/64",  # discard
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",  # site-local, deprecated
        ),
    )
)
# Networks that carry an IPv4 address in their last 32 bits.
_CARRIERS = tuple(map(ipaddress.ip_network, ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))


def effective_address(address: str):
    """Return the address that is really reached: IPv4 hidden in IPv6 forms is unwrapped. Raises ValueError."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if ip.version == 4:
        return ip
    if any(ip in network for network in _CARRIERS):
        return ipaddress.ip_address(int(ip) & 0xFFFFFFFF)
    return ip.sixtofour or ip


def is_public(address: str) -> bool:
    """Return whether this is globally reachable unicast.

    >>> is_public("192.0.0.192"), is_public("fec0::1"), is_public("64:ff9b::7f00:1"), is_public("9.9.9.9")
    (False, False, False, True)
    """
    ip = effective_address(address)
    is_special = any(ip in network for network in _SPECIAL if network.version == ip.version)
    return ip.is_global and not (is_special or ip.is_multicast or ip.is_reserved or ip.is_unspecified)
