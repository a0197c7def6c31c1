"""The supervisor's side of a preloaded parent: one for each set of modules that templates have."""

import contextlib
import logging
import selectors
import signal
import socket
import subprocess

from . import messages

_logger = logging.getLogger(__name__)


class Nursery:
    """A parent that has imported ``modules``; for each process of its that ended ``on_ended(database, is_orphan)`` is
    called: orphans have ended because their parent did.

    It is started when it is first needed, and at once after its death; not if it has never come so far as to be ready.
    What it is asked meanwhile waits in its channel.
    """

    def __init__(self, settings, modules: list[str], selector, on_ended):
        self._settings, self._modules = settings, modules
        self._selector, self._on_ended = selector, on_ended
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._is_ready = False
        self.running: set[str] = set()  # databases of the processes that have been asked for

    def start(self) -> None:
        if self._control:
            return
        control, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            command = self._settings.parent_command(its.fileno(), self._modules)
            environment = self._settings.parent_environment()
            self._process = subprocess.Popen(
                command, pass_fds=[its.fileno()], env=environment, stdin=subprocess.DEVNULL
            )
        self._control, self._is_ready = control, False
        self._selector.register(self._control, selectors.EVENT_READ, self._hear)

    def fork(self, database: str, uid: int, descriptors: tuple[int, ...]) -> None:
        """Let it fork a process for ``database``; raises OSError when it cannot be asked."""
        self.start()
        messages.send(self._control, {"start": database, "uid": uid}, descriptors)
        self.running.add(database)

    def signal(self, database: str, number: int) -> None:
        if self._control:
            with contextlib.suppress(OSError):
                messages.send(self._control, {"stop": database, "signal": number})

    def kill(self) -> None:
        """With it end its processes."""
        if self._control:
            self._process.kill()

    def end(self) -> None:
        """Kill it, and forget it."""
        self.kill()
        if self._control:
            self._bury()

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            message, _none = messages.receive(self._control)
            if message:
                self._take_note(message)
                return
        self._lose()

    def _take_note(self, message: dict) -> None:
        if "ready" in message:
            self._is_ready = True
            return
        self.running.discard(message["ended"])
        self._on_ended(message["ended"], False)

    def _lose(self) -> None:
        """It has died, and its processes with it."""
        self._bury()
        orphans, was_ready = list(self.running), self._is_ready
        if was_ready:
            with contextlib.suppress(OSError):  # the machine is full: who asks for a process tries again
                self.start()
        for database in orphans:
            self.running.discard(database)
            self._on_ended(database, was_ready)

    def _bury(self) -> None:
        self._selector.unregister(self._control)
        self._control.close()
        self._control = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._process.kill()
        status = self._process.wait()
        level = logging.INFO if status in (0, -signal.SIGKILL) else logging.ERROR
        _logger.log(level, "The parent of instances with %s ended with %s", ",".join(self._modules) or "base", status)
