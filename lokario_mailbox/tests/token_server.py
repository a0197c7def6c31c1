import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


class TokenServer:
    """An OAuth 2 token endpoint (RFC 6749 section 6) and Dovecot's token introspection (RFC 7662) in one."""

    def __init__(self):
        self.reset()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.answer(*server.answer({key: values[0] for key, values in form.items()}))

            def do_GET(self):
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                known = server.valid.get(token)
                self.answer(200 if known else 401, {"email": known, "active": bool(known)})

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_arguments):
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_exc):
        self._http.shutdown()
        self._http.server_close()

    def reset(self):
        """Forget every token but the first refresh token, and behave."""
        self.refresh_token, self.rotations = "refresh-0", 0
        self.valid, self.mode = {}, "rotate"

    def answer(self, form):
        if self.mode == "broken":
            return 503, {"error": "temporarily_unavailable"}
        if self.mode == "revoked" or form.get("refresh_token") != self.refresh_token:
            return 400, {"error": "invalid_grant"}
        self.rotations += 1
        self.refresh_token = f"refresh-{self.rotations}"
        access = f"access-{self.rotations}"
        self.valid = {access: self.login}
        return 200, {"access_token": access, "refresh_token": self.refresh_token, "expires_in": 3600}

    def teach(self, environment):
        """Have a MailEnvironment that is not yet started take XOAUTH2 tokens of this server."""
        environment.introspection = f"{self.url}/introspect"
