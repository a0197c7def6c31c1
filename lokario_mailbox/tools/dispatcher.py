"""Several mailboxes (or models) at work at the same time, each in a thread of its own; a dead one delays no other.

Threads only ever see scalars and sessions; the caller's thread does everything that touches the database, and does for
many what many of them ask at the same moment.
"""

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from .sent_mailbox import MailboxUnavailable, SentMailbox
from .smtp_client import DATA_TIMEOUT, SubmissionFailed, quit_quietly, submit

MAX_WORKERS = 32  # mailboxes served at the same time
HANDSHAKE = 60  # seconds a thread waits for the caller's thread
TICK = 1  # seconds between two checks for further work


class SendCancelled(Exception):
    """The mail must not leave: for good, with a `cause`, or not before `until`."""

    def __init__(self, cause: str = "", until: datetime | None = None):
        super().__init__(cause)
        self.cause, self.until = cause, until


@dataclass(frozen=True)
class OutgoingMessage:
    """One mail ready to leave: `key` is the caller's, `self_copy` gets a blind copy if the server lets it."""

    key: int
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    self_copy: tuple[str, ...] = ()
    data_timeout: float = DATA_TIMEOUT
    is_divisible: bool = False  # whether some may get it although the server refuses others for good

    def run(self, worker: "Worker", dispatcher: "Dispatcher"):
        """Send the mail over the worker's session; return Accepted, or the SubmissionFailed or SendCancelled."""
        reused = worker.session is not None
        try:
            if not reused:
                worker.session = worker.open_session(dispatcher.ask)
            return submit(
                worker.session,
                self.sender,
                self.recipients,
                self.raw,
                optional=self.self_copy,
                divisible=self.is_divisible,
                before_end=lambda: dispatcher.ask_permission(self.key),
                data_timeout=self.data_timeout,
            )
        except SubmissionFailed as failure:
            if failure.ends_worker:
                worker.drop_session()
                if reused and failure.stage == "mail":  # some servers take a few mails a connection only
                    return self.run(worker, dispatcher)
            return failure
        except SendCancelled as stop:
            worker.drop_session()
            return stop


@dataclass(frozen=True)
class MailboxTask:
    """Something to do in the mailbox's own folders, over an IMAP connection of its own.

    `act(box, ask)` runs in the thread; what it asks of the database goes through `ask`.
    """

    key: int
    open_mailbox: Callable[[Callable], SentMailbox]
    act: Callable[[SentMailbox, Callable], object]

    def run(self, _worker, dispatcher: "Dispatcher"):
        """Return what `act` returns, or the MailboxUnavailable."""
        try:
            with self.open_mailbox(dispatcher.ask) as box:
                return self.act(box, dispatcher.ask)
        except MailboxUnavailable as failure:
            return failure


@dataclass
class Worker:
    """The work of one mailbox, one task after the other, mails over one session.

    `open_session(ask)` returns a logged-in smtplib session (in a thread), None where no OutgoingMessage is sent;
    `prepare(key)` runs in the caller's thread right before each task and returns it (an OutgoingMessage, a MailboxTask,
    anything with `key` and `run(worker, dispatcher)`), or None when there is nothing to do after all; `closed(keys)`
    runs there at the end, with those that were not tried.
    """

    open_session: Callable[[Callable], object] | None
    keys: Iterable[int]
    prepare: Callable[[int], object]
    closed: Callable[[list[int]], None] = lambda keys: None
    session: object = None
    waiting: deque = field(init=False)

    def __post_init__(self):
        self.waiting = deque(self.keys)

    def drop_session(self):
        """Forget the session; that it cannot even be closed is of no interest."""
        session, self.session = self.session, None
        if session is not None:
            with contextlib.suppress(Exception):
                session.close()


class Dispatcher:
    """Where the threads report. `permit(keys)` and `record(outcomes)` run in the thread that calls `serve`.

    `permit` returns {key: SendCancelled} of the mails that must not leave; for the others it has written down that they
    may have left. outcomes: {key: what the task's `run` returned}. One that says `ends_worker` is the last of its
    worker: the remote server is of no use for the next task either.
    """

    def __init__(self, permit: Callable[[list[int]], dict], record: Callable[[dict], None]):
        self._permit, self._record = permit, record
        self._events: queue.Queue = queue.Queue()
        self._closed = False
        self._busy = 0

    def serve(self, further: Callable[[int], Iterable[Worker] | None]) -> None:
        """Work until `further(busy)` returns None; it is called about once a second with the number of workers at work,
        and returns those that came up (none of them while none is at work: wait for more).
        """
        with ThreadPoolExecutor(MAX_WORKERS, thread_name_prefix="lokario.mailbox") as pool:
            self._pool = pool
            try:
                while (workers := further(self._busy)) is not None:
                    for worker in workers:
                        self._start_next(worker)
                    is_idle, seconds = not workers and not self._busy, TICK
                    while (self._busy or is_idle) and seconds:
                        seconds = self._take_events(seconds)
            finally:
                self._closed = True

    def _take_events(self, timeout):
        """Handle what has come, waiting a moment for the first; return the seconds that are left of the moment."""
        until = time.monotonic() + timeout
        events = []
        with contextlib.suppress(queue.Empty):
            events.append(self._events.get(timeout=timeout))
            while True:
                events.append(self._events.get_nowait())
        self._answer_permissions([event for event in events if isinstance(event, _Permission)])
        for event in events:
            if isinstance(event, _Call):
                event.answer()
        self._take_reports([event for event in events if isinstance(event, _Report)])
        return max(0, until - time.monotonic()) if events else 0

    def _answer_permissions(self, permissions):
        if not permissions:
            return
        try:
            stops = self._permit([permission.key for permission in permissions])
        except Exception as error:  # noqa: BLE001 - raised again where it was asked
            stops = {permission.key: error for permission in permissions}
        for permission in permissions:
            permission.resolve(error=stops.get(permission.key))

    def _take_reports(self, reports):
        if not reports:
            return
        self._busy -= len(reports)
        self._record({report.key: report.outcome for report in reports})
        for report in reports:
            if getattr(report.outcome, "ends_worker", False):
                self._close(report.worker)
            else:
                self._start_next(report.worker)

    def _start_next(self, worker):
        while worker.waiting:
            task = worker.prepare(worker.waiting.popleft())
            if task is not None:
                self._busy += 1
                self._pool.submit(self._run, worker, task)
                return
        self._close(worker)

    def _close(self, worker):
        if worker.session is not None:
            self._pool.submit(quit_quietly, worker.session)
            worker.session = None
        worker.closed(list(worker.waiting))

    # === IN THE THREADS === #

    def _run(self, worker, task):
        outcome = SubmissionFailed("data", None, "The sending thread ended.")
        try:
            outcome = task.run(worker, self)
        except Exception as error:  # noqa: BLE001 - a thread must always report
            outcome = SubmissionFailed("data", None, str(error) or type(error).__name__)
            worker.drop_session()
        finally:
            self._events.put(_Report(worker, task.key, outcome))

    def ask(self, call: Callable, *arguments):
        """Have the caller's thread make a call; return or raise what it returned or raised."""
        question = _Call(call, arguments)
        self._events.put(question)
        return question.wait(self)

    def ask_permission(self, key: int) -> None:
        """The mail may have left only once the database knows it. Raises SendCancelled when it must not leave."""
        permission = _Permission(key)
        self._events.put(permission)
        permission.wait(self)


def once(workers: Iterable[Worker]) -> Callable:
    """Return the `further` of Dispatcher.serve for workers that are all known from the start."""
    rest = [tuple(workers)]
    return lambda busy: rest.pop() if rest else () if busy else None


@dataclass(frozen=True)
class _Report:
    worker: Worker
    key: int
    outcome: object


class _Question:
    """What a thread wants to know from the caller's thread."""

    def __init__(self):
        self._done, self._result, self._error = threading.Event(), None, None

    def resolve(self, result=None, error=None):
        self._result, self._error = result, error
        self._done.set()

    def wait(self, dispatcher):
        if not self._done.wait(HANDSHAKE) or dispatcher._closed:
            raise OSError("The database did not answer.")
        if self._error:
            raise self._error
        return self._result


class _Permission(_Question):
    def __init__(self, key):
        super().__init__()
        self.key = key


class _Call(_Question):
    def __init__(self, call, arguments):
        super().__init__()
        self._call, self._arguments = call, arguments

    def answer(self):
        try:
            self.resolve(self._call(*self._arguments))
        except Exception as error:  # noqa: BLE001 - raised again where it was asked
            self.resolve(error=error)
