"""The addresses in an address header (RFC 5322 §3.4); ordinary headers are read without the full grammar."""

import re
from email.utils import getaddresses

_ORDINARY = re.compile(r"[^\"(\\]*")
_BARE = re.compile(r"[^\s<>,;:]+@[^\s<>,;:]+")


def addresses(*headers: str | None) -> list[str]:
    """Return the bare addresses of header values, lower case, in order.

    >>> addresses("Anna <Anna@client.com>, info@b.fr")
    ['anna@client.com', 'info@b.fr']
    """
    found = []
    for header in filter(None, headers):
        if _ORDINARY.fullmatch(header):
            found += _BARE.findall(header)
        else:
            found += [address for _name, address in getaddresses([header]) if "@" in address]
    return [address.lower() for address in found]
