"""Passes a request on to the process of an instance, which listens on a Unix socket that only we may open."""

import contextlib
import http.client
import selectors
import socket
import threading
import time
from pathlib import Path

from odoo.tools import config
from werkzeug.wrappers import Response
from werkzeug.wsgi import get_input_stream

CONNECT_WAIT = 5.0  # seconds for the socket of an instance that has just been made
CONNECT_PAUSE = 0.05
ANSWER_WAIT = 1200  # seconds; the instance's own limits end its requests long before
CHUNK = 65536
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding")
)


class NotListening(Exception):
    """Nobody listens for this instance: it is being started again after a failure, or its host is away."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the Unix socket ``path``."""

    def __init__(self, path: Path):
        super().__init__("instance", timeout=ANSWER_WAIT)
        self._path = path

    def connect(self) -> None:
        self.sock = connect_to(self._path, self.timeout)


def socket_of(database: str) -> Path:
    return Path(config["data_dir"]).resolve() / "sockets" / f"{database}.sock"


def connect_to(path: Path, timeout: float) -> socket.socket:
    """An open connection to whoever listens at ``path``."""
    deadline = time.monotonic() + CONNECT_WAIT
    while True:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            return connection
        except (FileNotFoundError, ConnectionRefusedError) as error:
            connection.close()
            if time.monotonic() > deadline:
                raise NotListening(path.stem) from error
            time.sleep(CONNECT_PAUSE)


def headers_of(environ: dict, host: str) -> dict[str, str]:
    """The visitor's headers, with what we vouch for in place of what he may have claimed."""
    headers = {name[5:].replace("_", "-").title(): value for name, value in environ.items() if name.startswith("HTTP_")}
    kept = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
    trusted = config["proxy_mode"] and environ.get("HTTP_X_FORWARDED_HOST")
    scheme = environ.get("HTTP_X_FORWARDED_PROTO") if trusted else environ.get("wsgi.url_scheme")
    visitor = environ.get("HTTP_X_FORWARDED_FOR") if trusted else environ.get("REMOTE_ADDR")
    asked = environ.get("HTTP_X_FORWARDED_HOST") if trusted else environ.get("HTTP_HOST")
    trusted_headers = {"X-Forwarded-Host": asked or host, "X-Forwarded-Proto": scheme, "X-Forwarded-For": visitor or ""}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            trusted_headers[name.replace("_", "-").title()] = environ[name]
    return {**kept, **trusted_headers}


def target_of(environ: dict) -> str:
    """Path and query as the visitor sent them."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw and raw.startswith("/"):
        return raw
    path = environ.get("PATH_INFO", "/").encode("latin-1")
    quoted = "".join(chr(byte) if 32 < byte < 127 and byte not in b'?#%"<>' else f"%{byte:02X}" for byte in path)
    return quoted + (f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else "")


def forward(environ: dict, host: str, database: str):
    """The instance's answer as a WSGI application; raises `NotListening`."""
    connection = UnixConnection(socket_of(database))
    connection.connect()
    headers = headers_of(environ, host)
    is_websocket = environ.get("HTTP_UPGRADE", "").lower() == "websocket"
    if is_websocket:
        headers["Connection"] = "Upgrade"
    body = get_input_stream(environ) if environ.get("CONTENT_LENGTH") else None
    connection.request(environ["REQUEST_METHOD"], target_of(environ), body=body, headers=headers)
    answer = connection.getresponse()
    kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
    if is_websocket and answer.status == http.client.SWITCHING_PROTOCOLS:
        return _upgraded(environ, connection, answer, kept)
    response = Response(_chunks(answer, connection), answer.status, kept, direct_passthrough=True)
    response.status = f"{answer.status} {answer.reason}"
    return response


def _chunks(answer, connection):
    with contextlib.closing(connection):
        while piece := answer.read1(CHUNK):
            yield piece


def _upgraded(environ, connection, answer, headers):
    """Odoo's server leaves the socket to us once the answer is out, as it does for its own websockets."""
    visitor, upstream = environ["socket"], connection.sock
    upstream.setblocking(False)
    early = answer.fp.peek() if answer.fp else b""
    response = Response(status=101, headers=[*headers, ("Connection", "Upgrade")])
    response.call_on_close(lambda: _relay(visitor.dup(), upstream, early))
    return response


def _relay(visitor: socket.socket, upstream: socket.socket, early: bytes) -> None:
    """Pass bytes both ways until one side ends."""
    threading.current_thread().type = "websocket"  # Odoo's limits for requests are not for these
    with visitor, upstream, selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
        for one, other in ((visitor, upstream), (upstream, visitor)):
            one.settimeout(None)
            selector.register(one, selectors.EVENT_READ, other)
        visitor.sendall(early)
        while True:
            for key, _events in selector.select():
                piece = key.fileobj.recv(CHUNK)
                if not piece:
                    return
                key.data.sendall(piece)
