"""Keeps a listening socket for each active instance, and lets a process be started when there is something to do."""

import contextlib
import json
import logging
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import time

import psycopg2

from . import messages, watcher
from .routes import Instance, Manager

_logger = logging.getLogger(__name__)

TICK = 0.5  # seconds between two looks at the clock
RETRY = 1.0  # seconds until the manager is asked again
GRACE = 0.5  # seconds between the request to end and SIGKILL
SHORT_TICK = 0.05  # seconds between two turns while a process is asked to end
MIN_UPTIME = 10  # seconds; who dies younger waits before it is started again
MAX_BACK_OFF = 60  # seconds
JOB_JITTER = 20  # seconds over which due jobs of stopped instances are spread
MAX_STARTING = 4  # instances that are woken for their jobs at once
BACKLOG = 128


class Slot:
    """One active instance: its socket, and its process while there is one."""

    def __init__(self, instance: Instance, settings):
        self.instance = instance
        self.path = settings.sockets / f"{instance.database}.sock"
        self.by_host = settings.hosts / f"{instance.host}.sock"
        self.group = settings.front_group
        self.listening: socket.socket | None = None
        self.channel: socket.socket | None = None
        self.started = 0.0
        self.next_job: float | None = 0.0  # not known yet: started once to find out
        self.failures = 0
        self.retry_at = 0.0
        self.killed_at: float | None = None

    def listen(self) -> None:
        self.path.unlink(missing_ok=True)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.path))
        os.chown(self.path, -1, self.group)
        self.path.chmod(0o600 if self.group < 0 else 0o660)
        self.listening.listen(BACKLOG)
        self.by_host.unlink(missing_ok=True)
        self.by_host.symlink_to(self.path)

    def close(self) -> None:
        if self.listening:
            self.listening.close()
            self.listening = None
        self.by_host.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


class Supervisor:
    """One of them on each machine that runs instances. ``settings`` is what `settings.Settings` has read."""

    def __init__(self, settings, unseal):
        self.settings = settings
        self.unseal = unseal
        self.manager = Manager(settings.manager_database)
        self.slots: dict[str, Slot] = {}
        self.selector = selectors.DefaultSelector()
        self.parent: subprocess.Popen | None = None
        self.control: socket.socket | None = None
        self.modules: set[str] = set()
        self.synced_at = 0.0
        self.stopping: list[Slot] = []
        self.watched_at = 0.0

    # === LIFE === #

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        for folder in (self.settings.sockets, self.settings.hosts):
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, -1, self.settings.front_group)
            folder.chmod(0o700 if self.settings.front_group < 0 else 0o710)
        self._sync_routes()
        notify_ready()
        while True:
            self._sync_routes()
            for key, _events in self.selector.select(SHORT_TICK if self.stopping else TICK):
                key.data()
            self._run_timers()

    def _end(self, *_arguments) -> None:
        for slot in self.slots.values():
            slot.close()
        if self.parent:
            self.parent.kill()
        sys.exit(0)

    # === WHAT THE MANAGER WANTS === #

    def _sync_routes(self) -> None:
        """Read the table when it has changed; while the manager is away, what is known stays in force."""
        try:
            connected = self.manager.connection and not self.manager.connection.closed
            if connected and not self.manager.has_news():
                return
            if not connected and time.monotonic() - self.synced_at < RETRY:
                return
            self.synced_at = time.monotonic()
            self._adopt(self.manager.instances())
        except psycopg2.Error as error:
            _logger.info("The manager cannot be asked, instances go on: %s", str(error).strip())
            self.manager.connection = None

    def _adopt(self, wanted: dict[str, Instance]) -> None:
        active = {name: instance for name, instance in wanted.items() if instance.state == "active"}
        for name in self.slots.keys() - active.keys():
            self._forget(self.slots.pop(name))
        for name, instance in active.items():
            if name in self.slots:
                self.slots[name].instance = instance
            else:
                self._serve(instance)

    def _serve(self, instance: Instance) -> None:
        slot = self.slots[instance.database] = Slot(instance, self.settings)
        self._await_request(slot)

    def _forget(self, slot: Slot) -> None:
        """Suspended or deleted: its sockets end at once."""
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(slot.listening)
        slot.close()
        if slot.channel:
            self._signal(slot, signal.SIGTERM)
            slot.killed_at = time.monotonic()
            self.stopping.append(slot)

    # === PROCESSES === #

    def _await_request(self, slot: Slot) -> None:
        if slot.listening is None:
            slot.listen()
        self.selector.register(slot.listening, selectors.EVENT_READ, lambda: self._start(slot))

    def _start(self, slot: Slot, jobs_due: bool = False) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(slot.listening)
        if not self._has_parent(slot.instance):
            self._back_off(slot)
            return
        slot.channel, handed = socket.socketpair()
        slot.started = time.monotonic()
        try:
            me = self.settings.of(slot.instance, self.unseal(slot.instance)) | {"jobs_due": jobs_due}
        except ValueError as error:
            _logger.error("%s cannot be started: %s", slot.instance.database, error)
            slot.channel = None
            self._back_off(slot)
            return
        slot.channel.sendall(json.dumps(me).encode() + b"\n")
        with handed:
            descriptors = (slot.listening.fileno(), handed.fileno())
            messages.send(self.control, {"start": slot.instance.database}, descriptors)
        self.selector.register(slot.channel, selectors.EVENT_READ, lambda: self._ended(slot))

    def _ended(self, slot: Slot) -> None:
        """The process ended: its last message says when its next job is due; without one it died."""
        last_message = b""
        with contextlib.suppress(ConnectionError):
            last_message = slot.channel.recv(messages.MAX_PACKET)
        self.selector.unregister(slot.channel)
        slot.channel.close()
        slot.channel = None
        if self.slots.get(slot.instance.database) is not slot:
            return
        slot.next_job = json.loads(last_message)["next_job"] if last_message else 0.0
        if not last_message and time.monotonic() - slot.started < MIN_UPTIME:
            self._back_off(slot)
        else:
            slot.failures = 0
            self._await_request(slot)

    def _back_off(self, slot: Slot) -> None:
        """Close the socket for a while: visitors get the page of an instance that starts."""
        slot.failures += 1
        pause = min(MAX_BACK_OFF, 2 ** (slot.failures - 1))
        slot.retry_at = time.monotonic() + pause
        slot.close()
        _logger.warning("%s died early; started again in %s s", slot.instance.database, pause)

    def _signal(self, slot: Slot, number: int) -> None:
        if self.control:
            with contextlib.suppress(OSError):
                messages.send(self.control, {"stop": slot.instance.database, "signal": number})

    # === PARENT === #

    def _has_parent(self, instance: Instance) -> bool:
        """Whether there is a parent; it imports the modules of another template as soon as no process depends on it."""
        wanted = set(instance.modules.split(",")) - {""}
        is_idle = not any(slot.channel for slot in (*self.slots.values(), *self.stopping))
        if self.parent and self.parent.poll() is None and is_idle and not wanted <= self.modules:
            self.parent.kill()
            self.parent.wait()
        if self.parent is None or self.parent.poll() is not None:
            self.modules |= wanted
            self._start_parent()
        return self.parent is not None

    def _start_parent(self) -> None:
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            command = self.settings.parent_command(its.fileno(), sorted(self.modules))
            self.parent = subprocess.Popen(
                command, pass_fds=[its.fileno()], env=self.settings.parent_environment(), stdin=subprocess.DEVNULL
            )
        ready, _none = messages.receive(mine)
        if ready is None:
            _logger.error("The instances' parent ended with %s", self.parent.wait())
            self.parent = self.control = None
            return
        self.control = mine

    # === CLOCK === #

    def _run_timers(self) -> None:
        now, clock = time.monotonic(), time.time()
        for slot in list(self.slots.values()):
            if slot.retry_at and now >= slot.retry_at:
                slot.retry_at = 0.0
                self._await_request(slot)
        stopped = [slot for slot in self.slots.values() if not slot.channel and not slot.retry_at]
        starting = sum(bool(slot.channel) and now - slot.started < MIN_UPTIME for slot in self.slots.values())
        due = [slot for slot in stopped if slot.next_job is not None and slot.next_job + _jitter(slot) <= clock]
        for slot in sorted(due, key=lambda one: one.next_job)[: max(0, MAX_STARTING - starting)]:
            self._start(slot, jobs_due=True)
        self._kill_unresponsive(now)
        self._watch_sessions(now)

    def _watch_sessions(self, now: float) -> None:
        if now - self.watched_at < watcher.INTERVAL or not self.manager.connection:
            return
        self.watched_at = now
        try:
            watcher.end_overdue(self.manager.connection)
        except psycopg2.Error as error:
            _logger.info("Sessions are not watched: %s", str(error).strip())
            self.manager.connection = None

    def _kill_unresponsive(self, now: float) -> None:
        for slot in self.stopping:
            if slot.channel and now - slot.killed_at > GRACE:
                self._signal(slot, signal.SIGKILL)
        self.stopping = [slot for slot in self.stopping if slot.channel]


def _jitter(slot: Slot) -> float:
    """The same for one instance each time, so that it is not put off again and again."""
    return random.Random(slot.instance.database).uniform(0, JOB_JITTER)  # noqa: S311


def notify_ready() -> None:
    """Tell systemd, or whoever started us in its way, that instances can be visited."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.sendto(b"READY=1", address.replace("@", "\0", 1))


def end_with_parent() -> None:
    """Should whoever started us be killed, we end too."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == 1:
        sys.exit(0)
