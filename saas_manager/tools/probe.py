"""Verification that an instance works: its administrator logs in through the public host name.

The connection goes to the server's own address with the public name in the Host header, because
the name may not resolve on this machine yet.
"""

import html
import http.client
import http.cookies
import re
import time
import urllib.parse

from ..exceptions import VerificationFailed

ROUTE_WAIT = 5  # seconds until every server process must have heard of a new route
ROUTE_PAUSE = 0.02  # seconds between two tries

SECOND_FACTOR = "/web/login/totp"
CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"|csrf_token:\s*"([^"]+)"')
ASSET = re.compile(r'(?:src|href)="(/web/assets/[^"]+\.(?:js|css))"')


class Probe:
    """A visitor of ``host``, served by the web server at ``address`` (``(ip, port)``)."""

    def __init__(self, address, host, *, timeout, https=False):
        self.address = address
        self.host = host
        self.timeout = timeout  # seconds for each request
        self.https = https
        self._cookies = {}
        self._route_known = 0.0

    def verify(self, login, password):
        """Log in, open the web client, load its assets, log out again.

        Where the template asks for a second factor, that the password is accepted is enough: the page that asks would
        mail a code to the client.

        :raise VerificationFailed: with what happened instead
        """
        self._route_known = time.monotonic() + ROUTE_WAIT
        page = self._get(self._log_in(login, password), "the web client")
        assets = ASSET.findall(page)
        if not assets:
            raise VerificationFailed("the web client has no asset")
        for asset in assets:
            self._get(html.unescape(asset), "an asset")
        self._request("GET", "/web/session/logout")

    def _log_in(self, login, password):
        match = CSRF.search(self._get("/web/login", "the login page"))
        if not match:
            raise VerificationFailed("the login page has no form")
        token = match.group(1) or match.group(2)
        form = {"login": login, "password": password, "csrf_token": token, "type": "password"}
        status, location, _body = self._request("POST", "/web/login", form)
        path = urllib.parse.urlsplit(location or "").path
        if status not in {302, 303} or path.rstrip("/").endswith("/web/login"):
            raise VerificationFailed(f"the new administrator could not log in (HTTP {status})")
        return "/web/login" if path == SECOND_FACTOR else "/odoo"

    def _get(self, path, what):
        status, location, body = self._request("GET", path)
        if status != http.client.OK:
            raise VerificationFailed(f"{what} answered HTTP {status} {location or ''}".rstrip())
        return body

    def _request(self, method, path, form=None):
        """Status, location and text; a process that does not know the route yet answers 404 and has done nothing."""
        answer = self._ask(method, path, form)
        while answer[0] == http.client.NOT_FOUND and time.monotonic() < self._route_known:
            time.sleep(ROUTE_PAUSE)
            answer = self._ask(method, path, form)
        return answer

    def _ask(self, method, path, form):
        headers = {"Host": self.host, "X-Forwarded-Host": self.host}
        headers["X-Forwarded-Proto"] = "https" if self.https else "http"
        headers["X-Forwarded-For"] = "127.0.0.1"
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self._cookies.items())
        body = None
        if form:
            body = urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(*self.address, timeout=self.timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            content = response.read().decode("utf-8", "replace")
        except OSError as err:
            raise VerificationFailed(f"{self.address[0]}:{self.address[1]} {path}: {err}") from err
        except http.client.HTTPException as err:
            raise VerificationFailed(f"{path}: {err!r}") from err
        finally:
            connection.close()
        self._remember(response)
        return response.status, response.getheader("Location"), content

    def _remember(self, response):
        for header in response.headers.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(header).items():
                self._cookies[name] = morsel.value
