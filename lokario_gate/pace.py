"""How slowly a visitor may send: one worker serves one request, and a byte a second would hold it for hours.

The proxy in front of Odoo should buffer bodies (docs/security.md); this holds behind one that does not, too.
"""

import io
import socket
import time

GRACE = 5.0  # seconds of waiting that every request has
MIN_RATE = 4 * 1024  # bytes a second that it has to come in with beyond them


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


def paced(setup):
    """Stand for the `setup` of Odoo's request handlers: what they read from has a pace."""

    def setup_with_pace(handler):
        setup(handler)
        handler.rfile = io.BufferedReader(PacedReader(handler.connection))

    return setup_with_pace
