"""An SMS provider on loopback that speaks what Odoo's IAP service speaks (JSON-RPC, `/api/sms/3/send`)."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SmsProvider(ThreadingHTTPServer):
    """Keeps in ``taken`` what it was given, as (number, text).

    ``refusals`` answers a number with an error state; while ``is_mute`` it takes everything and answers nothing.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.taken, self.refusals, self.is_mute = [], {}, False
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_exc):
        self.shutdown()
        self.server_close()

    def answer(self, messages):
        for message in messages:
            for number in message["numbers"]:
                refusal = self.refusals.get(number["number"])
                if not refusal:
                    self.taken.append((number["number"], message["content"]))
                yield {"uuid": number["uuid"], "state": refusal or "success", "credit": 1}


class _Conversation(BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result = list(self.server.answer(request["params"]["messages"]))
        if self.server.is_mute:
            return
        body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Stay silent."""
