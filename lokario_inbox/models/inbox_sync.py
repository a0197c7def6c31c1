import logging
import time
from functools import partial

import psycopg2
from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.lokario_base.tools.transaction import LOST_RACES, own_transaction, retrying
from odoo.addons.lokario_mailbox.tools.mailbox_login import TokensRenewed

from ..tools.sync_plan import (
    Asked,
    Audited,
    Checked,
    Fetched,
    Finished,
    FlagsSeen,
    FoldersListed,
    Present,
    Pushed,
    Renumbered,
    StoredAsked,
    Vanished,
)
from ..tools.sync_runner import SyncRunner

_logger = logging.getLogger(__name__)

PASSES_MAX = 12  # of one account in one run
FLUSH_SECONDS = 5  # at most this long does a finished account wait for its health to be written


class InboxSync(models.AbstractModel):
    """The writing side of a synchronisation: one event, one transaction, in the cron's thread."""

    _name = "inbox.sync"
    _description = "Mailbox synchronisation"

    @api.model
    def _run(self, integrations, locks, token, purpose="sync", fetch_limit=500):
        """Synchronise what was claimed with ``token``; its ``locks`` are released one by one; commits as it goes.

        Returns {integration id: Finished}.
        """
        run = _Run(locks, token, purpose, fetch_limit)
        with self._get_runner__() as runner:
            for plan in integrations._plan_sync__(purpose, fetch_limit):
                run.passes[plan.id] = 1
                runner.submit(plan)
            self.env["ir.cron"]._commit_progress()  # nothing of ours stays open while the network is slow
            for event in runner.events():
                self._take(event, runner, run)
        self._flush_health(run)
        return run.outcomes

    def _get_runner__(self):
        return SyncRunner()

    def _take(self, event, runner, run):
        if isinstance(event, Finished):
            self._take_finished(event, runner, run)
        elif event.account_id not in run.lost:
            self._write(event, runner, run)

    def _take_finished(self, event, runner, run):
        lost = run.lost.pop(event.account_id, None)
        if lost:
            event = Finished(event.account_id, error_class="server", error=lost)
        again = event.again or event.account_id in run.again
        run.again.discard(event.account_id)
        may_go_on = run.seconds_left > 0 and run.passes[event.account_id] < PASSES_MAX
        if again and not event.error_class and may_go_on:
            run.passes[event.account_id] += 1
            integration = self.env["inbox.integration"].browse(event.account_id)
            for plan in integration._plan_sync__(run.purpose, run.fetch_limit):
                runner.submit(plan)
            self.env["ir.cron"]._commit_progress()
            return
        run.outcomes[event.account_id] = run.unwritten[event.account_id] = event
        if time.monotonic() - run.flushed_at > FLUSH_SECONDS:
            self._flush_health(run)
            if run.seconds_left <= 0:
                runner.stop()  # the cron's time is over; the next run goes on

    def _write(self, event, runner, run):
        """One event in one transaction, tried again when it lost a race."""
        try:
            retrying(partial(self._write_once, event, run))
        except LOST_RACES:
            self._lose(event, runner, run, "The database is too busy.")
        except _LeaseLost:
            self._lose(event, runner, run, "Another worker took this mailbox over.")
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            raise  # the database is gone: the next run takes up where the cursors are
        except Exception as err:  # one account never stops the others
            _logger.exception("Mailbox %s: a batch could not be stored", event.account_id)
            self._lose(event, runner, run, f"A batch could not be stored: {type(err).__name__}")

    def _write_once(self, event, run):
        try:
            integration = self.env["inbox.integration"].browse(event.account_id)
            if not integration._holds_lease(run.token):
                raise _LeaseLost
            result = self._handle(integration, event)
            self.env["ir.cron"]._commit_progress()
        except BaseException:
            self._forget_transaction()
            raise
        if isinstance(event, Asked):
            event.answer(result)
        elif result:
            run.again.add(event.account_id)

    def _forget_transaction(self):
        self.env.cr.rollback()
        self.env.invalidate_all()

    def _lose(self, event, runner, run, reason):
        run.lost[event.account_id] = reason
        runner.drop(event.account_id)

    def _handle(self, integration, event):
        """Write one event; returns the answer to an Asked, else whether the account needs another pass immediately."""
        handlers = {
            FoldersListed: integration._store_folders,
            TokensRenewed: integration._store_tokens,
            StoredAsked: lambda asked: set(self.env["inbox.store"]._ids_by_server_ref(integration, asked.sizes)),
            Pushed: lambda pushed: self.env["inbox.message"]._store_pushed(pushed.push),
        }
        if type(event) in handlers:
            return handlers[type(event)](event)
        folder = self.env["inbox.folder"].browse(event.folder_id).exists()
        if not folder:
            return False
        handlers = {
            Fetched: folder._store_fetched,
            FlagsSeen: folder._store_flags,
            Vanished: folder._store_vanished,
            Present: folder._store_present,
            Renumbered: folder._store_renumbered,
            Audited: folder._store_audited,
            Checked: folder._store_checked,
        }
        return handlers[type(event)](event)

    def _flush_health(self, run):
        """Write the health of the finished accounts in one UPDATE, and let others take them."""
        done = list(run.unwritten)
        if done:
            outcomes = list(run.unwritten.values())
            alerts = retrying(lambda: self._store_outcomes(outcomes, run.started_at, run.token))
            for account_id, error_class in alerts:
                self._alert(account_id, error_class)
            run.locks.release(done)
        run.unwritten = {}
        run.flushed_at = time.monotonic()
        run.seconds_left = self.env["ir.cron"]._commit_progress(len(done))
        self.env["inbox.ring"]._trigger_for(done)

    def _store_outcomes(self, outcomes, started_at, token):
        with own_transaction(self.env["inbox.integration"]) as integrations:
            return integrations._store_outcomes(outcomes, started_at, token)

    def _alert(self, account_id, error_class):
        def alert():
            with own_transaction(self.env["inbox.integration"].browse(account_id)) as integration:
                integration._alert(error_class)

        try:
            retrying(alert)
        except UserError as err:  # its owner may not even see it any more
            _logger.warning("Mailbox %s: its state could not be shown: %s", account_id, err)


class _LeaseLost(Exception):
    """Another worker has this account now."""


class _Run:
    """What one run remembers, all of it in the writer's thread."""

    def __init__(self, locks, token, purpose, fetch_limit):
        self.locks, self.token, self.purpose, self.fetch_limit = locks, token, purpose, fetch_limit
        self.started_at = fields.Datetime.now()
        self.flushed_at = time.monotonic()
        self.passes, self.lost, self.outcomes, self.unwritten = {}, {}, {}, {}
        self.again, self.seconds_left = set(), float("inf")
