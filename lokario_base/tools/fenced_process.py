"""One child process behind limits of time and memory, for what strangers wrote: mails, templates.

A parser that is fast on every ordinary input may need minutes for a few hundred kilobytes written to that end. A child
that goes beyond its budget ends, its request fails with `BeyondBudget`, and the next request gets a new child.

::

    child = FencedProcess(f"{__package__}.fenced_child")  # a module with main(), see `fenced_child`
    document, blob = child.ask({"operation": "whole"}, raw, seconds=60)
"""

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import threading
import time

from .fenced_child import HEAD_SIZE, pack_frame, unpack_header

PIPE = 1024 * 1024  # bytes
# Odoo's packages without what they import: the child has the addon's own modules and no framework.
_START = """
import importlib, sys, types
for name, path in {packages!r}:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = path
importlib.import_module({module!r}).main()
"""


class BeyondBudget(Exception):
    """The child needed more time, memory or room for its answer than it may have."""


class FencedProcess:
    """Thread-safe: requests follow each other. A forked process starts a child of its own."""

    def __init__(self, module: str):
        self._module = module
        self._forget()
        os.register_at_fork(after_in_child=self._forget)  # pipes and lock of a forked process are its parent's

    def ask(self, request: dict, blob: bytes = b"", *, seconds: float, room: int | None = None) -> tuple[dict, bytes]:
        """Return the answer to one request.

        :param seconds: how long the answer may take on a busy machine; processor time is the child's own limit
        :param room: bytes that the answer may have at most
        :raises BeyondBudget: there is none
        """
        with self.conversation():
            self.send(pack_frame(request, blob))
            return self.receive(seconds, room)

    @contextlib.contextmanager
    def conversation(self):
        """Have the child alone for several `send` and `receive`.

        Whatever leaves the block early ends the child: an answer may be on its way that is never read.
        """
        with self._lock:
            self._ensure_running()
            complete = False
            try:
                yield
                complete = True
            except (BrokenPipeError, EOFError, TimeoutError) as err:
                raise BeyondBudget from err
            finally:
                if not complete:
                    self._stop()

    def send(self, frame: bytes) -> None:
        view = memoryview(frame)
        while view:
            view = view[self._process.stdin.write(view) :]

    def receive(self, seconds: float, room: int | None = None) -> tuple[dict, bytes]:
        deadline = time.monotonic() + seconds
        text, blob = unpack_header(self._take(HEAD_SIZE, deadline))
        if room is not None and text + blob > room:
            raise EOFError
        return json.loads(self._take(text, deadline)), self._take(blob, deadline)

    def renew(self) -> None:
        """End this child within a conversation and go on with a new one."""
        self._stop()
        self._ensure_running()

    def close(self) -> None:
        with self._lock:
            self._stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def _take(self, size, deadline):
        chunks, stream = [], self._process.stdout
        while size:
            if not select.select([stream], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            chunk = stream.read(min(size, PIPE))
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)

    def _forget(self):
        self._lock = threading.Lock()
        self._process = None
        self.pipe = 0
        """Bytes that fit into the pipe: a request within it never blocks while the child writes its answer."""

    def _ensure_running(self):
        if self._process is not None and self._process.poll() is None:
            return
        self._stop()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START.format(packages=self._packages(), module=self._module)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={},
        )
        self.pipe = min(_enlarged(self._process.stdin), _enlarged(self._process.stdout)) - 4096

    def _packages(self):
        """The packages of the addons, empty: what the child imports comes from their files alone.

        The module's own packages are among them by whatever name the parent knows them.
        """
        addons = [name for name in sys.modules if name.startswith("odoo.addons.") and name.count(".") == 2]
        top = self._module.partition(".")[0]
        own = [] if top == "odoo" else [top]
        return [("odoo", []), ("odoo.addons", []), *((name, [*sys.modules[name].__path__]) for name in addons + own)]

    def _stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None


def _enlarged(pipe):
    """Give the pipe a megabyte if the system lets us; returns its size in bytes."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)
    except OSError:
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
