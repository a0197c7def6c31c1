"""Several mailboxes (or models) at work at the same time; a dead one keeps nobody else waiting.

Threads only ever see scalars and sessions; the caller's thread does everything that touches the database.
"""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .sent_mailbox import MailboxUnavailable, SentMailbox
from .smtp_client import DATA_TIMEOUT, SubmissionFailed, quit_quietly, submit

MAX_LANES = 32  # mailboxes served at the same time
HANDSHAKE = 60  # seconds a thread waits for the caller's thread
TICK = 1  # seconds between two looks for further lanes


class Withheld(Exception):
    """Raised by the caller's `handed_over`: the mail must not leave after all; `cause` is the caller's word."""

    def __init__(self, cause: str):
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True)
class Letter:
    """One mail ready to leave: `key` is the caller's, `hidden` gets a blind copy if the server lets it."""

    key: int
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    hidden: tuple[str, ...] = ()
    data_timeout: float = DATA_TIMEOUT
    is_divisible: bool = False  # whether some may get it although the server refuses others for good

    def carry(self, lane: "Lane", desk: "Desk"):
        """Hand the mail over, over the lane's session; return Accepted, or the SubmissionFailed or Withheld."""
        reused = lane.session is not None
        try:
            if not reused:
                lane.session = lane.open_session(desk.ask)
            return submit(
                lane.session,
                self.sender,
                self.recipients,
                self.raw,
                optional=self.hidden,
                divisible=self.is_divisible,
                before_end=lambda: desk.announce(self.key),
                data_timeout=self.data_timeout,
            )
        except SubmissionFailed as failure:
            if failure.ends_lane:
                lane.drop_session()
                if reused and failure.stage == "mail":  # some servers take a few mails a connection only
                    return self.carry(lane, desk)
            return failure
        except Withheld as stop:
            lane.drop_session()
            return stop


@dataclass(frozen=True)
class Errand:
    """Something to do in the mailbox's own folders, over an IMAP connection of its own.

    `act(box, ask)` runs in the thread; what it asks of the database goes through `ask`.
    """

    key: int
    open_mailbox: Callable[[Callable], SentMailbox]
    act: Callable[[SentMailbox, Callable], object]

    def carry(self, _lane, desk: "Desk"):
        """Return what `act` returns, or the MailboxUnavailable."""
        try:
            with self.open_mailbox(desk.ask) as box:
                return self.act(box, desk.ask)
        except MailboxUnavailable as failure:
            return failure


@dataclass
class Lane:
    """The work of one mailbox, one piece after the other, mails over one session.

    `open_session(ask)` returns a logged-in smtplib session (in a thread), None where no Letter is carried;
    `prepare(key)` runs in the caller's thread right before each piece and returns it (a Letter, an Errand, anything
    with `key` and `carry(lane, desk)`), or None when there is nothing to do after all; `closed()` runs there at the
    end. What is left in `waiting` then was not tried.
    """

    open_session: Callable[[Callable], object] | None
    keys: Iterable[int]
    prepare: Callable[[int], object]
    closed: Callable[[], None] = lambda: None
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


class Desk:
    """Where the threads report; `handed_over(key)` and `record(key, outcome)` run in the thread that calls `serve`.

    outcome: what the piece's `carry` returned. One that says `ends_lane` is the last of its lane: the other side is of
    no use for the next piece either.
    """

    def __init__(self, handed_over: Callable[[int], None], record: Callable[[int, object], None]):
        self._handed_over, self._record = handed_over, record
        self._events: queue.Queue = queue.Queue()
        self._closed = False
        self._busy = 0

    def serve(self, further: Callable[[int], Iterable[Lane] | None]) -> None:
        """Work through lanes until `further(busy)` returns None; it is called about once a second with the number of
        lanes at work, and returns those that came up (none of them while none is at work: wait for more).
        """
        with ThreadPoolExecutor(MAX_LANES, thread_name_prefix="lokario.smtp") as pool:
            self._pool = pool
            try:
                while (lanes := further(self._busy)) is not None:
                    for lane in lanes:
                        self._start_next(lane)
                    if self._busy or not lanes:
                        self._take_events()
            finally:
                self._closed = True

    def _take_events(self):
        """Handle what has come, waiting a moment for the first one."""
        with contextlib.suppress(queue.Empty):
            self._handle(*self._events.get(timeout=TICK))
            while True:
                self._handle(*self._events.get_nowait())

    def _handle(self, lane, key, report):
        if isinstance(report, _Question):
            report.answer()
            return
        self._busy -= 1
        self._record(key, report)
        if getattr(report, "ends_lane", False):
            self._close(lane)
        else:
            self._start_next(lane)

    def _start_next(self, lane):
        while lane.waiting:
            piece = lane.prepare(lane.waiting.popleft())
            if piece is not None:
                self._busy += 1
                self._pool.submit(self._carry, lane, piece)
                return
        self._close(lane)

    def _close(self, lane):
        if lane.session is not None:
            self._pool.submit(quit_quietly, lane.session)
            lane.session = None
        lane.closed()

    # === IN THE THREADS === #

    def _carry(self, lane, piece):
        outcome = SubmissionFailed("data", None, "The sending thread ended.")
        try:
            outcome = piece.carry(lane, self)
        except Exception as error:  # noqa: BLE001 - a thread must always report
            outcome = SubmissionFailed("data", None, str(error) or type(error).__name__)
            lane.drop_session()
        finally:
            self._events.put((lane, piece.key, outcome))

    def ask(self, call: Callable, *arguments):
        """Have the caller's thread make a call; return or raise what it returned or raised."""
        question = _Question(call, arguments)
        self._events.put((None, 0, question))
        return question.wait(self)

    def announce(self, key: int) -> None:
        """The mail may have left only once the database knows it."""
        self.ask(self._handed_over, key)


def once(lanes: Iterable[Lane]) -> Callable:
    """Return the `further` of Desk.serve for lanes that are all known from the start."""
    rest = [tuple(lanes)]
    return lambda busy: rest.pop() if rest else () if busy else None


class _Question:
    """A call that the caller's thread makes for a thread."""

    def __init__(self, call, arguments):
        self._call, self._arguments = call, arguments
        self._done, self._result, self._error = threading.Event(), None, None

    def answer(self):
        try:
            self._result = self._call(*self._arguments)
        except Exception as error:  # noqa: BLE001 - raised again where it was asked
            self._error = error
        self._done.set()

    def wait(self, desk):
        if not self._done.wait(HANDSHAKE) or desk._closed:
            raise OSError("The database did not answer.")
        if self._error:
            raise self._error
        return self._result
