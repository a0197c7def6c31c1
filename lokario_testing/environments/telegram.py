"""A stand-in for Telegram's bot API: sendMessage with the answers core.telegram.org/bots/api documents."""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeTelegram:
    """Messages that arrived, the one valid token, and statuses to answer instead of 200."""

    def __init__(self, token):
        self.token = token
        self.messages = []  # (chat_id, text)
        self.fail_next = []

    def answer(self, path, form):
        match = re.fullmatch(r"/bot([^/]+)/(\w+)", path)
        if not match or match[1] != self.token:
            return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}
        if self.fail_next:
            status = self.fail_next.pop(0)
            return status, {"ok": False, "error_code": status, "description": "as asked"}
        if match[2] != "sendMessage":
            return 404, {"ok": False, "error_code": 404, "description": "Not Found"}
        if not form.get("chat_id") or not form.get("text"):
            return 400, {"ok": False, "error_code": 400, "description": "Bad Request: message text is empty"}
        self.messages.append((str(form["chat_id"]), form["text"]))
        return 200, {"ok": True, "result": {"message_id": len(self.messages)}}


@contextmanager
def serving(fake):
    """Serve on a free loopback port in a thread; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, document = fake.answer(self.path, json.loads(body or b"{}"))
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args):
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
