"""Several mailboxes at work at the same time; a dead one keeps nobody else waiting.

Threads only ever see scalars and sessions; the caller's thread does everything that touches the database.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from odoo.addons.lokario_inbox.tools.smtp_client import DATA_TIMEOUT, SubmissionFailed, quit_quietly, submit

MAX_LANES = 24  # mailboxes served at the same time
HANDSHAKE = 60  # seconds a thread waits for the caller to record that a mail is being handed over


@dataclass(frozen=True)
class Letter:
    """One mail ready to leave: `key` is the caller's, `hidden` gets a blind copy if the server lets it."""

    key: int
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    hidden: tuple[str, ...] = ()


@dataclass
class Lane:
    """The mails of one mailbox, one after the other over one session.

    `open_session` returns a logged-in smtplib session (in a thread); `prepare(key)` runs in the caller's thread right
    before each mail and returns its Letter, or None when the mail shall not leave after all. What is left in `waiting`
    at the end was not tried.
    """

    open_session: Callable
    keys: Iterable[int]
    prepare: Callable[[int], Letter | None]
    session: object = None
    waiting: deque = field(init=False)

    def __post_init__(self):
        self.waiting = deque(self.keys)


class Desk:
    """Where the threads report; `handed_over(key)` and `record(key, outcome)` run in the thread that calls `serve`.

    outcome: an Accepted, or a SubmissionFailed. A broken session or mailbox ends its lane.
    """

    def __init__(self, handed_over: Callable[[int], None], record: Callable[[int, object], None]):
        self._handed_over, self._record = handed_over, record
        self._events: queue.Queue = queue.Queue()
        self._closed = False
        self._busy = 0

    def serve(self, lanes: Iterable[Lane], data_timeout: float = DATA_TIMEOUT) -> None:
        with ThreadPoolExecutor(MAX_LANES, thread_name_prefix="lokario.smtp") as pool:
            self._pool, self._data_timeout = pool, data_timeout
            try:
                for lane in lanes:
                    self._start_next(lane)
                while self._busy:
                    self._handle(*self._events.get())
            finally:
                self._closed = True

    def _handle(self, lane, key, report):
        if isinstance(report, threading.Event):
            self._handed_over(key)
            report.set()
            return
        self._busy -= 1
        self._record(key, report)
        if _is_broken(report):
            self._close(lane)
        else:
            self._start_next(lane)

    def _start_next(self, lane):
        while lane.waiting:
            key = lane.waiting.popleft()
            letter = lane.prepare(key)
            if letter is not None:
                self._busy += 1
                self._pool.submit(self._send, lane, letter)
                return
        self._close(lane)

    def _close(self, lane):
        if lane.session is not None:
            self._pool.submit(quit_quietly, lane.session)
            lane.session = None

    # === IN THE THREADS === #

    def _send(self, lane, letter):
        try:
            if lane.session is None:
                lane.session = lane.open_session()
            outcome = submit(
                lane.session,
                letter.sender,
                letter.recipients,
                letter.raw,
                optional=letter.hidden,
                before_data=lambda: self._announce(lane, letter.key),
                data_timeout=self._data_timeout,
            )
        except SubmissionFailed as failure:
            outcome = failure
        except Exception as error:  # noqa: BLE001 - a thread must always report
            outcome = SubmissionFailed("data", None, str(error) or type(error).__name__)
        self._events.put((lane, letter.key, outcome))

    def _announce(self, lane, key):
        """Not one byte of the mail leaves before the database knows that it may have."""
        recorded = threading.Event()
        self._events.put((lane, key, recorded))
        if not recorded.wait(HANDSHAKE) or self._closed:
            raise OSError("The hand-over could not be recorded.")


def _is_broken(outcome):
    """After these the session, or the whole mailbox, is of no use for the next mail."""
    if not isinstance(outcome, SubmissionFailed):
        return False
    return outcome.stage in ("connect", "tls", "login") or outcome.code is None or outcome.code == 421
