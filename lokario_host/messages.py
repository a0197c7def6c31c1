"""What supervisor, parents and children say to each other: one JSON object in each packet or line."""

import contextlib
import json
import math
import os
import socket

MAX_PACKET = 65536
MAX_REPORT = 4096  # bytes of all that a child reports of itself


def send(channel: socket.socket, message: dict, descriptors: tuple[int, ...] = ()) -> None:
    socket.send_fds(channel, [json.dumps(message).encode()], list(descriptors))


def receive(channel: socket.socket, count: int = 3) -> tuple[dict | None, list[int]]:
    """The next message and its open files; None when the other side is gone."""
    packet, descriptors, _flags, _address = socket.recv_fds(channel, MAX_PACKET, count)
    return (json.loads(packet) if packet else None), descriptors


class Reports:
    """What a child reports of itself over ``channel``. It is its client's: only what makes sense is believed."""

    def __init__(self, channel: socket.socket):
        self.channel = channel
        self.jobs_done = False
        self.answered = False  # a visitor, at least
        self.next_job: float | None = 0.0  # seconds since 1970; None: never; 0: not known
        self._text, self._taken = b"", 0
        channel.setblocking(False)

    def read(self) -> bool:
        """Take in what has come; False when nothing more is to be expected."""
        with contextlib.suppress(OSError):
            piece = self.channel.recv(MAX_REPORT)
            self._taken += len(piece)
            *lines, self._text = (self._text + piece).split(b"\n")
            for line in lines:
                self._believe(line)
            return bool(piece) and self._taken < MAX_REPORT
        return False

    def _believe(self, line: bytes) -> None:
        with contextlib.suppress(ValueError, RecursionError):
            report = json.loads(line)
            if not isinstance(report, dict):
                return
            self.jobs_done = self.jobs_done or report.get("jobs_done") is True
            self.answered = self.answered or report.get("answered") is True
            next_job = report.get("next_job", 0.0)
            if next_job is None or (type(next_job) in (int, float) and math.isfinite(next_job)):
                self.next_job = next_job


class LogPipe:
    """Passes on what a child prints: it holds no file of ours that it could read, rewrite or fill at its pace."""

    PIECE = 8192  # bytes at once
    PER_SECOND = 65536

    def __init__(self, target):
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_end, False)
        self.spent = 0
        self._target = target

    def read(self) -> bool:
        """Pass on a piece; False when nobody writes any more."""
        piece = os.read(self.read_end, self.PIECE)
        self._target.write(piece)
        self._target.flush()
        self.spent += len(piece)
        return bool(piece)

    @property
    def is_over_budget(self) -> bool:
        return self.spent >= self.PER_SECOND
