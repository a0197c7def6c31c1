import contextlib
import gzip
import socket
import ssl
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

import requests
from odoo.tests import BaseCase, tagged
from odoo.tests.common import _super_send

from ..tools import pinned_http
from ..tools.host_policy import HostPolicy, HostUnresolved
from ..tools.pinned_http import DestinationRefused, pinned_session


class Handler(BaseHTTPRequestHandler):
    """Notes the Host header; /away leads to the address the server was given, /endless is a small file of zeros."""

    def do_GET(self):
        self.server.hosts.append(self.headers["Host"])
        self.send_response(302 if self.path == "/away" else 200)
        if self.path == "/away":
            self.send_header("Location", self.server.away)
        body = self.server.body if self.path == "/endless" else b""
        if body:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Stay silent."""


@tagged("post_install", "-at_install")
class TestPinnedHttp(BaseCase):
    @classmethod
    def _request_handler(cls, s, r, /, **options):
        """Let Odoo's tests see what the policy does with other names than this machine's."""
        return _super_send(s, r, **options)

    def setUp(self):
        super().setUp()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.hosts, self.port = [], self.server.server_port
        thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)

    def _session(self, *answers, allowed="listed.test"):
        """A session whose name server gives these addresses one after the other."""
        pending = list(answers)

        def resolve(_host, port, **_options):
            address = pending.pop(0)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        def pin(host, port):
            return HostPolicy.from_text(allowed, (port,)).pin(host, port, resolve)

        session = pinned_session(pin)
        self.addCleanup(session.close)
        return session

    def test_the_connection_goes_to_the_checked_address_by_its_name(self):
        session = self._session("127.0.0.1")
        self.assertEqual(session.get(f"http://listed.test:{self.port}/").status_code, 200)
        self.assertEqual(self.server.hosts, [f"listed.test:{self.port}"])

    def test_an_address_nobody_listed_is_not_connected_to(self):
        for url in (
            f"http://127.0.0.1:{self.port}/",
            f"http://other.test:{self.port}/",
            f"http://u@[::1]:{self.port}/",
        ):
            with self.assertRaises(DestinationRefused):
                self._session("127.0.0.1").get(url)
        with self.assertRaises(requests.RequestException):
            self._session().get("file:///etc/passwd")
        self.assertFalse(self.server.hosts)

    def test_a_redirect_and_the_next_request_are_checked_again(self):
        self.server.away = f"http://inside.test:{self.port}/"
        session = self._session("127.0.0.1", "127.0.0.1", "10.0.0.1")
        with self.assertRaises(DestinationRefused):
            session.get(f"http://listed.test:{self.port}/away")
        self.assertEqual(self.server.hosts, [f"listed.test:{self.port}"])
        rebound = self._session("9.9.9.9", "127.0.0.1", allowed="")
        self.assertEqual(rebound.adapters["http://"]._find("x.test", 80, None).address, "9.9.9.9")
        with self.assertRaises(DestinationRefused):
            rebound.get(f"http://x.test:{self.port}/")

    def test_no_answer_fills_the_memory_or_lasts_for_ever(self):
        self.server.body = gzip.compress(b"0" * (pinned_http.MAX_ANSWER + 1))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        with self.assertRaises(requests.ConnectionError):
            self._session("127.0.0.1").get(f"http://listed.test:{self.port}/endless")
        self.assertLess(tracemalloc.get_traced_memory()[1], 4 * pinned_http.MAX_ANSWER)
        self.server.body = gzip.compress(b"{}")
        self.assertEqual(self._session("127.0.0.1").get(f"http://listed.test:{self.port}/endless").json(), {})
        with patch.object(pinned_http, "PATIENCE", -1), self.assertRaises(requests.ConnectionError):
            self._session("127.0.0.1").get(f"http://listed.test:{self.port}/endless")

    def test_no_proxy_of_the_environment_is_asked(self):
        with patch.dict("os.environ", http_proxy="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9"):
            self.assertEqual(self._session("127.0.0.1").get(f"http://listed.test:{self.port}/").status_code, 200)

    def test_the_certificate_is_of_the_name(self):
        """The handshake names the host, not its address."""
        names = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.sni_callback = lambda _socket, name, _context: names.append(name)
            connection, _address = listener.accept()
            with connection:
                with contextlib.suppress(OSError):  # it has no certificate
                    context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=serve)
        thread.start()
        with self.assertRaises(requests.exceptions.SSLError):
            self._session("127.0.0.1").get(f"https://listed.test:{listener.getsockname()[1]}/")
        thread.join()
        self.assertEqual(names, ["listed.test"])

    def test_an_unknown_name_is_worth_another_try(self):
        def pin(_host, _port):
            raise HostUnresolved("unknown")

        with self.assertRaises(requests.ConnectionError):
            pinned_session(pin).get("https://nowhere.test/")
