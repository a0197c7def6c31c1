"""kill -9 during account deletions, mailboxes and accounting installed: resumed, never "done" while something is left.

The first points kill at each step, before its work, after its work and after its commit; the others at random instants.
At the end nothing that an account left behind is in a dump of the database, in a file or in a session.
"""

import os
import random
import re
import signal
import subprocess
import time
from itertools import product
from unittest.mock import patch

from lokario_cli.setup.postgres import ODOO_ROLE, binaries
from lokario_testing.environments.databases import data_folder

from .base_environment import full_environment

POINTS = 60
ACCOUNTS = 3  # per point
GROUP = "odoo.addons.lokario_account.models.account_deletion.GROUP"
LONGEST_LIFE = 1.5  # seconds before a worker is killed at a random instant
NIGHTS, PAUSE = 20, 0.25  # runs until everything must be done, seconds between them
STEPS = (
    "access", "inbox_mailboxes", "billing_quotes", "inbox_letters", "mailbox_outgoing", "files", "messages", "partner",
    "residues", "user",
)  # fmt: skip
HELD_FILE = b"%PDF for "  # an invoice's: the law keeps it
MOMENTS = ("before", "worked", "committed")


def run(points: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    planned = list(product(STEPS, MOMENTS))
    broken = []
    with full_environment("lokario_chaos_deletion") as environment, patch(GROUP, ACCOUNTS - 1):  # two groups a point
        for point in range(points):
            ids = environment.due_deletions(ACCOUNTS, f"p{point}-")
            with environment.env() as env:
                files = env["ir.attachment"].search([("name", "=", "canari.txt")]).mapped("store_fname")
            kill = planned[point] if point < len(planned) else rng.uniform(0, LONGEST_LIFE)
            if not _kill_worker(environment, kill) and isinstance(kill, tuple):
                broken.append(f"point {point} ({kill}): the worker was not killed, so nothing was tried")
            broken += _half_done(environment, ids, point, kill)
            _resume(environment, ids)
            broken += _left_over(environment, ids, files, point, kill)
        broken += recoverable(environment)
        broken += _broken_chain(environment)
    return broken


def _kill_worker(environment, kill) -> bool:
    """Let a forked worker delete and kill it; False when it had finished before."""

    def work():
        with _suicide(environment, *kill) if isinstance(kill, tuple) else patch.dict({}):
            environment.process()

    child = environment.fork(work)
    if not isinstance(kill, tuple):
        time.sleep(kill)
        os.kill(child, signal.SIGKILL)
    _pid, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _suicide(environment, step_name, moment):
    """Die at this moment of the step's first run, which is that of the first group."""
    plan = environment.registry["lokario.deletion.plan"]
    run_step = plan._run_step
    done = []

    def dying(self, step, deletions):
        if done or (step.name == step_name and moment == "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        outcomes = run_step(self, step, deletions)
        if step.name == step_name:
            if moment == "worked":
                os.kill(os.getpid(), signal.SIGKILL)
            done.append(step_name)
        return outcomes

    return patch.object(plan, "_run_step", dying)


def _resume(environment, ids):
    """Run the job again; a killed worker's database session may hold its row a little longer."""
    for _night in range(NIGHTS):
        environment.process()
        with environment.env() as env:
            deletions = env["lokario.account.deletion"].browse(ids)
            if set(deletions.mapped("state")) == {"done"}:
                return
        time.sleep(PAUSE)


def _half_done(environment, ids, point, kill) -> list[str]:
    with environment.env() as env:
        deletions = env["lokario.account.deletion"].browse(ids)
        return [
            f"point {point} ({kill}): {deletion.name} is done with a user or an unfinished step"
            for deletion in deletions.filtered(lambda deletion: deletion.state == "done")
            if deletion.user_id or len(deletion.checkpoint_ids.filtered("finished")) != len(STEPS)
        ]


def _left_over(environment, ids, files, point, kill) -> list[str]:
    where, broken = f"point {point} ({kill})", []
    with environment.env() as env:
        deletions = env["lokario.account.deletion"].browse(ids)
        for deletion in deletions:
            if deletion.state != "done" or deletion.error_message:
                broken.append(f"{where}: {deletion.name} is {deletion.state}: {deletion.error_message}")
            elif deletion.certificate_hash != deletion.checkpoint_ids._hash(deletion.certificate):
                broken.append(f"{where}: the certificate of {deletion.name} does not match its hash")
        env["ir.attachment"]._gc_file_store_unsafe()
        broken += [
            f"{where}: file {name} is left" for name in files if os.path.exists(env["ir.attachment"]._full_path(name))
        ]
        lookup = env["privacy.lookup.wizard"].create(
            {"name": f"p{point}-0canari", "email": f"p{point}-0canari@canari.example"}
        )
        lookup.action_lookup()
        broken += [f"{where}: {line.res_model} #{line.res_id} is left" for line in lookup.line_ids]
        lookup.unlink()
    return broken


def recoverable(environment) -> list[str]:
    """Where the name of a deleted account can still be read: tables, files of the database, sessions."""
    program = [
        str(binaries() / "pg_dump"),
        "-h",
        environment.environment.cluster.socket,
        "-U",
        ODOO_ROLE,
        "--data-only",
    ]
    dumped = subprocess.run([*program, environment.database], check=True, capture_output=True).stdout
    found, table = set(), ""
    for line in dumped.splitlines():
        if line.startswith(b"COPY "):
            table = line.split()[1].decode()
        elif name := re.search(rb"p\d+-\d+canari", line):
            found.add(f"{name[0].decode()} can be read in table {table}")
    for folder in (data_folder() / "filestore" / environment.database, data_folder() / "sessions"):
        for path in filter(os.path.isfile, folder.rglob("*")):
            content = path.read_bytes()
            if folder.name == "sessions" and environment.database.encode() not in content:
                continue  # another database's
            if (name := re.search(rb"p\d+-\d+canari", content)) and not content.startswith(HELD_FILE):
                found.add(f"{name[0].decode()} can be read in {path}")
    return sorted(found)


def _broken_chain(environment) -> list[str]:
    """Odoo's own check of the invoices' hashes."""
    with environment.env() as env:
        accountant = env.ref("base.user_admin")
        accountant.group_ids |= env.ref("account.group_account_user")
        results = env.company.with_user(accountant)._check_hash_integrity()["results"]
        verified = [result for result in results if result["status"] == "verified"]
        return [f"hash chain: {result}" for result in results if result["status"] == "corrupted"] + (
            [] if verified else ["hash chain: nothing verified"]
        )
