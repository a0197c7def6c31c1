"""Keeps a listening socket for each active instance, and lets a process be started when there is something to do."""

import contextlib
import dataclasses
import json
import logging
import os
import selectors
import signal
import socket
import sys
import time

import psycopg2

from . import messages, watcher
from .fairness import Fairness
from .nursery import Nursery
from .routes import Instance, Manager
from .slot import Slot

_logger = logging.getLogger(__name__)

TICK = 0.5  # seconds between two looks at the clock
RETRY = 1.0  # seconds until the manager is asked again
GRACE = 0.5  # seconds between the request to end and SIGKILL
SHORT_TICK = 0.05  # seconds between two turns while a process is asked to end
MIN_UPTIME = 10  # seconds; who dies younger waits before it is started again
MAX_WAKING = 4  # instances that are started for their jobs at once


class Supervisor:
    """One of them on each machine that runs instances. ``settings`` is what `settings.Settings` has read."""

    def __init__(self, settings, unseal):
        self.settings = settings
        self.unseal = unseal
        self.selector = selectors.DefaultSelector()
        self.manager = Manager(settings.manager_database, settings.host_name, self._watch, self.selector.unregister)
        self.slots: dict[str, Slot] = {}
        self.stopping: dict[str, Slot] = {}  # suspended or deleted, their processes still end
        self.nurseries: dict[tuple[str, ...], Nursery] = {}
        self.questions: set[str] = set()
        self.full_logs: list[messages.LogPipe] = []
        self.fairness = Fairness()
        self.asked_at = -RETRY
        self.watched_at = dict.fromkeys(watcher.INTERVALS, 0.0)
        self.logs_at = 0.0

    # === LIFE === #

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        self.settings.prepare()
        self._sync()
        if not self.manager.connection:
            self._adopt(self._remembered())
        notify_ready()
        while True:
            for key, _events in self.selector.select(self._pause()):
                key.data()
            self._sync()
            self._run_timers()

    def _pause(self) -> float:
        if self.manager.has_unread_news:
            return 0.0
        return SHORT_TICK if self.stopping else TICK

    def _end(self, *_arguments) -> None:
        for slot in self.slots.values():
            slot.close()
        for nursery in self.nurseries.values():
            nursery.kill()
        sys.exit(0)

    def _watch(self, descriptor) -> None:
        """News of the manager end the wait; :meth:`_sync` reads them."""
        self.selector.register(descriptor, selectors.EVENT_READ, lambda: None)

    # === WHAT THE MANAGER WANTS === #

    def _sync(self) -> None:
        """Read the table when it has changed, and answer; while the manager is away, what is known stays in force."""
        try:
            if not self.manager.connection and time.monotonic() - self.asked_at < RETRY:
                return
            self.asked_at = time.monotonic()
            has_changed, questions = self.manager.news() if self.manager.connection else (True, set())
            self.questions |= questions
            if has_changed:
                self._adopt(self.manager.instances())
                self._remember()
            self._answer_questions()
        except psycopg2.Error as error:
            self._lose_manager(error)

    def _adopt(self, wanted: dict[str, Instance]) -> None:
        active = {name: instance for name, instance in wanted.items() if instance.state == "active"}
        for name in self.slots.keys() - active.keys():
            self._forget(self.slots.pop(name))
        for name, instance in active.items():
            slot = self.slots.get(name)
            if slot is None:
                self._serve(instance)
            elif slot.instance != instance:
                slot.instance, slot.next_job = instance, 0.0  # changed from outside: its jobs may have changed, too
        used = {tuple(instance.module_list) for instance in active.values()}
        for modules in self.nurseries.keys() - used:
            if not self.nurseries[modules].running:
                self.nurseries.pop(modules).end()

    def _serve(self, instance: Instance) -> None:
        slot = self.slots[instance.database] = Slot(instance, self.settings)
        slot.next_job = self._remembered_jobs().get(f"{instance.database} {instance.route}", 0.0)
        self._nursery(instance).start()
        self._await_request(slot)

    def _forget(self, slot: Slot) -> None:
        """Suspended or deleted: its socket closes at once, its process is asked to end and soon killed."""
        self._unregister(slot.listening)
        slot.close()
        if slot.is_running:
            slot.nursery.signal(slot.instance.database, signal.SIGTERM)
            slot.killed_at = time.monotonic()
            self.stopping[slot.instance.database] = slot

    def _answer_questions(self) -> None:
        """Tell the manager what has come of the instances that it asks about; of one that still ends, later."""
        for database in self.questions - self.stopping.keys():
            self.questions.discard(database)
            slot = self.slots.get(database)
            self.manager.answer("listening" if slot and slot.listening else "stopped", database)

    # === WHAT IS REMEMBERED === #

    def _remember(self) -> None:
        """Write down what is wanted, for a start while the manager is away; passwords stay sealed."""
        known = [dataclasses.asdict(slot.instance) for slot in self.slots.values()]
        jobs = {f"{name} {slot.instance.route}": slot.next_job for name, slot in self.slots.items()}
        part = self.settings.state_file.with_suffix(".part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            json.dump({"instances": known, "next_jobs": jobs}, stream)
        part.replace(self.settings.state_file)

    def _recall(self) -> dict:
        try:
            return json.loads(self.settings.state_file.read_text())
        except (FileNotFoundError, ValueError):
            return {"instances": [], "next_jobs": {}}

    def _remembered(self) -> dict[str, Instance]:
        return {known["database"]: Instance(**known) for known in self._recall()["instances"]}

    def _remembered_jobs(self) -> dict[str, float | None]:
        return self._recall()["next_jobs"]

    # === PROCESSES === #

    def _nursery(self, instance: Instance) -> Nursery:
        modules = tuple(instance.module_list)
        if modules not in self.nurseries:
            self.nurseries[modules] = Nursery(self.settings, list(modules), self.selector, self._ended)
        return self.nurseries[modules]

    def _await_request(self, slot: Slot) -> None:
        if slot.is_deaf():
            slot.close()
        if slot.listening is None:
            slot.listen()
        self.selector.register(slot.listening, selectors.EVENT_READ, lambda: self._start(slot))

    def _unregister(self, file) -> None:
        with contextlib.suppress(KeyError, ValueError):  # it was not registered, or is closed
            self.selector.unregister(file)

    def _start(self, slot: Slot, jobs_due: bool = False) -> None:
        self._unregister(slot.listening)
        if slot.instance.database in self.stopping:  # given back while its former process still ends
            slot.retry_at = time.monotonic() + SHORT_TICK
            return
        try:
            told = self.settings.of(slot.instance, self.unseal(slot.instance)) | {"jobs_due": jobs_due}
            self._fork(slot, told)
        except (ValueError, OSError) as error:
            _logger.error("%s cannot be started: %s", slot.instance.database, error)
            slot.back_off()
            return
        slot.started, slot.wakes_for_jobs = time.monotonic(), jobs_due

    def _fork(self, slot: Slot, told: dict) -> None:
        """Let a process be forked; raises OSError when that cannot be asked for."""
        slot.nursery = self._nursery(slot.instance)
        channel, handed = socket.socketpair()
        log = messages.LogPipe(sys.stdout.buffer)
        self._follow(log)
        try:
            channel.sendall(json.dumps(told).encode() + b"\n")
            descriptors = (slot.listening.fileno(), handed.fileno(), log.write_end)
            slot.nursery.fork(slot.instance.database, told["uid"], descriptors)
        except OSError:
            channel.close()
            raise
        finally:
            handed.close()
            os.close(log.write_end)
        reports = slot.reports = messages.Reports(channel)
        self.selector.register(channel, selectors.EVENT_READ, lambda: self._hear(reports))

    def _hear(self, reports: messages.Reports) -> None:
        if not reports.read():
            self._unregister(reports.channel)

    def _ended(self, database: str, is_orphan: bool) -> None:
        """A process ended: what it has reported says when its next job is due. An orphan has died of its parent's end:
        who asks for it need not wait.
        """
        slot = self.stopping.pop(database, None) or self.slots[database]
        self._unregister(slot.reports.channel)
        in_order = slot.ended()
        self.settings.groups.end(database)
        if self.slots.get(database) is not slot:
            return
        if not in_order and not is_orphan and time.monotonic() - slot.started < MIN_UPTIME:
            _logger.warning("%s died early; started again in %s s", database, slot.back_off())
            return
        slot.failures = 0
        self._await_request(slot)
        self._remember()

    # === LOGS === #

    def _follow(self, log: messages.LogPipe) -> None:
        self.selector.register(log.read_end, selectors.EVENT_READ, lambda: self._copy(log))

    def _copy(self, log: messages.LogPipe) -> None:
        is_open = log.read()
        if is_open and not log.is_over_budget:
            return
        self.selector.unregister(log.read_end)
        if is_open:
            self.full_logs.append(log)  # until the next second its process waits
        else:
            os.close(log.read_end)

    # === CLOCK === #

    def _run_timers(self) -> None:
        now = time.monotonic()
        for slot in list(self.slots.values()):
            if slot.retry_at and now >= slot.retry_at:
                slot.retry_at = 0.0
                self._await_request(slot)
        for slot in self.stopping.values():
            if now - slot.killed_at > GRACE:
                slot.nursery.signal(slot.instance.database, signal.SIGKILL)
        self._end_the_deaf()
        self._wake_for_jobs()
        self._resume_logs(now)
        self._balance()
        self._watch_sessions(now)

    def _end_the_deaf(self) -> None:
        """Who has shut down its own socket answers nobody any more, and may wait for that for ever."""
        for slot in self.slots.values():
            if slot.is_running and slot.is_deaf():
                slot.nursery.signal(slot.instance.database, signal.SIGKILL)

    def _balance(self) -> None:
        if os.getuid() == 0:
            running = [slot.instance for slot in self.slots.values() if slot.is_running]
            roles = {instance.uid: instance.role for instance in running}
            if self.fairness.balance(roles, self._sessions):
                for instance in running:
                    self.settings.groups.let_wait(instance.database, instance.uid in self.fairness.waiting)

    def _sessions(self, roles: set[str]) -> dict[int, str]:
        try:
            return self.manager.sessions(roles)
        except psycopg2.Error as error:
            self._lose_manager(error)
            return {}

    def _lose_manager(self, error: psycopg2.Error) -> None:
        _logger.info("The manager cannot be asked, instances go on: %s", str(error).strip())
        self.manager.forget()

    def _wake_for_jobs(self) -> None:
        """Start those whose jobs are due, the most overdue first and few at a time."""
        room = MAX_WAKING - sum(slot.is_waking for slot in self.slots.values())
        clock = time.time()
        due = [slot for slot in self.slots.values() if slot.is_due(clock)]
        for slot in sorted(due, key=lambda one: one.next_job)[: max(0, room)]:
            self._start(slot, jobs_due=True)

    def _resume_logs(self, now: float) -> None:
        if now - self.logs_at > 1:
            self.logs_at, full, self.full_logs = now, self.full_logs, []
            for log in full:
                log.spent = 0
                self._follow(log)

    def _watch_sessions(self, now: float) -> None:
        try:
            for end, interval in watcher.INTERVALS.items():
                if self.manager.connection and now - self.watched_at[end] >= interval:
                    self.watched_at[end] = now
                    end(self.manager.connection)
        except psycopg2.Error as error:
            self._lose_manager(error)


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
