"""A client for OpenAI-compatible chat completions that expects the worst of the remote server."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from odoo.addons.lokario_mailbox.exceptions import AddressRefused, HostUnresolved

from .ai_prompt import Brief

if TYPE_CHECKING:  # a type only: these tools run without Odoo
    from odoo.addons.lokario_mailbox.tools.host_policy import PinnedHost

MAX_ANSWER = 1_000_000  # bytes; a mail of 3,000 characters needs 20,000
CONNECT_TIMEOUT = 10  # seconds


class LlmError(Exception):
    """Base; the text never holds the key or the conversation."""


class LlmUnavailable(LlmError):
    """Try again later: network, 429, 5xx, too slow. wait: seconds the server asked for, 0 when it said nothing."""

    ends_worker = True  # the next question would wait as long for nothing

    def __init__(self, text: str, wait: int = 0):
        super().__init__(text)
        self.wait = wait


class LlmRejected(LlmError):
    """Trying again changes nothing: 4xx, wrong key, unknown model."""


class LlmNonsense(LlmError):
    """The server answered, but not with what was asked; worth one more try."""


@dataclass(frozen=True)
class Completion:
    """text: the model's words; tokens as the server counted them, 0 when it did not."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


class LlmClient:
    """`base_url` ends before /chat/completions; pin(host, port) returns the address to connect to; timeout: seconds."""

    def __init__(
        self,
        base_url: str,
        key: str | None,
        model: str,
        pin: "Callable[[str, int], PinnedHost]",
        *,
        timeout: float = 60,
        context: ssl.SSLContext | None = None,
    ):
        self._url, self._pin, self._timeout = urlsplit(base_url), pin, timeout
        self._key, self._model = key, model
        self._context = context

    def complete(self, messages: list[dict], *, max_tokens: int = 800, temperature: float = 0.2) -> Completion:
        """Return the first choice for chat messages ({"role", "content"}). Raises a child of LlmError."""
        body = json.dumps(
            {
                "model": self._model,
                "messages": messages,
                "max_tokens": max_tokens,
                "temperature": temperature,
                "response_format": {"type": "json_object"},
            }
        ).encode()
        status, headers, payload = self._post(body)
        if status == 429 or status >= 500 or status == 408:
            raise LlmUnavailable(f"The AI server answered {status}.", _retry_after(headers))
        if status in (401, 403):
            raise LlmRejected(f"The AI server refused the key ({status}).")
        if status != 200:
            raise LlmRejected(f"The AI server answered {status}.")
        return _parse(payload)

    def _post(self, body):
        deadline = time.monotonic() + self._timeout
        connection = self._connection()
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            connection.request("POST", self._url.path.rstrip("/") + "/chat/completions", body, headers)
            self._limit(connection, deadline)
            response = connection.getresponse()
            return response.status, response.headers, self._read(connection, response, deadline)
        except LlmError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as err:
            raise LlmUnavailable(f"The AI server cannot be reached ({type(err).__name__}).") from err
        finally:
            connection.close()

    def _connection(self):
        is_secure = self._url.scheme == "https"
        try:
            pinned = self._pin(self._url.hostname, self._url.port or (443 if is_secure else 80))
        except HostUnresolved as err:
            raise LlmUnavailable(str(err)) from err
        except AddressRefused as err:
            raise LlmRejected(str(err)) from err
        kind = _PinnedHttps if is_secure else _PinnedHttp
        options = {"context": self._context or ssl.create_default_context()} if is_secure else {}
        connection = kind(pinned.host, pinned.port, timeout=min(CONNECT_TIMEOUT, self._timeout), **options)
        connection.pinned_address = pinned.address
        return connection

    def _limit(self, connection, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise LlmUnavailable("The AI server is too slow.")
        if connection.sock:
            connection.sock.settimeout(left)

    def _read(self, connection, response, deadline) -> bytes:
        chunks, size = [], 0
        while True:
            self._limit(connection, deadline)
            chunk = response.read1(65536)
            if not chunk:
                if response.length:  # bytes that were announced and never came
                    raise LlmUnavailable("The AI server cut the connection.")
                return b"".join(chunks)
            size += len(chunk)
            if size > MAX_ANSWER:
                raise LlmNonsense("The AI server's answer is too large.")
            chunks.append(chunk)


class _PinnedHttp(http.client.HTTPConnection):
    pinned_address = None

    def connect(self):
        self.sock = socket.create_connection((self.pinned_address, self.port), self.timeout)


class _PinnedHttps(http.client.HTTPSConnection):
    pinned_address = None

    def connect(self):
        raw = socket.create_connection((self.pinned_address, self.port), self.timeout)
        self.sock = self._context.wrap_socket(raw, server_hostname=self.host)


def _retry_after(headers) -> int:
    value = headers.get("Retry-After") or ""
    return min(int(value), 86400) if value.isdigit() else 0


def _parse(payload: bytes) -> Completion:
    try:
        answer = json.loads(payload)
        text = answer["choices"][0]["message"]["content"]
        usage = answer.get("usage") or {}
        tokens = (int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as err:
        raise LlmNonsense("The AI server's answer is not a chat completion.") from err
    if not isinstance(text, str) or not text.strip():
        raise LlmNonsense("The AI server's answer is empty.")
    return Completion(text, *(max(0, count) for count in tokens))


def parse_object(text: str) -> dict:
    """Return the one JSON object a model was asked for, also when it stands in a code fence. Raises LlmNonsense."""
    bare = text.strip()
    if bare.startswith("```"):
        bare = bare.strip("`").removeprefix("json").strip()
    try:
        value = json.loads(bare)
    except (ValueError, RecursionError) as err:
        raise LlmNonsense("The model did not answer with JSON.") from err
    if not isinstance(value, dict):
        raise LlmNonsense("The model did not answer with a JSON object.")
    return value


@dataclass(frozen=True)
class Question:
    """One question as a task of a worker (`dispatcher.Worker`); brief: what the chat was made of."""

    key: int
    client: LlmClient
    chat: list[dict]
    brief: Brief

    def run(self, _worker, _dispatcher):
        """Return the Completion, or the LlmError."""
        try:
            return self.client.complete(self.chat)
        except LlmError as failure:
            return failure
