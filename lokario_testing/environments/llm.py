"""A language model server on loopback that can be told to do the worst: obey injections, babble, stall, overflow.

It speaks the chat-completions protocol of OpenAI-compatible servers. `answer(messages)` returns the model's words (a
str, or a dict that is sent as JSON text); `faults` is a list consumed one per request: an HTTP status, or one of
"garbage", "huge", "stall", "drip", "cut", "empty", None (no fault).
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HUGE = 30_000_000  # bytes


class LlmServer:
    """`with LlmServer(answer) as llm:` then `llm.url`; `llm.requests` holds the decoded bodies in order."""

    def __init__(self, answer: Callable[[list], object], key: str | None = None, faults=()):
        self.answer, self.key, self.faults = answer, key, list(faults)
        self.slow_model: str | None = None  # questions to this model are never answered
        self.requests: list[dict] = []
        self.released = threading.Event()  # set at the end: whoever stalls goes home
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"llm": self}))
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_exc):
        self.released.set()
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    llm: LlmServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        """A test's output is not the place for an access log."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.llm.requests.append(body)
        fault = self.llm.faults.pop(0) if self.llm.faults else None
        with contextlib.suppress(OSError):
            if self.path != "/v1/chat/completions":
                self._send(404, b"{}")
            elif self.llm.key and self.headers.get("Authorization") != f"Bearer {self.llm.key}":
                self._send(401, b'{"error": {"message": "bad key"}}')
            elif body["model"] == self.llm.slow_model:
                self._stall(body["messages"])
            elif fault is None:
                self._send(200, self._completion(body["messages"]))
            elif isinstance(fault, int):
                self._send(fault, b'{"error": {}}', {"Retry-After": "7"} if fault == 429 else {})
            else:
                getattr(self, f"_{fault}")(body["messages"])

    def _completion(self, messages):
        words = self.llm.answer(messages)
        text = words if isinstance(words, str) else json.dumps(words)
        used = sum(len(message["content"]) for message in messages) // 4
        return json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
                "usage": {"prompt_tokens": used, "completion_tokens": len(text) // 4},
            }
        ).encode()

    def _send(self, status, payload, headers=None):
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(payload)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def _garbage(self, _messages):
        self._send(200, b'{"choices": [{"message": {"content": ')

    def _empty(self, _messages):
        self._send(200, b'{"choices": []}')

    def _huge(self, _messages):
        self.send_response(200)
        self.send_header("Content-Length", str(HUGE))
        self.end_headers()
        block = b" " * 65536
        for __ in range(HUGE // len(block)):
            self.wfile.write(block)

    def _stall(self, _messages):
        self.llm.released.wait(60)

    def _drip(self, messages):
        payload = self._completion(messages)
        self.send_response(200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        for index in range(len(payload)):
            self.wfile.write(payload[index : index + 1])
            self.wfile.flush()
            if self.llm.released.wait(0.1):
                return

    def _cut(self, messages):
        payload = self._completion(messages)
        self.send_response(200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload[: len(payload) // 2])
        self.close_connection = True
        time.sleep(0)
