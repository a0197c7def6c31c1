"""Lines that are kept open to many mailboxes, to hear when something is new there (IDLE, RFC 2177; NOTIFY, RFC 5465).

No mail is read here: what a line hears rings for the mailbox, and the synchronisation looks. What no line hears is
found by the five-minute job.

A ``desk`` is the database's side, as coroutines: ``look(held)`` gives {mailbox id: its way} of those that this watcher
has now, ``plan(id)`` an AccountPlan or None, ``ring(ids)``, ``keep(event)`` for renewed tokens.
"""

import asyncio
import contextlib
import logging
import random

import psycopg2

from odoo.addons.lokario_mailbox.exceptions import MailboxError, NetworkFailure, ServerFault
from odoo.addons.lokario_mailbox.tools.imap_account import connect, credentials_of
from odoo.addons.lokario_mailbox.tools.imap_wire import number, quote

_logger = logging.getLogger(__name__)

LOOK_EVERY = 15  # seconds until the desk is asked again which mailboxes there are
RING_PAUSE = 0.5  # seconds: what is heard meanwhile rings together
IDLE_SECONDS = (480, 570)  # before a server ends an IDLE after ten minutes, or the way there forgets the line
STABLE = 60  # seconds after which a line was a good one
PAUSE, PAUSE_MAX = 5, 3600  # seconds until a line that ended is opened again; doubled each time
REFUSED_PAUSE = 900  # where the mailbox has to be mended, or the provider throttles
DOORWAY = 50  # lines that are opened together
MENDED_BY_PEOPLE = ("login", "tls", "policy", "configuration")
EVENTS = b"(MessageNew MessageExpunge FlagChange)"
_NEWS = (b"EXISTS", b"EXPUNGE", b"FETCH")


class Watchers:
    """The lines of one database: ``await Watchers(desk).run()`` ends only when it is cancelled."""

    def __init__(self, desk):
        self.desk = desk
        self.doorway = asyncio.Semaphore(DOORWAY)
        self._lines = {}  # mailbox id: (its way, its task)
        self._rung, self._bell = set(), asyncio.Event()

    async def run(self):
        ringing = asyncio.create_task(self._deliver())
        try:
            while True:
                with _logged("which mailboxes there are"):
                    self._follow(await self.desk.look(frozenset(self._lines)))
                await asyncio.sleep(LOOK_EVERY)
        finally:
            ringing.cancel()
            self._follow({})

    def _follow(self, wanted):
        for mailbox_id, (way, task) in list(self._lines.items()):
            if wanted.get(mailbox_id) != way:
                task.cancel()
                del self._lines[mailbox_id]
        for mailbox_id in wanted.keys() - self._lines.keys():
            task = asyncio.create_task(_Line(self, mailbox_id).hold())
            self._lines[mailbox_id] = (wanted[mailbox_id], task)

    def ring(self, mailbox_id):
        """Have the synchronisation look at this mailbox."""
        self._rung.add(mailbox_id)
        self._bell.set()

    async def _deliver(self):
        while True:
            await self._bell.wait()
            self._bell.clear()
            rung, self._rung = self._rung, set()
            with _logged("what rang"):
                await self.desk.ring(rung)
                rung = ()
            await asyncio.sleep(LOOK_EVERY if rung else RING_PAUSE)
            for mailbox_id in rung:
                self.ring(mailbox_id)


@contextlib.contextmanager
def _logged(what):
    """The database may be away: the lines stay, and it is asked again."""
    try:
        yield
    except (psycopg2.Error, OSError) as err:
        _logger.warning("The database could not be told or asked %s: %s", what, str(err).strip())
    except Exception:  # a fault of ours ends no line
        _logger.exception("The database could not be told or asked %s", what)


class _Line:
    """One mailbox's line, opened again each time it ends."""

    def __init__(self, watchers, mailbox_id):
        self._watchers, self._mailbox_id = watchers, mailbox_id
        self._failures = 0

    async def hold(self):
        while True:
            pause = await self._hold_once()
            await asyncio.sleep(min(pause * 2 ** min(self._failures - 1, 10), PAUSE_MAX) * random.uniform(0.7, 1.3))  # noqa: S311

    async def _hold_once(self):
        """One line from its opening to its end; returns the seconds until the next one, before they are doubled."""
        begun = asyncio.get_running_loop().time()
        try:
            await self._open_and_listen()
        except _NoIdle:
            self._failures = 1
            return PAUSE_MAX
        except (MailboxError, OSError, psycopg2.Error) as err:  # a TimeoutError, too; the database may be away
            error_class = getattr(err, "error_class", "network")
            _logger.info("Mailbox %s: its line ended (%s): %s", self._mailbox_id, error_class, err)
        except Exception:  # a fault of ours ends no other line
            _logger.exception("Mailbox %s: unexpected fault of its line", self._mailbox_id)
            error_class = "server"
        was_stable = asyncio.get_running_loop().time() - begun > STABLE
        self._failures = 1 if was_stable else self._failures + 1
        if error_class in MENDED_BY_PEOPLE:  # the synchronisation says so where people read it
            self._watchers.ring(self._mailbox_id)
        return REFUSED_PAUSE if error_class in (*MENDED_BY_PEOPLE, "quota") else PAUSE

    async def _open_and_listen(self):
        async with self._watchers.doorway:
            plan = await self._watchers.desk.plan(self._mailbox_id)
            folder = plan and _watched_folder(plan.folders)
            if not folder:
                raise _NoIdle
            session = await self._open(plan)
        async with session:
            session.be_silent()
            if await _look_first(session, plan, folder):
                self._ring()
            del plan
            await self._listen(session)

    async def _open(self, plan):
        credentials = await credentials_of(plan, self._watchers.desk.keep)
        async with asyncio.timeout(plan.check_timeout):
            session = await connect(plan)
            try:
                await session.login(credentials)
                if "IDLE" not in await session.ask_capabilities():
                    raise _NoIdle
            except BaseException:
                session.abort()
                raise
        return session

    async def _listen(self, session):
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            await session.idle(random.uniform(*IDLE_SECONDS), self._hear)  # noqa: S311
            if clock() - begun < STABLE:
                raise NetworkFailure("The server ends IDLE at once.")

    def _hear(self, row):
        if is_news(row):
            self._ring()

    def _ring(self):
        self._watchers.ring(self._mailbox_id)


class _NoIdle(Exception):
    """There is nothing to listen to."""


def is_news(row):
    """Whether an untagged response says that a folder is not as it was."""
    kinds = [item.upper() if isinstance(item, bytes) else b"" for item in row[1:3]]
    return kinds[:1] in ([b"STATUS"], [b"VANISHED"]) or kinds[1:] in [[kind] for kind in _NEWS]


def _watched_folder(folders):
    """The inbox; where it is not synchronised, as with Gmail's "All Mail", the first that is."""
    inbox = (folder for folder in folders if folder.special_use == "inbox")
    return next(inbox, folders[0] if folders else None)


async def _look_first(session, plan, folder):
    """Open the folder, and ask for news of the others where the server can; returns whether it is not as stored."""
    reply = await session.run(b"EXAMINE " + quote(folder.path))
    count = max((number(row[1]) for row in reply.data if row[2:] == [b"EXISTS"]), default=0)
    found = (str(reply.code(b"UIDVALIDITY")), reply.code(b"UIDNEXT"), count)
    heard = []  # while NOTIFY was asked for, and not again when listening begins
    others = [quote(other.path) for other in plan.folders if other != folder]
    if "NOTIFY" in session.capabilities and others:
        names = b" ".join(others)
        command = b"NOTIFY SET (SELECTED %s) (MAILBOXES (%s) %s)" % (EVENTS, names, EVENTS)
        try:
            heard = (await session.run(command)).data
        except ServerFault as err:  # the inbox is heard without it
            if err.ends_connection:
                raise
    is_as_stored = found == (folder.uidvalidity, folder.uidnext, folder.message_count)
    return not is_as_stored or any(map(is_news, heard))
