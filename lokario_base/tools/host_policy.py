"""Where a server that a user names may be: resolved once, classified, pinned.

One text for every refusal, whatever its reason, so that no user maps an internal network with the
"Test connection" button.
"""

import ipaddress
import socket
from dataclasses import dataclass

from .public_address import effective_address, is_public

REFUSED = "This server address or port is not allowed, or its name does not exist."


class HostRefused(Exception):
    """The policy does not allow this host or port."""


class HostUnresolved(HostRefused):
    """The name server does not know the host, or does not answer: worth another try, with the same text."""


@dataclass(frozen=True)
class PinnedHost:
    """A name and the one address that was checked: connect to ``address``, verify ``host``."""

    host: str
    address: str
    port: int


@dataclass(frozen=True)
class HostPolicy:
    """``allowed``: entries of an administrator such as ``mail.lan``, ``10.0.0.0/8``, ``127.0.0.1:1143``."""

    allowed: frozenset = frozenset()
    ports: tuple = ()

    @classmethod
    def from_text(cls, text, ports):
        """Build a policy from the comma or blank separated allow-list of an administrator."""
        entries = (text or "").replace(",", " ").split()
        return cls(frozenset(entry.lower() for entry in entries), tuple(ports))

    def pin(self, host, port, resolve=socket.getaddrinfo):
        """Resolve ``host`` once and return the PinnedHost to connect to.

        Every address the name has must be acceptable: a name with one private address is refused.
        Raises HostRefused.
        """
        host = (host or "").strip().rstrip(".").lower()
        try:
            found = resolve(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(item[4][0] for item in found))
        except OSError as err:
            raise HostUnresolved(REFUSED) from err
        except UnicodeError as err:
            raise HostRefused(REFUSED) from err
        if not addresses or not all(self._accepts(host, addr, port) for addr in addresses):
            raise HostRefused(REFUSED)
        return PinnedHost(host, addresses[0], port)

    def _accepts(self, host, address, port):
        if self._is_listed(host, address, port):
            return True
        return port in self.ports and is_public(address)

    def _is_listed(self, host, address, port):
        for entry in self.allowed:
            target, colon, entry_port = entry.rpartition(":")
            if not (colon and entry_port.isdigit() and "/" not in entry_port):
                target, entry_port = entry, ""
            if entry_port and int(entry_port) != port:
                continue
            if not entry_port and port not in self.ports:
                continue
            if target == host or _in_network(address, target):
                return True
        return False


def _in_network(address, entry):
    try:
        return effective_address(address) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
