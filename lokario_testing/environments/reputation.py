"""Stand-ins for Gmail's Postmaster Tools (with Google's token endpoint) and Microsoft's SNDS, over HTTP."""

import base64
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SCOPE = "https://www.googleapis.com/auth/postmaster.traffic.readonly"


class FakeFeeds:
    """`stats`: {domain: {day: {metric: value}}}; `snds`: the text of data.aspx; `fail_next`: statuses to answer."""

    def __init__(self, snds_key="secret-key"):
        self._key = rsa.generate_private_key(65537, 2048)
        self.snds_key, self.snds = snds_key, ""
        self.stats, self.fail_next, self.tokens = {}, [], []
        self.url = None

    @property
    def account(self):
        """The JSON file of the one service account that is known."""
        kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        key = self._key.private_bytes(*kind).decode()
        return json.dumps({"type": "service_account", "client_email": "lokario@x.test", "private_key": key})

    def give_token(self, form):
        head, claims, signature = form["assertion"][0].split(".")
        told = json.loads(_decoded(claims))
        self._key.public_key().verify(
            _decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        right = told["iss"] == "lokario@x.test" and told["scope"] == SCOPE and told["aud"] == f"{self.url}/token"
        if (
            form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
            or not right
            or told["exp"] < time.time()
        ):
            return 400, {"error": "invalid_grant"}
        self.tokens.append(f"token-{len(self.tokens)}")
        return 200, {"access_token": self.tokens[-1], "expires_in": 3600, "token_type": "Bearer"}

    def query(self, domain, token, body):
        """One day and metric a page, so that callers have to turn pages."""
        if token not in self.tokens:
            return 401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}}
        if domain not in self.stats:
            return 403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}}
        names = [one["name"] for one in body["metricDefinitions"]]
        found = [
            {
                "date": dict(zip(("year", "month", "day"), day, strict=True)),
                "metric": name,
                "value": {"doubleValue": value},
            }
            for day, metrics in self.stats[domain].items()
            for name, value in metrics.items()
            if name in names
        ]
        place = int(body.get("pageToken") or 0)
        more = {"nextPageToken": str(place + 1)} if place + 1 < len(found) else {}
        return 200, {"domainStats": found[place : place + 1], **more}

    def answer(self, method, path, headers, body):
        if self.fail_next:
            return self.fail_next.pop(0), {"error": "as asked"}
        split = urlsplit(path)
        if method == "POST" and split.path == "/token":
            return self.give_token(parse_qs(body.decode()))
        if method == "POST" and split.path.endswith("/domainStats:query"):
            token = headers.get("Authorization", "").removeprefix("Bearer ")
            return self.query(split.path.split("/")[3], token, json.loads(body))
        if method == "GET" and split.path == "/snds/data.aspx":
            right = parse_qs(split.query).get("key") == [self.snds_key]
            return (200, self.snds) if right else (400, "Bad key")
        return 404, {}


def _decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def serving(feeds):
    """Serve on a free loopback port in a thread; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = feeds.answer(self.command, self.path, self.headers, body)
            content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _handle

        def log_message(self, *_args):
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        feeds.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield feeds.url
        finally:
            server.shutdown()
