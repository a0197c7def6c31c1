"""Mails and IMAP dialogues changed at random: none is lost, none blocks, none raises, none takes long.

A point is one mail changed in a dozen places; every DIALOGUE_EVERY points one look at a mailbox whose server talks to
people, refuses, cuts the line, lies about sizes (then every mail comes, or is named with its reason), or says what is
no IMAP at all (then the look ends with a reason).
"""

import asyncio
import random
import re
import time
from unittest.mock import patch

from .engine_environment import make_importable

POINTS = 100_000
DIALOGUE_EVERY = 50
PER_MEGABYTE = 1.0  # seconds
FLOOR = 0.5  # seconds that a mail of any size may take on a busy machine
SILENCE = 0.1  # seconds after which a server that says nothing is given up here
LOOK = 5.0  # seconds of processor time for one look at a mailbox
MAILS = 30
TALK = (
    *(b"* OK [ALERT] 1) Please renew (soon", b'* NO Half a "quotation', b"* OK [PERMANENTFLAGS ([css3-page] d])] x"),
    *(b"* 1 FETCH (FLAGS ([keyword devis] \\Seen))", b"* 77 FETCH UID 5)", b"* VANISHED nonsense )", b"* 3 EXPUNGE"),
    *(b"* LIST () NIL", b"* SEARCH x", b"* STATUS (", b"* XSOMETHING {", b"* 9999999999999999999999 EXISTS x"),
)
NOISE = (
    *(
        b"NIL",
        b"(",
        b")",
        b'"',
        b"\\",
        b"{3}",
        b"{99999999}",
        b"\0",
        b"\xff",
        b"&AAA-",
        b"[",
        b"]",
        b"4294967296",
        b"+",
    ),
    *(b"99999999999999999999", b"-1", b"*", b"BODY[]", b" ", b"\r\n", b"UID", b"FLAGS", b"BYE"),
)
CAPABILITIES = ((), ("CONDSTORE",), ("CONDSTORE", "QRESYNC"), ("ESEARCH",), ("X-GM-EXT-1",), ("SPECIAL-USE",))


def run(points, seed):
    make_importable()
    return [*_mails(points, seed), *_dialogues(max(points // DIALOGUE_EVERY, 4), seed)]


# === MAILS === #


def _mails(points, seed):
    from odoo.addons.lokario_inbox.tests.mime_corpus import mutations

    for number, raw in mutations(points, seed):
        if broken := _read(raw):
            yield f"mail {number}: {broken}"


def _read(raw):
    from odoo.addons.lokario_inbox.exceptions import UnreadableMail
    from odoo.addons.lokario_inbox.tools.mime_message import parse_mail
    from odoo.addons.lokario_inbox.tools.quoted_html import fold_html
    from odoo.addons.lokario_inbox.tools.quoted_text import fold_text

    begin = time.process_time()
    try:
        mail = parse_mail(raw)
        fold_text(mail.body_text), fold_html(mail.body_html)
        for text in (mail.subject, mail.email_from, mail.body_text, mail.body_html, mail.headers):
            text.encode()
            if "\0" in text:
                return "a text that no database takes"
    except UnreadableMail:
        pass
    except Exception as err:  # noqa: BLE001  that none is raised is the promise
        return f"{type(err).__name__}: {err}"
    taken = time.process_time() - begin
    return f"{taken:.1f} s" if taken > FLOOR + PER_MEGABYTE * len(raw) / 2**20 else ""


# === DIALOGUES === #


def _dialogues(count, seed):
    for number in range(count):
        dice = random.Random(f"{seed}:{number}")
        look = _odd_server if number % 2 else _broken_server
        if broken := look(dice):
            yield f"dialogue {number}: {broken}"


def _odd_server(dice):
    """What servers are known to do: every mail comes, or is named."""
    hostile = set(dice.sample(range(1, MAILS + 1), 3))
    what = dice.choice(("cut", "no", "talk"))

    def distort(command, lines):
        from lokario_testing.environments.imap_memory import Cut

        if b"BODY.PEEK[" in command and what != "talk" and _names(lines, hostile):
            if what == "cut":
                raise Cut
            return [b"NO [SERVERBUG] Internal error"]
        talk = [dice.choice(TALK) for _line in range(dice.randrange(3))] if command[:5] != b"LOGIN" else []
        return [*talk, *lines]

    sizes = {uid: dice.choice((0, 5, 2_000_000, 10**12)) for uid in dice.sample(range(1, MAILS + 1), 5)}
    end, items, _seconds = _look(dice, distort, sizes)
    got = {item.uid for item in items if not item.problem or item.uid in hostile}
    lost = set(range(1, MAILS + 1)) - got
    return f"{what}: {sorted(lost)} lost, {end}" if lost or end.error_class else ""


def _names(lines, uids):
    found = (re.match(rb"\* (\d+) FETCH", line) for line in lines)
    return any(int(match[1]) in uids for match in found if match)


def _broken_server(dice):
    """What is no IMAP: the look ends, with a reason."""
    rate = dice.choice((0.01, 0.05, 0.3))

    def distort(command, lines):
        from lokario_testing.environments.imap_memory import Cut

        if dice.random() < rate / 10:
            raise Cut
        *data, last = [_changed(dice, line) if dice.random() < rate else line for line in lines]
        return [*data, dice.choice((b"NO no", b"BAD bad", b"")) if dice.random() < rate / 5 else last]

    end, _items, seconds = _look(dice, distort)
    unexpected = "Unexpected" in end.error
    return f"{end.error} after {seconds:.1f} s" if unexpected or seconds > LOOK else ""


def _changed(dice, line):
    for _change in range(dice.randint(1, 3)):
        start = dice.randrange(len(line) + 1)
        line = line[:start] + dice.choice((b"", *NOISE)) + line[start + dice.randrange(5) :]
    return line


def _look(dice, distort, sizes=()):
    """(how the look ended, what was fetched, seconds of processor time)."""
    from lokario_testing.environments.imap_memory import UIDVALIDITY, MemoryMailbox, look
    from odoo.addons.lokario_inbox.tools import fetch_batches
    from odoo.addons.lokario_inbox.tools.sync_plan import Fetched, FolderState
    from odoo.addons.lokario_mailbox.tools import imap_session

    mails = {uid: b"Subject: mail %d\r\n\r\nHello %d" % (uid, uid) for uid in range(1, MAILS + 1)}
    box = MemoryMailbox({"INBOX": mails}, distort=distort, sizes=sizes, capabilities=dice.choice(CAPABILITIES))
    folder = FolderState(1, "INBOX", uidvalidity=str(UIDVALIDITY), cursor_uid=0)
    begin = time.process_time()
    quick = (
        patch.object(imap_session, "COMMAND_TIMEOUT", SILENCE),
        patch.object(fetch_batches, "CAREFUL_TIMEOUT", SILENCE),
    )
    with quick[0], quick[1]:
        events = asyncio.run(look(box, [folder]))
    items = [item for event in events if isinstance(event, Fetched) for item in event.items]
    return events[-1], items, time.process_time() - begin
