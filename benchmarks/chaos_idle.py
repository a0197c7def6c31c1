"""Hours of listening on a clock that jumps: lines cut, dead or ended, servers and the database away, logins refused.

A point is one hour of one mailbox. Promises: whatever arrives rings, at once where the line lives, else when it is
open again; nobody knocks in a storm; nobody is looked at for nothing all the time.
"""

import asyncio
import random
from functools import partial
from unittest.mock import patch

from .engine_environment import make_importable

POINTS = 10_000
MAILBOXES = 20
HOUR = 3600
AT_ONCE = 2  # seconds until what arrives on a living line has rung
LATEST = 4800  # seconds after the last fault until it has rung: the longest pause of a line
LOGINS_AN_HOUR = 6  # of one mailbox, on average
LOOK = 30  # seconds until rings that the database did not take are told again
CALM = 3 * HOUR  # at the end nothing breaks any more


def run(points, seed):
    make_importable()
    from lokario_testing.environments.imap_idle import JumpingLoop

    random.seed(seed)  # jitter
    loop = JumpingLoop()
    try:
        return loop.run_until_complete(_World(random.Random(seed), points * HOUR / MAILBOXES).play())
    finally:
        loop.close()


class _World:
    """Twenty mailboxes, and the desk of the watchers: a mailbox that rings is looked at and stored."""

    def __init__(self, dice, seconds):
        from lokario_testing.environments.imap_idle import IdleMailbox

        self.dice, self.seconds = dice, seconds
        self.boxes = {n: IdleMailbox(partial(self._line_opened, n)) for n in range(1, MAILBOXES + 1)}
        self.stored = dict.fromkeys(self.boxes, 0)
        self.waiting = {number: [] for number in self.boxes}  # (moment of arrival, whether the line lived then)
        self.troubled = dict.fromkeys(self.boxes, 0.0)  # when something last broke
        self.broken, self.rings, self.arrivals = [], 0, 0
        self.is_server_away = self.is_database_away = False
        self.database_back = 0.0  # since when it answers

    async def play(self):
        from odoo.addons.lokario_inbox.tools import mailbox_watch

        async def credentials_of(_plan, _keep):
            return Credentials("anna@mail.test", "secret")

        from odoo.addons.lokario_mailbox.tools.imap_session import Credentials

        with (
            patch.object(mailbox_watch, "connect", self._connect),
            patch.object(mailbox_watch, "credentials_of", credentials_of),
            patch.object(mailbox_watch, "_logger"),
            patch("odoo.addons.lokario_mailbox.tools.imap_session._logger"),
        ):
            tasks = [asyncio.create_task(mailbox_watch.Watchers(self).run())]
            tasks += [asyncio.create_task(self._life(number)) for number in self.boxes]
            tasks += [asyncio.create_task(self._outages())]
            await asyncio.sleep(self.seconds + CALM)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [*self.broken, *self._at_the_end()]

    def _at_the_end(self):
        hours = (self.seconds + CALM) / HOUR
        for number, box in self.boxes.items():
            if self.waiting[number]:
                yield f"mailbox {number}: {len(self.waiting[number])} mails rang for nobody"
            if box.logins > hours * LOGINS_AN_HOUR:
                yield f"mailbox {number}: {box.logins / hours:.0f} logins an hour"
        if self.rings > 3 * self.arrivals + 20 * hours * MAILBOXES:
            yield f"{self.rings} rings for {self.arrivals} mails"

    # === THE DESK === #

    async def look(self, _held):
        self._ask_database()
        return dict.fromkeys(self.boxes, "way")

    async def plan(self, number):
        from lokario_testing.environments.imap_idle import UIDVALIDITY
        from odoo.addons.lokario_inbox.tools.sync_plan import AccountPlan, FolderState

        self._ask_database()
        count = self.stored[number]
        inbox = FolderState(number, "INBOX", "inbox", str(UIDVALIDITY), count + 1, message_count=count)
        return AccountPlan(number, "imap.test", 993, "ssl", "anna@mail.test", folders=(inbox,))

    async def keep(self, _event):
        raise AssertionError("there are no tokens")

    async def ring(self, numbers):
        self._ask_database()
        now = asyncio.get_running_loop().time()
        for number in numbers:
            self.rings += 1
            self.stored[number] = self.boxes[number].count
            for came, was_heard in self.waiting[number]:
                is_heard = was_heard and came > self.database_back + AT_ONCE
                taken = now - (came if is_heard else max(came, self.troubled[number]))
                if taken > (AT_ONCE if is_heard else LATEST):
                    self.broken.append(f"mailbox {number}: {taken:.0f} s for a mail, heard: {is_heard}")
            self.waiting[number] = []

    def _line_opened(self, number):
        """What came while no line lived rings now."""
        if self.waiting[number] and not self.is_database_away:
            loop = asyncio.get_running_loop()
            loop.call_later(AT_ONCE, self._check_told, number, loop.time(), list(self.waiting[number]))

    def _check_told(self, number, since, mails):
        missed = [mail for mail in mails if mail in self.waiting[number]]
        if missed and since > self.database_back and not self.is_database_away:
            self.broken.append(f"mailbox {number}: {len(missed)} mails that came before its line rang for nothing")

    def _ask_database(self):
        if self.is_database_away:
            raise OSError("The database is away.")

    # === WHAT HAPPENS === #

    async def _connect(self, plan):
        from lokario_testing.environments.imap_idle import MemoryLine
        from odoo.addons.lokario_mailbox.exceptions import NetworkFailure
        from odoo.addons.lokario_mailbox.tools.imap_session import ImapSession

        if self.is_server_away:
            raise NetworkFailure("Connection refused")
        line = MemoryLine(self.boxes[plan.id])
        session = ImapSession(line.reader, line, None)
        await session._greet()
        return session

    async def _life(self, number):
        """Mails and faults of one mailbox."""
        loop, box = asyncio.get_running_loop(), self.boxes[number]
        while loop.time() < self.seconds:
            await asyncio.sleep(self.dice.expovariate(1 / 900))
            fate = self.dice.choice(("mail", "mail", "mail", "burst", "cut", "deaf", "ended", "bye", "refused"))
            if fate in ("mail", "burst"):
                for _mail in range(1 if fate == "mail" else 30):
                    self._deliver(number, loop.time())
            elif fate == "refused":
                box.refusal = self.dice.choice((b"NO [AUTHENTICATIONFAILED] no", b"NO [LIMIT] Too many connections"))
                box.cut()
                await asyncio.sleep(self.dice.uniform(10, 1800))
                box.refusal = b""
                self.troubled[number] = loop.time()
            else:
                self._strike(box, fate)
                self.troubled[number] = loop.time()
        box.refusal = b""

    def _deliver(self, number, now):
        box = self.boxes[number]
        was_heard = any(line.idle_tag and not line.is_deaf for line in box.lines)
        box.deliver()
        self.arrivals += 1
        self.waiting[number].append((now, was_heard))

    def _strike(self, box, fate):
        for line in list(box.lines):
            if fate == "cut":
                line.end()
            elif fate == "deaf":  # what lies between forgot the line: both sides talk to nobody
                line.is_deaf = True
            elif fate == "ended" and line.idle_tag:
                line.end_idle()
            elif fate == "bye":
                line.say(b"* BYE Autologout")
                line.end()

    async def _outages(self):
        loop = asyncio.get_running_loop()
        while loop.time() < self.seconds:
            await asyncio.sleep(self.dice.expovariate(1 / (6 * HOUR)))
            name = self.dice.choice(("is_server_away", "is_database_away"))
            setattr(self, name, True)
            if name == "is_server_away":
                for box in self.boxes.values():
                    box.cut()
            await asyncio.sleep(self.dice.uniform(5, 1200))
            setattr(self, name, False)
            self.troubled = dict.fromkeys(self.boxes, loop.time())
            self.database_back = loop.time() + LOOK if name == "is_database_away" else self.database_back
        self.is_server_away = self.is_database_away = False
