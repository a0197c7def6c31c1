"""Several mailboxes at work at the same time; a dead one keeps nobody else waiting.

Threads only ever see scalars and sessions; the caller's thread does everything that touches the database.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from odoo.addons.lokario_inbox.tools.smtp_client import SubmissionFailed, quit_quietly, submit

MAX_LANES = 24  # mailboxes served at the same time


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

    `open_session` returns a logged-in smtplib session; `prepare(key)` runs in the caller's thread right before each
    mail and returns its Letter, or None when the mail shall not leave after all.
    """

    open_session: Callable
    keys: Iterable[int]
    prepare: Callable[[int], Letter | None]
    session: object = None
    waiting: deque = field(init=False)

    def __post_init__(self):
        self.waiting = deque(self.keys)


def run_lanes(lanes: Iterable[Lane], record: Callable[[int, object], None], data_timeout: float = 120) -> None:
    """Work all lanes off. `record(key, outcome)` is called in this thread: an Accepted, or a SubmissionFailed.

    A mailbox whose connection or login fails, or whose session breaks, ends its lane: `record` is told about the mail
    that was tried, and with the same failure about nobody else; the caller holds the rest.
    """
    with ThreadPoolExecutor(MAX_LANES, thread_name_prefix="lokario.smtp") as pool:
        running: dict[Future, tuple[Lane, int]] = {}
        for lane in lanes:
            _start_next(pool, lane, running, data_timeout)
        while running:
            done, _pending = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                lane, key = running.pop(future)
                outcome = future.result()
                record(key, outcome)
                if _is_broken(outcome):
                    _close(pool, lane)
                else:
                    _start_next(pool, lane, running, data_timeout)


def _start_next(pool, lane, running, data_timeout):
    while lane.waiting:
        key = lane.waiting.popleft()
        letter = lane.prepare(key)
        if letter is not None:
            running[pool.submit(_send, lane, letter, data_timeout)] = (lane, key)
            return
    _close(pool, lane)


def _send(lane, letter, data_timeout):
    try:
        if lane.session is None:
            lane.session = lane.open_session()
        return submit(
            lane.session,
            letter.sender,
            letter.recipients,
            letter.raw,
            optional=letter.hidden,
            data_timeout=data_timeout,
        )
    except SubmissionFailed as failure:
        return failure


def _is_broken(outcome):
    """After these the session, or the whole mailbox, is of no use for the next mail."""
    if not isinstance(outcome, SubmissionFailed):
        return False
    return outcome.stage in ("connect", "tls", "login") or outcome.code is None or outcome.code == 421


def _close(pool, lane):
    if lane.session is not None:
        pool.submit(quit_quietly, lane.session)
        lane.session = None
