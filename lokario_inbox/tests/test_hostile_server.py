"""Mailboxes as servers really are: lines that are cut for one mail, sizes that lie, names of any bytes, odd logins."""

import asyncio
import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from lokario_testing.environments.imap_memory import UIDVALIDITY, Cut, MemoryMailbox, look
from odoo.addons.lokario_mailbox.exceptions import CertificateRefused, LoginRefused
from odoo.addons.lokario_mailbox.tools.imap_session import Credentials
from odoo.addons.lokario_mailbox.tools.imap_wire import decode_mailbox, quote, wire_path

from ..tools.fenced_reader import reader
from ..tools.sync_plan import Audited, Checked, Fetched, FlagsSeen, FolderState, Renumbered


def mails(count):
    return {uid: b"Subject: mail %d\r\n\r\nHello %d" % (uid, uid) for uid in range(1, count + 1)}


def folder(number, path, cursor=0):
    return FolderState(number, path, uidvalidity=str(UIDVALIDITY), cursor_uid=cursor)


def fetched(events, folder_id=1):
    found = [event for event in events if isinstance(event, Fetched) and event.folder_id == folder_id]
    return [item for event in found for item in event.items]


def cutting(*uids):
    """A server that ends the connection instead of delivering these mails."""

    def distort(command, lines):
        names = [re.match(rb"\* (\d+) FETCH", line) for line in lines]
        if b"BODY.PEEK[" in command and any(name and int(name[1]) in uids for name in names):
            raise Cut
        return lines

    return distort


def refusing(*uids):
    """A server that says NO to every command that asks for one of these mails."""

    def distort(command, lines):
        names = [re.match(rb"\* (\d+) FETCH \(UID", line) for line in lines]
        is_refused = b"BODY.PEEK[" in command and any(name and int(name[1]) in uids for name in names)
        return [b"NO [SERVERBUG] Internal error"] if is_refused else lines

    return distort


@tagged("post_install", "-at_install")
class TestHostileServer(BaseCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(reader.close)  # its child reads what comes by its parts

    def look(self, box, *folders, **options):
        return asyncio.run(look(box, folders or (folder(1, "INBOX"),), **options))

    @settings(max_examples=25, deadline=None)
    @given(st.sets(st.integers(1, 80), max_size=4), st.integers(0, 60))
    def test_a_mail_that_ends_the_connection_stops_no_other(self, hostile, cursor):
        box = MemoryMailbox({"INBOX": mails(80), "Sent": mails(3)}, distort=cutting(*hostile))
        events = self.look(box, folder(1, "INBOX", cursor), folder(2, "Sent"))
        items = fetched(events)
        self.assertEqual([item.uid for item in items], list(range(cursor + 1, 81)))
        self.assertEqual({item.uid for item in items if item.problem}, {uid for uid in hostile if uid > cursor})
        self.assertTrue(all("ends the connection" in item.problem for item in items if item.problem))
        self.assertEqual(len(fetched(events, 2)), 3)
        self.assertEqual((events[-1].error_class, events[-1].error), ("", ""))

    def test_a_folder_that_ends_the_connection_stops_no_other(self):
        """Exchange 2007 does at a blank at the end of a name."""
        for hostile in ({"TEST "}, {"TEST ", "Sent"}):

            def distort(command, lines, hostile=hostile):
                if any(command == b'EXAMINE "%s"' % path.encode() for path in hostile):
                    raise Cut
                return lines

            names = ("INBOX", "TEST ", "Archive", "Sent")
            box = MemoryMailbox({name: mails(3) for name in names}, distort=distort)
            events = self.look(box, *(folder(number, name) for number, name in enumerate(names)))
            for number, name in enumerate(names):
                self.assertEqual(len(fetched(events, number)), 0 if name in hostile else 3, name)
            self.assertEqual((events[-1].error_class, events[-1].error), ("", ""))
            self.assertEqual(
                [name for name in names if f"{name}:" in events[-1].warning], sorted(hostile, reverse=True)
            )

    def test_a_line_that_is_always_cut_is_tried_again_later(self):
        """A bad line blames no mail more often than it must: what is left is the next look's."""

        def distort(command, lines):
            if b"FETCH" in command:
                raise Cut
            return lines

        events = self.look(MemoryMailbox({"INBOX": mails(400)}, distort=distort))
        self.assertEqual(events[-1].error_class, "network")
        self.assertLess(len(fetched(events)), 20)

    def test_a_hundred_hostile_mails_among_thousands(self):
        """On a server that talks to people, invents keywords and lies about sizes: the good come, others are named."""
        hostile = set(range(20, 3000, 30))
        cut, refuse = cutting(*sorted(hostile)[::2]), refusing(*sorted(hostile)[1::2])
        talk = [b"* OK [ALERT] 1) Renew (soon", b"* 1 FETCH (FLAGS ([keyword devis] \\Seen))", b"* 7 FETCH UID 5)"]

        def distort(command, lines):
            return [*(talk if command[:5] != b"LOGIN" else ()), *refuse(command, cut(command, lines))]

        box = MemoryMailbox({"INBOX": mails(3000)}, distort=distort, sizes={uid: 10**12 for uid in range(5, 3000, 400)})
        cursor, items = 0, []
        with self.assertLogs("odoo.addons.lokario_mailbox", "WARNING"):  # what cannot be read is counted and logged
            for _look in range(12):
                events = asyncio.run(look(box, (folder(1, "INBOX", cursor),), fetch_limit=3000))
                items += fetched(events)
                cursor = max([cursor, *(item.uid for item in items)])
        self.assertEqual([item.uid for item in items], list(range(1, 3001)))
        self.assertEqual({item.uid for item in items if item.problem}, hostile)

    def test_sizes_lie_in_either_direction(self):
        """A mail that is larger than it says comes by its parts, one that is smaller whole."""
        stored = mails(5)
        stored[2] = b"Subject: huge\r\n\r\n" + b"Hello 2 " * 700_000
        box = MemoryMailbox({"INBOX": stored}, sizes={2: 10, 3: 10**13, 4: 0})
        events = self.look(box)
        items = {item.uid: item for item in fetched(events)}
        self.assertEqual(list(items), [1, 2, 3, 4, 5])
        self.assertEqual([item.problem for item in items.values()], [""] * 5)
        self.assertEqual((items[2].mail.subject, items[2].mail.body_text[:7]), ("huge", "Hello 2"))
        self.assertLess(max(item.size for item in items.values()), 2**31)
        self.assertEqual(events[-1].error_class, "")

    def test_a_folder_the_server_says_nothing_of_is_named(self):
        def distort(command, lines):
            return [b"NO [NOPERM] not yours"] if command.startswith(b'STATUS "Sent"') else lines

        box = MemoryMailbox({"INBOX": mails(2), "Sent": {}}, distort=distort)
        events = self.look(box, folder(1, "INBOX"), folder(2, "Sent"))
        self.assertEqual(len(fetched(events)), 2)
        self.assertIn("Sent", events[-1].warning)
        gone = self.look(MemoryMailbox({"INBOX": mails(2)}), folder(1, "INBOX"), folder(2, "Sent"))
        self.assertEqual((gone[-1].error_class, gone[-1].warning), ("", ""), "it is no longer listed")

    def test_a_first_look_waits_as_seldom_as_it_can(self):
        """For login, capabilities, list, states, opening, search, what there is, the mails and the goodbye, on one
        connection; what is empty is not opened."""
        extensions = ("ENABLE", "CONDSTORE", "QRESYNC", "ESEARCH")
        names = ("INBOX", "Sent", "Archive")
        for capabilities in ((), extensions):
            box = MemoryMailbox({"INBOX": mails(300), "Sent": {}, "Archive": {}}, capabilities=capabilities)
            listed = tuple(FolderState(number, path) for number, path in enumerate(names, 1))
            events = asyncio.run(look(box, listed=listed))
            self.assertEqual([item.uid for item in fetched(events)], list(range(300, 0, -1)))
            self.assertEqual({event.folder_id for event in events if isinstance(event, Checked)}, {1, 2, 3})
            self.assertEqual(events[-1].error, "")
            self.assertEqual((box.connections, box.round_trips), (1, 9))

    def test_an_empty_folder_hides_no_mail_that_comes_later(self):
        """Whatever STATUS said: a cursor above nothing stays at nothing."""
        box = MemoryMailbox(
            {"INBOX": mails(5)},
            distort=lambda _command, lines: [line.replace(b"MESSAGES 5", b"MESSAGES 0") for line in lines],
        )
        events = asyncio.run(look(box, (FolderState(1, "INBOX"),)))
        (cursor,) = {event.cursor_uid for event in events if isinstance(event, Fetched)}
        events = self.look(box, folder(1, "INBOX", cursor))
        self.assertEqual([item.uid for item in fetched(events)], [1, 2, 3, 4, 5])

    def test_words_in_odd_places_are_no_fault_of_ours(self):
        odd = [
            b'* "OK" (x)',
            b"* () EXISTS",
            b"* NIL EXISTS",
            b"* OK",
            b"* 1 FETCH (BODY[1] (list))",
            b"* STATUS NIL ()",
        ]
        for name in (b"EXAMINE", b"STATUS", b"UID SEARCH", b"UID FETCH"):
            box = MemoryMailbox(
                {"INBOX": mails(3)},
                distort=lambda command, lines, name=name: [*(odd if command.startswith(name) else ()), *lines],
            )
            events = self.look(box)
            self.assertEqual([item.uid for item in fetched(events)], [1, 2, 3], name)
            self.assertEqual((events[-1].error, events[-1].warning), ("", ""), name)

    def test_a_server_refuses_what_it_offers(self):
        """No ENABLE, or no QRESYNC after all: the folder is read without, and its changes with it."""
        known = FolderState(1, "INBOX", uidvalidity=str(UIDVALIDITY), cursor_uid=3, highestmodseq="5", message_count=3)
        for refused in (b"ENABLE", b"(QRESYNC"):
            box = MemoryMailbox(
                {"INBOX": mails(5)},
                distort=lambda command, lines, refused=refused: [b"BAD what?"] if refused in command else lines,
                capabilities=("ENABLE", "CONDSTORE", "QRESYNC"),
                flags=b"\\Seen",
            )
            events = self.look(box, known)
            self.assertEqual([item.uid for item in fetched(events)], [4, 5])
            self.assertEqual([event.flags.keys() for event in events if isinstance(event, FlagsSeen)], [{1, 2, 3}])
            self.assertEqual((events[-1].error, events[-1].warning), ("", ""))

    def test_flags_that_are_refused_keep_no_mail_away(self):
        """What the server tells of the others is taken (RFC 2180 4.1.2); the rest is asked for again."""

        def distort(command, lines):
            return [*lines[:1], b"NO some of them"] if b"CHANGEDSINCE" in command else lines

        known = FolderState(1, "INBOX", uidvalidity=str(UIDVALIDITY), cursor_uid=3, highestmodseq="5", message_count=3)
        box = MemoryMailbox({"INBOX": mails(5)}, distort=distort, capabilities=("CONDSTORE",))
        events = self.look(box, known)
        self.assertEqual([item.uid for item in fetched(events)], [4, 5])
        self.assertEqual([event.flags.keys() for event in events if isinstance(event, FlagsSeen)], [{1}])
        self.assertEqual([event.highestmodseq for event in events if isinstance(event, Checked)], ["5"])

    def test_a_renumbered_folder_with_a_mail_that_is_refused(self):
        """All others are recognised; that one is asked for by its number. So does an audit go on."""

        def distort(command, lines):
            kept = [line for line in lines[:-1] if not line.startswith(b"* 3 FETCH")]
            return [b"* 9 FETCH (UID 2 FLAGS ())", *kept, b"NO [SERVERBUG] what?"] if b"FETCH" in command else lines

        box = MemoryMailbox({"INBOX": mails(5)}, distort=distort)
        events = self.look(box, replace(folder(1, "INBOX"), uidvalidity="1"))
        (rows,) = [event.rows for event in events if isinstance(event, Renumbered)]
        self.assertEqual({row[0]: bool(row[2]) for row in rows}, {1: True, 2: True, 3: False, 4: True, 5: True})
        events = self.look(box, replace(folder(1, "INBOX"), audit=True), purpose="audit")
        (sizes,) = [event.sizes for event in events if isinstance(event, Audited)]
        self.assertEqual(
            {uid: bool(size) for uid, size in sizes.items()}, dict.fromkeys((1, 2, 4, 5), True) | {3: False}
        )

    @settings(max_examples=200, deadline=None)
    @given(st.binary(min_size=1, max_size=30).filter(lambda name: not re.search(rb"[\r\n\0]", name)))
    def test_folder_names_of_any_bytes(self, name):
        path = wire_path(name)
        path.encode()  # what a database can hold
        self.assertEqual(quote(path), b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"')
        self.assertNotRegex(decode_mailbox(name), "[\x00-\x1f\ud800-\udfff]")


@tagged("post_install", "-at_install")
class TestLogin(BaseCase):
    def commands(self, capabilities, secret, method="password"):
        """What the client wrote to log in; each literal or answer the server asks for is a line of its own."""

        async def log_in():
            box = MemoryMailbox({}, capabilities=capabilities)
            session = await box.connect()
            line = session._writer
            line._answer = lambda tag, command: ask(session, tag, command)
            await session.login(Credentials("anna", secret, method))

        written = []

        def ask(session, tag, command):
            written.append((tag, command))
            wants = command.endswith(b"}") or command in (b"AUTHENTICATE PLAIN", b"AUTHENTICATE XOAUTH2")
            session._reader.feed_data(b"+ go ahead\r\n" if wants else b"%s OK in\r\n" % written[0][0])

        asyncio.run(log_in())
        return written

    def test_the_way_that_the_server_allows(self):
        for capabilities, secret, expected in (
            ((), "pw", (b"L1", b'LOGIN "anna" "pw"')),
            (("AUTH=PLAIN", "SASL-IR"), "pw", (b"L1", b'LOGIN "anna" "pw"')),
            (("AUTH=PLAIN", "SASL-IR"), "pé", (b"L1", b"AUTHENTICATE PLAIN AGFubmEAcMOp")),
            (("AUTH=PLAIN", "SASL-IR", "LOGINDISABLED"), "pw", (b"L1", b"AUTHENTICATE PLAIN AGFubmEAcHc=")),
        ):
            self.assertEqual(self.commands(capabilities, secret), [expected])

    def test_what_the_server_asks_for_comes_when_it_asks(self):
        self.assertEqual(self.commands(("AUTH=PLAIN",), "pé")[0], (b"L1", b"AUTHENTICATE PLAIN"))
        self.assertEqual(self.commands((), "pé")[0], (b"L1", b"LOGIN {4}"))
        self.assertEqual(self.commands((), "oauth", "oauth")[0], (b"L1", b"AUTHENTICATE XOAUTH2"))

    def test_no_password_where_none_is_taken(self):
        with self.assertRaises(CertificateRefused):
            self.commands(("LOGINDISABLED",), "pw")
        with self.assertRaises(LoginRefused):
            self.commands(("AUTH=PLAIN",), "a\0b")
