"""HTTP calls that reach only the address the host policy has checked."""

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import parse_url

from .host_policy import HostPolicy, HostRefused, HostUnresolved, PinnedHost


class DestinationRefused(requests.RequestException):
    """The host policy does not allow this address."""


def pin_public(host: str, port: int) -> PinnedHost:
    """Allow public addresses only, on any port."""
    return HostPolicy(ports=(port,)).pin(host, port)


def pinned_session(pin=pin_public) -> requests.Session:
    """Return a session whose every request, also the next one of a redirect, goes where ``pin(host, port)`` says.

    A name that does not resolve raises `requests.ConnectionError`, one that is not allowed `DestinationRefused`.
    Proxies of the environment are not used: they would resolve the name again.
    """
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _PinnedAdapter(pin))
    return session


class _PinnedAdapter(HTTPAdapter):
    """Connects to the checked address; the certificate is verified against the name."""

    def __init__(self, pin):
        super().__init__()
        self._pin = pin

    def send(self, request, **options):
        url = parse_url(request.url)
        host, is_secure = (url.host or "").strip("[]"), url.scheme == "https"
        pinned = self._find(host, url.port or (443 if is_secure else 80), request)
        address = f"[{pinned.address}]" if ":" in pinned.address else pinned.address
        request.headers["Host"] = url.netloc
        request.url = url._replace(auth=None, host=address, port=pinned.port).url
        names = {"server_hostname": pinned.host, "assert_hostname": pinned.host}
        for name, value in names.items():
            if is_secure:
                self.poolmanager.connection_pool_kw[name] = value
            else:
                self.poolmanager.connection_pool_kw.pop(name, None)
        return super().send(request, **options | {"proxies": None})

    def _find(self, host, port, request):
        try:
            return self._pin(host, port)
        except HostUnresolved as error:
            raise requests.ConnectionError(str(error), request=request) from error
        except HostRefused as error:
            raise DestinationRefused(str(error), request=request) from error
