"""Workers killed, sockets cut, the database restarted in the middle of synchronisations: nothing lost, nothing doubled.

One point: a mailbox of two folders is synchronised by a forked worker (registry loaded); a fault strikes at a random
moment; then the ledger is compared with the mailbox, a healthy worker goes on, and it is compared again.
"""

import imaplib
import logging
import os
import random
import signal
import time

from lokario_cli.paths import memory_folder
from lokario_cli.setup.postgres import Cluster

from .inbox_environment import PASSWORD, SlowLine, inbox_environment, make_mails

POINTS = 100
FAULTS = ("kill", "kill", "kill", "cut", "cut", "database")
MAILS = 90
SENT = 20
LONGEST = 0.6  # seconds a synchronisation of one point takes


def run(points, seed, cluster=None):
    """``cluster``: a server that others use, too: it is not restarted, our connections are ended instead."""
    dice = random.Random(seed)
    broken = []
    logging.getLogger("odoo").setLevel(logging.CRITICAL)  # the faults are ours, their traces say nothing
    restart = _restart if cluster is None else _end_connections
    cluster = cluster or Cluster("chaos", memory_folder() / "pg-chaos")
    with cluster, inbox_environment(name="lokario_chaos_inbox", cluster=_Open(cluster)) as environment:
        with SlowLine(environment.mail.imap_port, 0.004) as line:
            environment.allow(environment.mail.imap_port, line.port)
            # A database that was just cloned takes its sequences back when the server crashes before a checkpoint.
            cluster.psql("CHECKPOINT")
            for point in range(points):
                fault = dice.choice(FAULTS)
                found = _Point(environment, restart, line, point, random.Random(f"{seed}:{point}")).run(fault)
                broken += [f"point {point} ({fault}): {promise}" for promise in found]
    return broken


def _restart(environment):
    environment.environment.cluster.restart_immediately()


def _end_connections(environment):
    environment.environment.cluster.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = '{environment.database}' AND pid != pg_backend_pid()"
    )


class _Open:
    """A cluster that is already open: the environment inside neither starts nor stops it."""

    def __init__(self, cluster):
        self.cluster = cluster

    def __enter__(self):
        return self.cluster

    def __exit__(self, *_exc):
        return None


class _Point:
    def __init__(self, environment, restart, line, number, dice):
        self.environment, self.restart, self.line, self.dice = environment, restart, line, dice
        self.address = f"chaos{number}@mail.test"

    def run(self, fault):
        mails = make_mails(MAILS + SENT, seed=self.dice.random())
        self.environment.fill(self.address, mails[:MAILS])
        self.environment.fill(self.address, mails[MAILS:], folder="Sent")
        with self.environment.env() as env:
            self.box_id = self.environment.add_box(env, self.address, port=self.line.port).id
        pid = self._fork_worker()
        time.sleep(self.dice.uniform(0.01, LONGEST))
        self._strike(fault, pid)
        found = [f"after the fault: {text}" for text in self._compare(complete=False)]
        self.environment.fill(self.address, make_mails(5, seed=self.dice.random()))
        os.waitpid(self._fork_worker(fresh=True), 0)
        found += [f"after recovery: {text}" for text in self._compare(complete=True)]
        with self.environment.env() as env:
            env["inbox.integration"].browse(self.box_id).active = False
        return found

    def _strike(self, fault, pid):
        if fault == "kill":
            os.kill(pid, signal.SIGKILL)
        elif fault == "cut":
            self.line.cut()
        else:
            self.restart(self.environment)
        os.waitpid(pid, 0)

    def _fork_worker(self, fresh=False):
        return self.environment.fork(self._work, fresh, quiet=True)

    def _work(self, fresh):
        """``fresh``: due at once, whatever the last look said."""
        from odoo.addons.lokario_inbox.models import inbox_integration
        from odoo.addons.lokario_inbox.tools import fetch_batches

        fetch_batches.GROUP_COUNT = 8  # many small transactions: many places to be hit
        inbox_integration.TICK_LIMIT, inbox_integration.BACKFILL_LIMIT = 30, 25
        with self.environment.env() as env:
            box = env["inbox.integration"].browse(self.box_id)
            if fresh:
                box.write({"next_sync_at": False})
                env.cr.commit()
            env["inbox.integration"]._cron_sync_all()
            box.invalidate_recordset()
            for _round in range(20):
                if not box.backfill_pending:
                    break
                env["inbox.integration"]._cron_backfill()
                box.invalidate_recordset()

    # === THE PROMISES === #

    def _compare(self, complete):
        with self.environment.env() as env:
            env.cr.execute(
                "SELECT id, path, uidvalidity, COALESCE(cursor_uid, 0), COALESCE(backfill_uid, 0) FROM inbox_folder"
                " WHERE integration_id = %s AND sync_enabled",
                [self.box_id],
            )
            folders = env.cr.fetchall()
            found = ["no folder"] if complete and not folders else []
            for folder_id, path, uidvalidity, cursor, backfill in folders:
                env.cr.execute(
                    "SELECT uid FROM inbox_message_location "
                    "WHERE folder_id = %s AND uidvalidity = %s AND expunged_at IS NULL",
                    [folder_id, uidvalidity],
                )
                stored = {row[0] for row in env.cr.fetchall()}
                server = self._server_uids(path)
                ahead = {uid for uid in server if backfill <= uid <= cursor} - stored
                found += [f"{path}: cursor ahead of {len(ahead)} mails"] if ahead else []
                found += [f"{path}: {len(server ^ stored)} mails differ"] if complete and server != stored else []
            env.cr.execute(
                "SELECT count(*) - count(DISTINCT message_id_header), count(*) FROM inbox_message"
                " WHERE integration_id = %s",
                [self.box_id],
            )
            doubled, count = env.cr.fetchone()
            found += [f"{doubled} messages doubled"] if doubled else []
            expected = MAILS + SENT + 5
            found += [f"{count} messages instead of {expected}"] if complete and count != expected else []
        return found

    def _server_uids(self, path):
        client = imaplib.IMAP4("127.0.0.1", self.environment.mail.imap_port)
        client.login(self.address, PASSWORD)
        client.select(path, readonly=True)
        uids = {int(uid) for uid in client.uid("SEARCH", "ALL")[1][0].split()}
        client.logout()
        return uids
