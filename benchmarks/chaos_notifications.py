"""Suspensions and reactivations while workers are killed (kill -9), PostgreSQL restarts and the receiver of webhooks is
down: every client gets each message exactly once by each channel he chose, in order; webhooks arrive once by their id,
and in order for each instance.

One point: changes are asked for by an actor, sent by the job runner's own code, delivered by the crons; a fault comes
at a random moment; then all is finished as the crons of the next hour do it. Between the points an hour is moved on.
Databases of instances are not touched here: `chaos provisioning` does that.

Before that, passwords and one-time links are sent (ten a point), some to a mail server that refuses them: each reaches
its client, and none is in a dump of the database, in a log line at debug level or in a webhook.
"""

import contextlib
import io
import json
import logging
import os
import random
import signal
import string
import subprocess
import tempfile
import threading
import time
from collections import Counter, defaultdict
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch

from lokario_cli.console import say
from lokario_cli.paths import memory_folder
from lokario_cli.setup.postgres import ODOO_ROLE, Cluster, binaries
from lokario_testing.environments.loaded import LoadedOdoo, fresh_database
from lokario_testing.environments.smtp_sink import SmtpSink

POINTS = 50
CHANGES = 20  # of as many instances, a point
INSTANCES = 50
RESTART_EACH = 5  # points
DOWN = range(5, 15)  # points, each an hour long, at which the receiver is down
LONGEST = 1.6  # seconds until the fault
ROUNDS = 40  # of the settling jobs, at most
WORDS = {"suspended": "is suspended", "reactivated": "is back"}
ADDONS = "saas_notification_sms,saas_manager_webhook"

AN_HOUR_LATER = """
UPDATE saas_webhook_delivery SET next_try_at = next_try_at - interval '1 hour' WHERE state = 'pending';
UPDATE queue_job SET eta = eta - interval '1 hour' WHERE state = 'pending';
UPDATE queue_job SET state = 'pending' WHERE state IN ('enqueued', 'started');
UPDATE saas_instance_mail SET write_date = write_date - interval '2 hour' WHERE state = 'sending';
"""

DUE_JOBS = """
SELECT uuid FROM queue_job WHERE state = 'pending' AND coalesce(eta <= now() AT TIME ZONE 'UTC', true)
 ORDER BY date_created
"""


def run(points: int, seed: int) -> list[str]:
    logging.getLogger("odoo").setLevel(logging.CRITICAL)  # the faults are ours, their traces say nothing
    name = f"notifications-{os.getpid()}"
    cluster = Cluster(name, memory_folder() / f"pg-{name}", throw_away=True)  # its restarts are nobody else's
    with fresh_database("lokario_chaos_notifications", ADDONS, cluster) as (environment, database):
        odoo = LoadedOdoo(environment, database, log_level="critical")

        def restart():
            cluster.stop()
            cluster.start()

        try:
            return [*plant(odoo, 10 * points, seed), *play(odoo, points, seed, restart)]
        finally:
            odoo.close()


def play(odoo, points: int, seed: int, restart, changes: int = CHANGES) -> list[str]:
    """Return the broken promises; ``restart()`` takes every connection to the database away.

    :param changes: at each point, of as many instances
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sink = stack.enter_context(SmtpSink(Path(folder) / "journal", slowness=0.05, choose=_slow_now_and_then))
        receiver = stack.enter_context(Receiver())
        stack.enter_context(_without_instances())
        life = Life(odoo, sink, receiver, stack.enter_context(_sms_provider(odoo)), random.Random(seed))
        life.prepare()
        for point in range(points):
            receiver.is_down = point in DOWN
            life.disturbed_hour(changes, restart if point % RESTART_EACH == RESTART_EACH - 1 else None)
            if point % 10 == 9:
                say(f"  {point + 1} points: {sum(life.changes.values())} changes, {len(sink.deliveries())} mails")
        receiver.is_down = False
        life.settle(until_delivered=True)
        return life.judge()


def _slow_now_and_then(dice):
    return "slow" if dice.random() < 0.3 else "none"


@contextlib.contextmanager
def _without_instances():
    """What an instance's own database and process would do is done at once."""
    from odoo.addons.saas_manager.models.saas_server import SaasServer
    from odoo.addons.saas_manager.tests.common import QuietPostgres, QuietProcess
    from odoo.addons.saas_manager.tools.instance_database import InstanceDatabase

    with (
        patch.object(InstanceDatabase, "session", lambda _database: contextlib.nullcontext()),
        patch.object(SaasServer, "_get_postgres__", lambda _server: QuietPostgres()),
        patch.object(SaasServer, "_get_process__", lambda _server, _database: QuietProcess()),
    ):
        yield


# === PASSWORDS AND LINKS === #


def plant(odoo, count: int, seed: int) -> list[str]:
    """Send ``count`` credentials; return a promise broken for each place where one is found, or was not sent."""
    dice = random.Random(seed)
    secrets = ["".join(dice.choices(string.ascii_letters, k=20)) for _number in range(count)]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sink = stack.enter_context(SmtpSink(Path(folder) / "journal"))
        receiver = stack.enter_context(Receiver())
        stack.enter_context(_without_instances())
        log = stack.enter_context(_log_of_everything())
        _send_credentials(odoo, sink, receiver, secrets)
        mails = " ".join(one.raw.replace("=\n", "") for one in sink.deliveries())
        kept = {
            "the dump": _dump(odoo),
            "the log": log.getvalue(),
            "a webhook": " ".join(body for *_names, body in receiver.received),
        }
        _forget_receiver(odoo)
        broken = [f"{place} is empty" for place, text in kept.items() if len(text) < 1000]
        missed = [secret for secret in secrets if secret not in mails]
        broken += [f"{len(missed)} of {count} credentials did not arrive"] if missed else []
        for place, text in kept.items():
            found = sum(secret in text for secret in secrets)
            broken += [f"{found} of {count} credentials are in {place}"] if found else []
        size = sum(map(len, kept.values()))
        say(f"  {count} credentials in {len(sink.deliveries())} mails, looked for in {size} characters")
        return broken


def _forget_receiver(odoo):
    """It goes down for good: what follows has another one."""
    with odoo.env() as env:
        env["saas.webhook.target"].search([]).unlink()


@contextlib.contextmanager
def _log_of_everything():
    """What a server at debug level would write, its filter included."""
    from odoo.addons.lokario_gate import redaction

    text, root = io.StringIO(), logging.getLogger()
    handler, loggers = logging.StreamHandler(text), [logging.getLogger(name) for name in ("odoo", "odoo.sql_db")]
    handler.addFilter(redaction.SecretFilter())
    levels = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _send_credentials(odoo, sink, receiver, secrets):
    """Passwords and links in turn; every fifth is refused at first, and leaves with the cron that tries again."""
    from odoo.addons.saas_manager.tools import admin_credentials

    with odoo.env() as env:
        plans = _prepare(env, sink, receiver, len(secrets))
        for number, secret in enumerate(secrets):
            address = f"reader{number}@chaos.test"
            partner = env["res.partner"].create({"name": f"Reader {number}", "email": address})
            values = {"name": partner.name, "subdomain": f"reader{number}", "partner_id": partner.id}
            instance = env["saas.instance"].create({**values, "plan_id": plans[number % 2].id})
            instance._set_guarded(state="active", is_deployed=True, attempt=f"s{number}", pending_password=secret)
            if number % 5 == 0:
                sink.rejects[address] = "550 5.7.1 Not now"
            env.cr.commit()
            with patch.object(admin_credentials, "reset_token", lambda *_args, token=secret: token):
                instance._send_provisioning_email()
        sink.rejects.clear()
        for number in range(0, len(secrets), 5):
            with patch.object(admin_credentials, "reset_token", lambda *_args, token=secrets[number]: token):
                env["saas.instance"].search([("subdomain", "=", f"reader{number}")])._send_provisioning_email()
        env["saas.webhook.delivery"]._cron_deliver()


def _prepare(env, sink, receiver, count):
    """Mail and webhooks go to ours; return a plan that sends passwords, and one that sends links."""
    from odoo.addons.saas_manager.tests.common import make_offer

    env["ir.mail_server"].search([]).active = False
    env["ir.mail_server"].create(
        {"name": "sink", "smtp_host": "127.0.0.1", "smtp_port": sink.port, "smtp_encryption": "none"}
    )
    server, _template, plan, _partner = make_offer(env, f"chaos{sink.port}")
    server.write({"max_instances": count, "database_prefix": f"c{sink.port}-", "base_domain": f"c{sink.port}.test"})
    env["ir.config_parameter"].set_param("saas_manager_webhook.allowed_hosts", "127.0.0.1")
    env["saas.webhook.target"].create({"url": f"{receiver.url}/all"})
    return plan, plan.copy({"code": f"link{sink.port}", "credential_mode": "link"})


def _dump(odoo):
    arguments = ["-h", odoo.environment.cluster.socket, "-U", ODOO_ROLE, "--inserts", odoo.database]
    done = subprocess.run([binaries() / "pg_dump", *map(str, arguments)], check=True, capture_output=True)
    return done.stdout.decode(errors="replace")


# === LIVES === #


@contextlib.contextmanager
def _sms_provider(odoo):
    """The provider of all SMS, which may leave at any hour."""
    from odoo.addons.saas_notification_sms.tests.sms_provider import SmsProvider

    with SmsProvider() as provider:
        with odoo.env() as env:
            parameters = {"sms.endpoint": provider.url}
            parameters |= {f"saas_notification_sms.{name}": "0" for name in ("opens", "closes")}
            for name, value in parameters.items():
                env["ir.config_parameter"].set_param(name, value)
        yield provider


class Receiver(ThreadingHTTPServer):
    """Takes webhooks, or is down: what reached it, in order, as (path, id, type, instance, body)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Taker)
        self.is_down, self.received = False, []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_exc):
        self.shutdown()
        self.server_close()


class _Taker(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.is_down:
            self.send_response(503)
        else:
            event = json.loads(body)
            about = event["data"].get("instance", {}).get("name")
            self.server.received.append((self.path, self.headers["webhook-id"], event["type"], about, body.decode()))
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_args):
        """Stay silent."""


class Life:
    """Fifty instances, their clients and contacts, and what was asked for."""

    def __init__(self, odoo, sink, receiver, provider, dice):
        self.odoo, self.sink, self.receiver, self.provider, self.dice = odoo, sink, receiver, provider, dice
        self.instances: dict[int, str] = {}  # id: name
        self.state: dict[int, str] = {}
        self.changes: Counter = Counter()
        self.readers: dict[int, list[str]] = defaultdict(list)  # addresses and numbers
        self.kinds: dict[str, set[str]] = {}  # what each of them gets
        self.looked_after: list[int] = []  # messages of unknown outcome
        self.faults = 0

    def prepare(self):
        with self.odoo.env() as env:
            plan, _with_links = _prepare(env, self.sink, self.receiver, INSTANCES)
            for number in range(INSTANCES):
                self._move_in(env, plan, number)
            targets, first = env["saas.webhook.target"], env["saas.instance"].browse(min(self.instances))
            targets.create({"url": f"{self.receiver.url}/one", "partner_id": first.partner_id.id})

    def _move_in(self, env, plan, number):
        phone, addresses = f"+336120{number:05}", [f"{who}{number}@chaos.test" for who in ("client", "technician")]
        values = [{"name": address, "email": address, "lang": "en_US"} for address in addresses]
        client, technician = env["res.partner"].create(values)
        client.phone = phone
        values = {"name": f"Instance {number}", "subdomain": f"life{number}", "partner_id": client.id}
        instance = env["saas.instance"].create({**values, "plan_id": plan.id})
        env["saas.contact"].create({"client_id": client.id, "partner_id": technician.id, "role": "technical"})
        instance._set_guarded(
            state="active", is_deployed=True, activation_date="2026-01-02 03:04:05", attempt=f"attempt-{number}"
        )
        self.instances[instance.id], self.state[instance.id] = instance.name, "active"
        self.readers[instance.id] = [client.email, technician.email, client.phone]
        self._choose(env, client, "suspended", self.dice.choice(("email", "both")))
        self._choose(env, client, "reactivated", self.dice.choice(("email", "sms", "both", "none")))
        self._choose(env, technician, "suspended", "email")
        self._choose(env, technician, "reactivated", self.dice.choice(("email", "none")))

    def _choose(self, env, person, kind, channel):
        env["saas.preference"].create({"partner_id": person.id, "kind": kind, "channel": channel})
        for address, channels in ((person.email, ("email", "both")), (person.phone, ("sms", "both"))):
            self.kinds.setdefault(address, set()).update({kind} if channel in channels else ())

    # === ONE HOUR === #

    def disturbed_hour(self, changes, restart):
        chosen = self.dice.sample(sorted(self.instances), changes)
        wishes = {one: "suspended" if self.state[one] == "active" else "active" for one in chosen}
        fork = self.odoo.fork
        workers = {fork(_act, self.odoo, wishes, quiet=True), fork(_run_jobs, self.odoo, True, quiet=True)}
        workers |= {fork(_run_jobs, self.odoo, True, quiet=True), fork(_deliver, self.odoo, True, quiet=True)}
        time.sleep(self.dice.uniform(0.1, LONGEST))
        if restart:
            restart()
        else:
            victim = self.dice.choice(sorted(workers))
            _end(victim)
            workers.discard(victim)
            time.sleep(self.dice.uniform(0, 0.4))
        self.faults += 1
        for worker in workers:  # an hour is over for those that were not hit, too, wherever they are
            _end(worker)
        self.odoo.fork_and_wait(_act, self.odoo, wishes)
        self.settle()
        self.state |= wishes
        self.changes.update(chosen)

    def settle(self, until_delivered=False):
        """What the crons do in the hour after."""
        for _round in range(ROUNDS):
            self.odoo.environment.cluster.psql(AN_HOUR_LATER, self.odoo.database)
            self.odoo.fork_and_wait(_finish, self.odoo)
            waiting = "SELECT count(*) FROM saas_webhook_delivery WHERE state = 'pending'"
            if not until_delivered or self.odoo.environment.cluster.psql(waiting, self.odoo.database) == "0":
                break
        self._ask_again_for_unknown()

    def _ask_again_for_unknown(self):
        """A person looks into the mail server's and the provider's log, and sends again what they have not taken."""
        with self.odoo.env() as env:
            unknown = env["saas.instance.mail"].search([("state", "=", "unknown")])
            self.looked_after += unknown.ids
            taken = Counter((address, word) for address, words in self._taken().items() for word in words)
            missing = unknown.filtered(lambda one: taken[one.email_to, one.kind] < _number(one))
            (unknown - missing).action_mark_sent()
            missing.action_send_again()
        if missing:
            self.odoo.fork_and_wait(_finish, self.odoo)

    def _taken(self):
        """What has arrived: {address or number: kinds in their order}."""
        texts = [(one.recipient, _subject(one)) for one in self.sink.deliveries()] + list(self.provider.taken)
        arrived = defaultdict(list)
        for address, text in texts:
            arrived[address] += [kind for kind, word in WORDS.items() if word in text]
        return arrived

    # === PROMISES === #

    def judge(self):
        changes, texts, looked_after = sum(self.changes.values()), len(self.provider.taken), len(self.looked_after)
        say(f"  {changes} changes, {texts} SMS, {self.faults} faults, {looked_after} messages a person looked after")
        broken = [*self._judge_messages(), *self._judge_webhooks()]
        if len(self.looked_after) > 2 * self.faults:
            broken.append(
                f"{len(self.looked_after)} mails of unknown outcome after {self.faults} faults of two senders"
            )
        return broken

    def _events_of(self, instance_id):
        """The kinds of messages about an instance, in order."""
        return [("suspended", "reactivated")[number % 2] for number in range(self.changes[instance_id])]

    def _judge_messages(self):
        arrived = self._taken()
        for instance_id, addresses in self.readers.items():
            for address in filter(None, addresses):
                expected = [kind for kind in self._events_of(instance_id) if kind in self.kinds.get(address, ())]
                if arrived[address] != expected:
                    yield f"{address} got {arrived[address]} instead of {expected}"

    def _judge_webhooks(self):
        """Repeats of an id are known as such by their receiver: what counts is its first arrival."""
        seen, first = set(), defaultdict(list)
        for path, message_id, kind, about, _body in self.receiver.received:
            if message_id not in seen:
                first[path, about].append((message_id, kind))
            seen.add(message_id)
        say(f"  {len(seen)} webhooks, {len(self.receiver.received) - len(seen)} of them repeated")
        with self.odoo.env() as env:
            for delivery in env["saas.webhook.delivery"].search([("state", "!=", "sent")]):
                yield f"webhook {delivery.id} about {delivery.instance_id.name} is {delivery.state}"
            deliveries = env["saas.webhook.delivery"].search([], order="id")
            for (target, instance), ours in deliveries.grouped(lambda one: (one.target_id, one.instance_id)).items():
                arrived = [one for one, _kind in first[target.url.removeprefix(self.receiver.url), instance.name]]
                if arrived != ours.mapped("message_id"):
                    yield f"webhooks about {instance.name} came in another order than it happened"
        for instance_id, name in self.instances.items():
            states = [kind for _id, kind in first["/all", name] if kind.startswith("instance.")]
            expected = [f"instance.{('suspended', 'active')[n % 2]}" for n in range(self.changes[instance_id])]
            if states != expected:
                yield f"the webhook learned {states} of {name} instead of {expected}"


def _number(mail):
    """The how-manieth event of its kind for this reader it is about."""
    same = [("email_to", "=", mail.email_to), ("kind", "=", mail.kind), ("id", "<=", mail.id)]
    return len(set(mail.search([*same, ("state", "not in", ("refused", "skipped"))]).mapped("occasion")))


def _subject(delivery):
    return str(message_from_string(delivery.raw, policy=policy.default)["Subject"])


def _end(worker):
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)


# === WORKERS === #


def _act(odoo, wishes):
    """Somebody presses the buttons; pressed again, what was done is left alone."""
    for instance_id, state in wishes.items():
        with odoo.env() as env:
            instance = env["saas.instance"].browse(instance_id)
            if instance.state != state or instance.operation:
                instance.action_suspend("unpaid") if state == "suspended" else instance.action_reactivate()


def _run_jobs(odoo, is_endless=False):
    """What the job runner has its workers do."""
    from odoo.addons.queue_job.controllers.main import RunJobController

    while True:
        with odoo.env() as env:
            env.cr.execute(DUE_JOBS)
            uuids = [uuid for (uuid,) in env.cr.fetchall()]
        for uuid in uuids:
            with odoo.env() as env:
                env.cr.execute("UPDATE queue_job SET state = 'enqueued' WHERE uuid = %s AND state = 'pending'", [uuid])
                env.cr.commit()
                if job := RunJobController._acquire_job(env, uuid):
                    RunJobController._runjob(env, job)
        if not is_endless and not uuids:
            return
        time.sleep(0.02 if is_endless else 0)


def _deliver(odoo, is_endless=False):
    while True:
        with odoo.env() as env:
            env["saas.webhook.delivery"]._cron_deliver()
        if not is_endless:
            return
        time.sleep(0.02)


def _finish(odoo):
    with odoo.env() as env:
        env["saas.instance"]._cron_resume()
    _run_jobs(odoo)
    with odoo.env() as env:
        env["saas.instance"]._cron_retry_mails()
    _run_jobs(odoo)
    _deliver(odoo)
