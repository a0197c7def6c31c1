"""Whether an address leads to a server with a valid certificate; nothing is asked there, so no instance wakes up."""

import contextlib
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

TIMEOUT = 10  # seconds


@dataclass(frozen=True)
class Reachability:
    """What was found; ``problem`` is empty when visitors get through, ``certificate_until`` None without one."""

    problem: str = ""
    certificate_until: date | None = None


def look(url: str, timeout: float = TIMEOUT) -> Reachability:
    """Connect as a browser would: name, port, certificate."""
    try:
        return _connect(urlsplit(url or ""), timeout)
    except ssl.SSLCertVerificationError as error:
        return Reachability(error.verify_message)
    except OSError as error:
        return Reachability(error.strerror or type(error).__name__)
    except ValueError:  # no host, no such port, a name that cannot be one
        return Reachability(f"“{url}” is no address")


def _connect(parts, timeout):
    if not parts.hostname:
        raise ValueError("no host")
    address = (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    with contextlib.closing(socket.create_connection(address, timeout)) as connection:
        if parts.scheme != "https":
            return Reachability()
        with ssl.create_default_context().wrap_socket(connection, server_hostname=parts.hostname) as tls:
            seconds = ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"])
            return Reachability(certificate_until=datetime.fromtimestamp(seconds, UTC).date())
