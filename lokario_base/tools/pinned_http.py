"""HTTP calls that reach only the address the host policy has checked, and read no more than a call is worth."""

import time

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import parse_url

from .host_policy import HostPolicy, HostRefused, HostUnresolved, PinnedHost

MAX_ANSWER = 16 * 1024 * 1024  # bytes, unpacked
PATIENCE = 120  # seconds for a whole answer: the timeout of a call is that of one packet


class DestinationRefused(requests.RequestException):
    """The host policy does not allow this address."""


def pin_public(host: str, port: int) -> PinnedHost:
    """Allow public addresses only, on any port."""
    return HostPolicy(ports=(port,)).pin(host, port)


def pinned_session(pin=pin_public) -> requests.Session:
    """Return a session whose every request, also the next one of a redirect, goes where ``pin(host, port)`` says.

    A name that does not resolve raises `requests.ConnectionError`, one that is not allowed `DestinationRefused`.
    Proxies of the environment are not used: they would resolve the name again. An answer that is too large or takes too
    long is a `requests.ConnectionError`, unless the caller streams it.
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
        response = super().send(request, **options | {"proxies": None})
        if not options.get("stream"):
            response._content = self._read(response)
        return response

    def _read(self, response):
        """Return the body; nobody trusts the other side to end it."""
        body, deadline = bytearray(), time.monotonic() + PATIENCE
        for part in response.iter_content(64 * 1024):
            body += part
            if len(body) > MAX_ANSWER or time.monotonic() > deadline:
                response.close()
                raise requests.ConnectionError("the answer is too large or takes too long", request=response.request)
        return bytes(body)

    def _find(self, host, port, request):
        try:
            return self._pin(host, port)
        except HostUnresolved as error:
            raise requests.ConnectionError(str(error), request=request) from error
        except HostRefused as error:
            raise DestinationRefused(str(error), request=request) from error
