"""Kills the server at random moments of a provisioning, and watches that nothing unfinished is ever seen.

Promises: an instance ends active and working, or in error with nothing left of it; its client gets at most one
mail; no cron and no visitor ever meets a copy before it is published.
"""

import contextlib
import random
import threading
import time
import uuid

import psycopg2

from lokario_cli.console import say
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases, data_folder
from lokario_testing.environments.provisioning import CronProcess, ProvisioningEnvironment

POINTS = 20
WORKERS = "2"  # as in production; one of them runs the job, the other answers its verification
DARK_PROVISIONS = 30
KILL_WITHIN = 2.2  # seconds after the click: the whole length of a provisioning
SETTLE = 90  # seconds
PLANTED = """
CREATE TABLE chaos_mark (at timestamp DEFAULT now());
CREATE TABLE chaos_code AS SELECT id, code FROM ir_act_server WHERE usage = 'ir_cron';
UPDATE ir_act_server SET code = 'env.cr.execute("INSERT INTO chaos_mark DEFAULT VALUES")' WHERE usage = 'ir_cron';
UPDATE ir_cron SET nextcall = now() - interval '1 day', priority = 0;
"""
UNPLANTED = """
UPDATE ir_act_server a SET code = c.code FROM chaos_code c WHERE c.id = a.id;
DROP TABLE chaos_mark, chaos_code;
"""
# What Odoo's cron workers ask (odoo/service/db.py: list_dbs).
VISIBLE = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn AND starts_with(datname, %s)"


def run(points: int, seed: int) -> list[str]:
    with Cluster.for_tests() as cluster, ProvisioningEnvironment(Databases(cluster), workers=WORKERS) as manager:
        manager.build_template()
        manager.call("saas.server", "write", [manager.server_id], {"isolation": "shared"})
        broken = watch_in_the_dark(manager, DARK_PROVISIONS)
        say(f"  {DARK_PROVISIONS} provisions watched")
        manager.call("saas.server", "write", [manager.server_id], {"isolation": "process"})
        return broken + kill_at_random(manager, points, random.Random(seed))


# === KILL -9 === #


def kill_at_random(manager, points: int, dice: random.Random) -> list[str]:
    """Kill the server ``points`` times while it provisions, restart it, and look at what became of it."""
    broken = []
    for point in range(points):
        delay = dice.uniform(0, KILL_WITHIN)
        subdomain = f"k{point:03}{uuid.uuid4().hex[:6]}"
        manager.forget_mails()
        instance = manager.create_instance(subdomain)
        manager.call("saas.instance", "action_provision_instance", [instance])
        time.sleep(delay)
        manager.server.kill()
        manager.server.start()
        manager.log_in()
        broken += [f"killed after {delay:.2f} s: {problem}" for problem in settle(manager, instance, subdomain)]
    return broken


def settle(manager, instance: int, subdomain: str) -> list[str]:
    """What is wrong with an instance once everything has come to rest."""
    deadline = time.monotonic() + SETTLE
    while not at_rest(manager, instance) and time.monotonic() < deadline:
        # queue_job's runner looks for dead jobs (10 s old) each time something wakes it, else once a minute.
        manager.environment.cluster.psql("NOTIFY queue_job", manager.manager)
        time.sleep(0.2)
    state, problems = manager.read("saas.instance", instance, "state"), []
    database, host = manager.database(subdomain), f"{subdomain}.localhost"
    exists = database in manager.databases()
    folder = any((data_folder() / kept / database).exists() for kept in ("filestore", "instances"))
    status = manager.get(host)[0]
    mail_state = manager.read("saas.instance", instance, "mail_state")
    if state == "active" and not (exists and folder and status == 200):
        problems.append(f"active, but database {exists}, folder {folder}, HTTP {status}")
    if state == "error" and (exists or folder or status != 404):
        problems.append(f"error, but database {exists}, folder {folder}, HTTP {status}")
    mails = [to for _sender, to, _raw, _login in manager.mails.received if f"{subdomain}@client.test" in to]
    if len(mails) > 1:
        problems.append(f"{len(mails)} mails")
    if state == "active" and not mails and mail_state != "unknown":
        problems.append(f"active without a mail (mail {mail_state})")
    return problems


def at_rest(manager, instance: int) -> bool:
    query = (
        f"SELECT count(*) FROM queue_job WHERE state NOT IN ('done', 'failed', 'cancelled')"
        f" AND (records::text LIKE '%[{instance}]%' OR method_name = '_job_send')"
    )
    return manager.environment.cluster.psql(query, manager.manager) == "0"


# === NOTHING UNFINISHED IS SEEN === #


def watch_in_the_dark(manager, provisions: int) -> list[str]:
    """Provision while Odoo's own cron thread looks for jobs all the time and visitors ask for the new address.

    Every job of the template is due and leaves a mark: a mark in an instance is a run in a copy nobody had published.
    """
    template = manager.read("saas.template", manager.template_id, "template_db")
    broken: list[str] = []
    made = []
    with marking_jobs(manager, template) as secret, CronProcess(manager):
        watcher = CronWatcher(manager, secret, broken)
        with watcher:
            for number in range(provisions):
                subdomain = f"d{number:02}{uuid.uuid4().hex[:6]}"
                with Visitor(manager, subdomain, broken):
                    instance = manager.provision(subdomain)
                state, problem = manager.read("saas.instance", instance, "state", "error_message")
                if state == "active":
                    made.append(manager.database(subdomain))
                else:
                    broken.append(f"{subdomain}: {problem}")
        broken += [f"{name}: the cron thread ran {count} jobs" for name in made if (count := marks(manager, name))]
        if not runs_what_is_due(manager, made[-1]):
            broken.append("the cron thread runs nothing at all, so it proves nothing")
    if watcher.looks < provisions:
        broken.append(f"the watcher only looked {watcher.looks} times")
    return broken


@contextlib.contextmanager
def marking_jobs(manager, template):
    """Let all jobs of the template be due and do nothing but leave a mark; yields its ``database.secret``."""
    with _unsealed(manager, template) as sql:
        sql(PLANTED)
        secret = sql("SELECT value FROM ir_config_parameter WHERE key = 'database.secret'")
    try:
        yield secret
    finally:
        with _unsealed(manager, template) as sql:
            sql(UNPLANTED)


@contextlib.contextmanager
def _unsealed(manager, template):
    psql = manager.environment.cluster.psql
    psql(f'ALTER DATABASE "{template}" ALLOW_CONNECTIONS true')
    try:
        yield lambda statement: psql(statement, template, role="odoo")
    finally:
        psql(f'ALTER DATABASE "{template}" ALLOW_CONNECTIONS false')


def marks(manager, database: str) -> int:
    """How many jobs have run in an instance."""
    return int(manager.environment.cluster.psql("SELECT count(*) FROM chaos_mark", database))


def make_due(manager, database: str) -> None:
    """Let the jobs of an instance be due."""
    manager.environment.cluster.psql("UPDATE ir_cron SET nextcall = now() - interval '1 day' WHERE active", database)


def runs_what_is_due(manager, database: str) -> bool:
    """Whether the cron thread runs the jobs of an instance: the proof that it would run what it sees."""
    before, deadline = marks(manager, database), time.monotonic() + SETTLE
    make_due(manager, database)
    while marks(manager, database) == before:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


class Watcher(threading.Thread):
    """Looks again and again until the block ends."""

    def __init__(self, manager, broken):
        super().__init__(daemon=True)
        self.manager, self.broken, self.looks = manager, broken, 0
        self._stop_looking = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exc):
        self._stop_looking.set()
        self.join(30)

    def run(self):
        while not self._stop_looking.is_set():
            self.look()
            self.looks += 1
            time.sleep(0.005)


class CronWatcher(Watcher):
    """Every 5 ms enters each database that a cron worker would see, and looks for jobs it would run."""

    def __init__(self, manager, template_secret, broken):
        super().__init__(manager, broken)
        self.template_secret = template_secret
        self.catalog = manager.connect("postgres")
        self.seen = dict.fromkeys(self._visible(), 3)  # instances of earlier tests have jobs of their own by now

    def _visible(self):
        with self.catalog.cursor() as cursor:
            cursor.execute(VISIBLE, [self.manager.prefix])
            return [name for (name,) in cursor.fetchall()]

    def look(self):
        for name in self._visible():
            if self.seen.get(name, 0) < 3:  # the first moments are the dangerous ones
                self.seen[name] = self.seen.get(name, 0) + 1
                self._enter(name)

    def _enter(self, name):
        try:
            connection = self.manager.connect(name)
        except psycopg2.OperationalError:
            return  # dropped or hidden meanwhile
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT value FROM ir_config_parameter WHERE key = 'database.secret'")
            if cursor.fetchone()[0] == self.template_secret:
                self.broken.append(f"{name}: visible with the template's secret")
            cursor.execute(
                "SELECT count(*) FROM ir_cron WHERE active AND nextcall <= now() AT TIME ZONE 'utc'"
                " AND write_date < now() AT TIME ZONE 'utc' - interval '1 minute'"
            )
            due = cursor.fetchone()[0]
            if due:
                self.broken.append(f"{name}: a cron worker would run {due} jobs of the template")


class Visitor(Watcher):
    """Asks for the address of an instance all the time while it is being made."""

    def __init__(self, manager, subdomain, broken):
        super().__init__(manager, broken)
        self.host, self.database = f"{subdomain}.localhost", manager.database(subdomain)

    def look(self):
        status, _page = self.manager.get(self.host)
        if status != 404 and self._is_hidden():
            self.broken.append(f"{self.host}: HTTP {status} from a copy that is not published")

    def _is_hidden(self):
        query = f"SELECT datistemplate FROM pg_database WHERE datname = '{self.database}'"
        return self.manager.environment.cluster.psql(query) != "f"
