"""Filing a mail: with the server's leave where it wants to be asked, in one go where it does not."""

import asyncio

from odoo.tests import BaseCase, tagged

from ..exceptions import ServerFault
from ..tools.imap_session import LITERAL_IMMEDIATE, ImapSession

MAIL = b"Subject: x\r\n\r\nBonjour\r\n"


class _Server:
    """Answers what is written to it, line by line; ``refusal`` is its answer to an APPEND."""

    def __init__(self, reader, refusal=b""):
        self._reader, self._refusal = reader, refusal
        self.lines, self._rest, self._literal = [], b"", 0
        self.filed, self.asked = b"", 0

    def write(self, data):
        self._rest += data
        while self._take():
            pass

    def _take(self):
        if self._literal:
            if len(self._rest) < self._literal:
                return False
            self.filed, self._rest, self._literal = self._rest[: self._literal], self._rest[self._literal :], 0
            return True
        line, found, rest = self._rest.partition(b"\r\n")
        if not found:
            return False
        self._rest = rest
        self._answer(line)
        return True

    def _answer(self, line):
        if line:
            self.lines.append(line)
            self._tag = line.split(b" ")[0]
        if self._refusal and line:
            self._reader.feed_data(self._tag + b" " + self._refusal + b"\r\n")
        elif line.endswith(b"+}"):
            self._literal = int(line[line.rindex(b"{") + 1 : -2])
        elif line.endswith(b"}"):
            self._literal, self.asked = int(line[line.rindex(b"{") + 1 : -1]), self.asked + 1
            self._reader.feed_data(b"+ go ahead\r\n")
        elif self.filed:
            self._reader.feed_data(self._tag + b" OK APPEND completed\r\n")

    async def drain(self):
        pass


@tagged("post_install", "-at_install")
class TestImapAppend(BaseCase):
    def _append(self, raw, capabilities=(), refusal=b""):
        async def run():
            reader = asyncio.StreamReader()
            server = _Server(reader, refusal)
            session = ImapSession(reader, server, None)
            session.capabilities = frozenset(capabilities)
            try:
                await session.append(b'"Sent"', b"\\Seen", raw)
            finally:
                self.continuations = list(session._continuations)
            return server

        return asyncio.run(run())

    def test_a_server_that_wants_to_be_asked_is_asked(self):
        server = self._append(MAIL)
        self.assertEqual((server.filed, server.asked), (MAIL, 1))
        self.assertEqual(server.lines, [b'L1 APPEND "Sent" (\\Seen) {%d}' % len(MAIL)])

    def test_a_server_with_literal_plus_gets_it_in_one_go(self):
        server = self._append(MAIL, {"LITERAL+"})
        self.assertEqual((server.filed, server.asked), (MAIL, 0))

    def test_a_large_mail_asks_where_only_small_ones_may_come_unasked(self):
        large = MAIL + b"x" * LITERAL_IMMEDIATE
        self.assertEqual(self._append(MAIL, {"LITERAL-"}).asked, 0)
        server = self._append(large, {"LITERAL-"})
        self.assertEqual((server.filed, server.asked), (large, 1))

    def test_a_full_mailbox_is_an_error_and_leaves_nothing_behind(self):
        """What would have been filed must not answer the next question of the server."""
        with self.assertRaises(ServerFault):
            self._append(MAIL, refusal=b"NO no room")
        self.assertEqual(self.continuations, [])
