from types import SimpleNamespace
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from ..tools import sync_runner
from ..tools.sync_plan import Checked, Fetched, Finished, RawItem
from .mime_corpus import ordinary

RUNNER = "odoo.addons.lokario_inbox.tools.sync_runner"


def fetched(account, uid, raw=None):
    item = RawItem(uid, flags="", internaldate=None, size=1, raw=ordinary(uid) if raw is None else raw)
    return Fetched(account, 1, "1", (item,), cursor_uid=uid)


def checked(account):
    return Checked(account, 1, "1", 1, "", 1, True)


@tagged("post_install", "-at_install")
class TestSyncRunner(BaseCase):
    """What the writer gets of several accounts whose mails are parsed while more are read."""

    def run_accounts(self, events):
        """{account: what the writer got} when each account emits its events and, unless one fails, a Finished."""

        async def emit_all(plan, emit):
            for event in events[plan.id]:
                await emit(event)
            await emit(Finished(plan.id))

        seen = {account: [] for account in events}
        with patch.object(sync_runner, "sync_account", emit_all), sync_runner.SyncRunner() as runner:
            for account in events:
                runner.submit(SimpleNamespace(id=account))
            for event in runner.events():
                seen[event.account_id].append(event)
        return seen

    def test_events_keep_their_order_and_mails_come_parsed(self):
        big = b"Subject: big\r\n\r\n" + b"x" * 300_000
        events = {
            account: [checked(account), *(fetched(account, n, big if n % 7 == 0 else None) for n in range(1, 40))]
            for account in (1, 2)
        }
        for account in events:
            events[account][20:20] = [checked(account)]
        for account, seen in self.run_accounts(events).items():
            self.assertEqual([type(event) for event in seen], [*map(type, events[account]), Finished])
            items = [item for event in seen if isinstance(event, Fetched) for item in event.items]
            self.assertEqual([item.uid for item in items], list(range(1, 40)))
            subjects = ["big" if n % 7 == 0 else f"ordinary {n}" for n in range(1, 40)]
            self.assertEqual([item.mail.subject for item in items], subjects)

    def test_nothing_follows_what_could_not_be_parsed(self):
        """A fault of ours: the account says so, its cursor stays below, the other account goes on."""
        impossible = [0] * 20_000  # no bytes
        events = {
            1: [*(fetched(1, n) for n in (1, 2)), fetched(1, 3, impossible), *(fetched(1, n) for n in range(4, 30))],
            2: [fetched(2, n) for n in range(1, 30)],
            3: [fetched(3, 1, impossible)],
        }
        with self.assertLogs(RUNNER, "ERROR") as logs:
            seen = self.run_accounts(events)
        self.assertEqual(len(logs.output), 2)
        self.assertEqual([event.cursor_uid for event in seen[1][:-1]], [1, 2])
        self.assertEqual([event.cursor_uid for event in seen[2][:-1]], list(range(1, 30)))
        self.assertEqual([seen[account][-1].error_class for account in (1, 2, 3)], ["server", "", "server"])
        self.assertEqual(len(seen[3]), 1)
