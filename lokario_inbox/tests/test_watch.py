"""Lines that are kept open to mailboxes: what a server says rings, and the ring brings the mail."""

import asyncio
import threading
from contextlib import contextmanager
from types import SimpleNamespace

from odoo.tests import BaseCase, tagged

from odoo.addons.lokario_mailbox.tests.mailbox_common import make_mail
from odoo.addons.lokario_mailbox.tools.imap_session import Reply
from odoo.addons.lokario_mailbox.tools.worker_locks import WATCH, WorkerLocks

from ..tools.mailbox_watch import Watchers, _look_first, is_news
from .mailbox_common import MailboxCase

DEADLINE = 120  # seconds


class ThreadDesk:
    """The desk of lines whose event loop runs in a thread: it knows plans, and keeps what rang."""

    def __init__(self, plans):
        self.plans, self.rung = {plan.id: plan for plan in plans}, []
        self._changed = threading.Condition()

    async def look(self, _held):
        return dict.fromkeys(self.plans, "way")

    async def plan(self, mailbox_id):
        return self.plans[mailbox_id]

    async def keep(self, event):
        raise AssertionError(event)  # these mailboxes have passwords

    async def ring(self, mailbox_ids):
        with self._changed:
            self.rung += mailbox_ids
            self._changed.notify_all()

    def wait_for(self, mailbox_id):
        """Wait until this mailbox rings, and forget what has rung."""
        with self._changed:
            assert self._changed.wait_for(lambda: mailbox_id in self.rung, DEADLINE), self.rung
            self.rung = []


@contextmanager
def watching(desk):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    task = asyncio.run_coroutine_threadsafe(Watchers(desk).run(), loop)
    try:
        yield
    finally:
        task.cancel()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@tagged("post_install", "-at_install")
class TestWatch(MailboxCase):
    def watched_box(self, name):
        """A mailbox that is as the server says, and its plan for a line."""
        box = self.box(f"{name}@mail.test")
        self.append(self.imap(box.email_address), [make_mail(1)])
        self.sync(box)
        self.assertEqual(box.state, "connected")
        return box

    def test_what_arrives_rings_and_the_ring_brings_it(self):
        boxes = self.watched_box("contact") | self.watched_box("ventes")
        desk = ThreadDesk(boxes._plan_sync__("watch"))
        with watching(desk):
            for number, box in enumerate(boxes, 2):
                self.append(self.imap(box.email_address), [make_mail(number)])
                desk.wait_for(box.id)
                self.env["inbox.ring"].create({"integration_id": box.id})
                self.run_cron("sync_rung")
                self.assertIn(f"Question {number}", self.subjects(box))
                self.assertFalse(self.env["inbox.ring"].search([]))

    def test_a_change_in_another_folder_rings_where_the_server_tells(self):
        box = self.watched_box("contact")
        desk = ThreadDesk(box._plan_sync__("watch"))
        with watching(desk):
            self.append(self.imap(box.email_address), [make_mail(2)])
            desk.wait_for(box.id)  # the line is open
            self.append(self.imap(box.email_address), [make_mail(3)], "Sent")
            desk.wait_for(box.id)

    def test_what_came_while_nobody_listened_rings_at_once(self):
        box = self.watched_box("contact")
        self.append(self.imap(box.email_address), [make_mail(2)])
        desk = ThreadDesk(box._plan_sync__("watch"))
        with watching(desk):
            desk.wait_for(box.id)

    def test_a_ring_during_a_look_is_answered_by_the_next_one(self):
        """Who has the mailbox at this moment may have looked just before the mail arrived."""
        box = self.watched_box("contact")
        store = type(self.env["inbox.sync"])._store_outcomes

        def ringing(sync, *arguments):
            sync.env["inbox.ring"].create({"integration_id": box.id})
            return store(sync, *arguments)

        self.patch(type(self.env["inbox.sync"]), "_store_outcomes", ringing)
        self.sync(box)
        cron = self.env.ref("lokario_inbox.ir_cron_sync_rung")
        self.assertTrue(self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]))

    def test_who_is_watched(self):
        """Connected mailboxes alone, as many as a process takes; none where the five minutes shall do."""
        first, second, failed = (self.watched_box(name) for name in ("a", "b", "c"))
        failed.state = "error"
        self.env.flush_all()
        rings = self.env["inbox.ring"]
        with self.enter_registry_test_mode(), WorkerLocks(self.env, WATCH) as locks:
            self.assertEqual(set(rings._watched(locks, frozenset(), 10)), {first.id, second.id})
            self.assertEqual(set(rings._watched(locks, frozenset({second.id, failed.id}), 1)), {second.id})
            self.env["ir.config_parameter"].set_param("lokario_inbox.poll_only", True)
            self.assertEqual(rings._watched(locks, frozenset({first.id, second.id}), 10), {})


@tagged("post_install", "-at_install")
class TestNews(BaseCase):
    def test_what_is_news(self):
        for row in (b"5 EXISTS", b"3 EXPUNGE", b"1 FETCH", b"STATUS Sent", b"VANISHED 3:5", b"4 exists"):
            self.assertTrue(is_news([b"*", *row.split()]), row)
        for row in (b"OK Still here", b"0 RECENT", b"CAPABILITY IDLE", b"BYE", b"FLAGS"):
            self.assertFalse(is_news([b"*", *row.split()]), row)

    def test_what_a_server_says_while_it_is_asked_to_notify_rings(self):
        inbox, sent = (SimpleNamespace(path=path, uidvalidity="7", uidnext=3, message_count=2) for path in ("A", "B"))

        class Server:
            """Has the folder as it is stored; a mail may arrive before NOTIFY is answered."""

            capabilities = {"NOTIFY"}
            meanwhile = []

            async def run(self, command):
                rows = [b"* 2 EXISTS".split(), [b"*", b"OK", b"[UIDVALIDITY 7]"], [b"*", b"OK", b"[UIDNEXT 3]"]]
                return Reply(b"OK", "", rows if command.startswith(b"EXAMINE") else self.meanwhile)

        server, plan = Server(), SimpleNamespace(folders=(inbox, sent))
        self.assertFalse(asyncio.run(_look_first(server, plan, inbox)))
        server.meanwhile = [b"* 3 EXISTS".split()]
        self.assertTrue(asyncio.run(_look_first(server, plan, inbox)))
