"""A stand-in for PowerMTA's management server: `/configFile` and `/command` as the User's Guide documents them.

Files are stored unchecked (multipart, op=commit, file.N.name/op/content); `reload` fails with the guide's
sentence when `reload_error` is set or when the stored configuration names a directive in `refused`.
"""

import json
import threading
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class FakeManagement:
    """Files below /etc/pmta, the commands that were run, and what goes wrong on purpose."""

    def __init__(self, api_key):
        self.api_key = api_key
        self.files = {}
        self.commands = []
        self.refused = ()  # texts that make a reload fail
        self.refuse_writes = False
        self.unavailable = False

    def write(self, fields):
        if self.refuse_writes:
            return 403, {"error": "writing is not allowed"}
        if fields.get("op") != "commit":
            return 400, {"error": "unknown op"}
        staged, number = {}, 1
        while f"file.{number}.name" in fields:
            name = fields[f"file.{number}.name"]
            if name.startswith("/") or ".." in name:
                return 400, {"error": f"{name}: not below /etc/pmta"}
            staged[name] = fields[f"file.{number}.content"]
            number += 1
        self.files.update(staged)
        return 200, {"status": "ok"}

    def read(self, query):
        if query.get("op") == "listconfigfiles":
            return 200, {"files": sorted(self.files)}
        if query.get("filename") not in self.files:
            return 404, {"error": "no such file"}
        return 200, {"content": self.files[query["filename"]]}

    def run(self, form):
        command = form.get("command", "")
        self.commands.append(command)
        if command == "reload":
            for number, line in enumerate(self.files.get("config", "").splitlines(), 1):
                if any(text in line for text in self.refused):
                    return 200, {"error": f"Error in line {number} of /etc/pmta/config: refused"}
        return 200, {"status": "ok"}


def _fields(content_type, body):
    """The fields of a multipart form."""
    parts = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body).get_payload()
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True).decode() for part in parts
    }


def _handler(fake):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            url = urlsplit(self.path)
            self._route(url.path, lambda: fake.read(dict(parse_qsl(url.query))))

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path
            if path == "/configFile":
                self._route(path, lambda: fake.write(_fields(self.headers["Content-Type"], body)))
            else:
                self._route(path, lambda: fake.run(dict(parse_qsl(body.decode()))))

        def _route(self, path, action):
            if fake.unavailable:
                return self._answer(503, {"error": "busy"})
            if self.headers.get("X-API-Key") != fake.api_key:
                return self._answer(401, {"error": "wrong API key"})
            if path not in ("/configFile", "/command"):
                return self._answer(404, {"error": "no such page"})
            return self._answer(*action())

        def _answer(self, status, document):
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            """Stay silent."""

    return Handler


@contextmanager
def serving(fake):
    """Serve on a free loopback port in a thread; yields the base URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake)) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
