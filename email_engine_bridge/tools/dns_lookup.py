"""DNS questions with clear answers: a list (empty: no such record), or DnsUnavailable."""

import ipaddress
from urllib.parse import urlsplit

import dns.exception
import dns.nameserver
import dns.resolver
import dns.reversename

from ..exceptions import EngineUnavailable
from .finding import finding

TIMEOUT = 3.0  # seconds for one server
LIFETIME = 8.0  # seconds for one question
PORT = 53


class DnsUnavailable(EngineUnavailable):
    """The name servers did not answer: nothing is known."""

    def __init__(self, name, error):
        super().__init__(f"No answer about {name} ({error})")
        self.finding = finding("dns_no_answer", name=name, error=error)


def name_servers(text):
    """Return the servers of a list such as "9.9.9.9, 127.0.0.1:5353, [::1]:53"; raises ValueError."""
    return [_name_server(entry) for entry in text.replace(",", " ").split()]


def _name_server(entry):
    try:
        address, port = ipaddress.ip_address(entry), PORT
    except ValueError:
        parts = urlsplit(f"//{entry}")
        address, port = ipaddress.ip_address(parts.hostname or ""), parts.port or PORT
    return dns.nameserver.Do53Nameserver(str(address), port)


class DnsLookup:
    """Asks the system's name servers, or the given ones (see `name_servers`)."""

    def __init__(self, servers=""):
        self._resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = name_servers(servers)
        self._resolver.timeout, self._resolver.lifetime = TIMEOUT, LIFETIME
        self._cache = {}

    def txt(self, name):
        """Return the TXT records; the strings of one record are joined without space (RFC 7208, 3.3)."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self._ask(name, "TXT")]

    def addresses(self, name, *kinds):
        return [str(record) for kind in kinds or ("A", "AAAA") for record in self._ask(name, kind)]

    def mx(self, name):
        """Return (preference, host) sorted by preference."""
        return sorted((record.preference, str(record.exchange).rstrip(".").lower()) for record in self._ask(name, "MX"))

    def ptr(self, address):
        name = dns.reversename.from_address(address)
        return [str(record).rstrip(".").lower() for record in self._ask(name, "PTR")]

    def _ask(self, name, kind):
        key = (str(name), kind)
        if key not in self._cache:
            self._cache[key] = self._resolve(name, kind)
        return self._cache[key]

    def _resolve(self, name, kind):
        try:
            return list(self._resolver.resolve(name, kind, raise_on_no_answer=False, search=False) or ())
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (
            dns.exception.SyntaxError,
            dns.name.LabelTooLong,
            dns.name.EmptyLabel,
            dns.name.NameTooLong,
            UnicodeError,
        ):
            return []  # a name that cannot exist
        except dns.exception.DNSException as error:
            raise DnsUnavailable(str(name), type(error).__name__) from None
