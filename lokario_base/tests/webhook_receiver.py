"""Somebody's server that takes webhooks."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it gets, answers what it is told to."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((dict(self.headers.items()), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.end_headers()
        with contextlib.suppress(OSError):  # the sender has read enough
            for byte in self.server.text if self.server.pause else ():
                self.wfile.write(bytes([byte]))
                time.sleep(self.server.pause)
            self.wfile.write(b"" if self.server.pause else self.server.text)

    def log_message(self, *_args):
        """Stay silent."""


def start_receiver(test):
    """Return a server with ``received``, ``answers`` (204 when none is left), ``text`` and ``url``; ends with the test.

    ``pause``: seconds between two bytes of the text.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.received, server.answers, server.text, server.pause = [], [], b"", 0
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    test.addCleanup(server.server_close)
    test.addCleanup(thread.join)
    test.addCleanup(server.shutdown)
    return server
