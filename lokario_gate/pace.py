"""How slowly a visitor may send and read: one worker serves one request, and a byte a second would hold it for hours.

The proxy in front of Odoo should buffer both (docs/security.md); this holds behind one that does not, too.
"""

import io
import socket
import time

GRACE = 5.0  # seconds of waiting that every request has
MIN_RATE = 4 * 1024  # bytes a second that it has to come in with beyond them
MIN_ANSWER_RATE = 32 * 1024  # bytes a second that its answer has to be read with
PIECE = 64 * 1024  # bytes of an answer that are sent in one go


class PacedReader(socket.SocketIO):
    """Reads a request; raises TimeoutError when all waiting for it was longer than what has come deserves."""

    def __init__(self, connection):
        super().__init__(connection, "r")
        self._connection = connection
        self._left = GRACE

    def readinto(self, buffer):
        own_timeout = self._connection.gettimeout()
        if self._left <= 0:
            raise TimeoutError("The request comes in too slowly")
        self._connection.settimeout(self._left if own_timeout is None else min(own_timeout, self._left))
        started = time.monotonic()
        try:
            size = super().readinto(buffer)
        finally:
            self._left -= time.monotonic() - started
            self._connection.settimeout(own_timeout)
        self._left += (size or 0) / MIN_RATE
        return size


class PacedWriter(io.BufferedIOBase):
    """Sends the answer; raises TimeoutError when all waiting for its reader was longer than what he took deserves."""

    def __init__(self, connection):
        self._connection = connection
        self._left = GRACE

    def writable(self):
        return True

    def fileno(self):
        return self._connection.fileno()

    def write(self, data):
        with memoryview(data).cast("B") as view:
            for start in range(0, view.nbytes, PIECE):
                self._send(view[start : start + PIECE])
            return view.nbytes

    def _send(self, piece):
        own_timeout = self._connection.gettimeout()
        self._left += piece.nbytes / MIN_ANSWER_RATE
        if self._left <= 0:
            raise TimeoutError("The answer is read too slowly")
        self._connection.settimeout(self._left if own_timeout is None else min(own_timeout, self._left))
        started = time.monotonic()
        try:
            self._connection.sendall(piece)
        finally:
            self._left -= time.monotonic() - started
            self._connection.settimeout(own_timeout)


def paced(setup):
    """Stand for the `setup` of Odoo's request handlers: what they read from and write to has a pace."""

    def setup_with_pace(handler):
        setup(handler)
        handler.rfile = io.BufferedReader(PacedReader(handler.connection))
        handler.wfile = PacedWriter(handler.connection)

    return setup_with_pace
