"""Provisioning against Odoo's own command and raw `createdb -T`, on one template, measured in turn.

Cloning is kept apart from the button: the first results compare what the databases cost, the others what people wait
for. The hash of the administrator's password (Odoo's 600,000 rounds) comes from the reserve, as in a server that has
been idle for a moment; with nothing in reserve it is computed beside the clone, and alone takes longer than the share
of Odoo's command that is allowed: that time is shown against `createdb -T`.
"""

import subprocess
import time
import uuid

from lokario_cli.console import say
from lokario_cli.odoo_process import command, process_environment, write_configuration
from lokario_cli.paths import STATE
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases
from lokario_testing.environments.provisioning import ProvisioningEnvironment, instance_tools
from lokario_testing.results import Result, median, p95, seconds

from .chaos_tenants import password_in

ROUNDS = 7
BUTTONS = 30
QUEUED = 20
BASE_MODULES = ["base", "web", "mail", "portal", "auth_signup"]


def run() -> list[Result]:
    tools = instance_tools()
    with Cluster.for_tests() as cluster:
        environment = Databases(cluster)
        unprepared = environment.cached_database(BASE_MODULES)
        with ProvisioningEnvironment(environment) as manager:
            manager.build_template()
            template = manager.read("saas.template", manager.template_id, "template_db")
            databases = _databases(environment, tools, template)
            return [*databases, *_buttons(manager), _first_visit(environment, manager, unprepared)]


def _databases(environment, tools, template):
    """Clone + neutralize + administrator + publish against both peers."""
    ours, cold, odoo, raw = [], [], [], []
    plain = _plain_copy(environment, template)
    try:
        for number in range(ROUNDS):
            say(f"  databases, round {number + 1} of {ROUNDS}")
            ready = tools.admin_credentials.FreshPassword()
            ready.hash()
            ours.append(
                _timed(environment, lambda name, ready=ready: _provision(environment, tools, template, name, ready))
            )
            odoo.append(_timed(environment, lambda name: _duplicate(environment, plain, name)))
            cold.append(_timed(environment, lambda name: _provision(environment, tools, template, name)))
            raw.append(_timed(environment, lambda name: _create_raw(environment, template, name)))
    finally:
        environment.drop(plain)
    return [
        Result("database: ours / odoo db duplicate -n", median(ours), median(odoo), "ratio <= 0.15"),
        Result("database: ours - createdb -T", median(ours) - median(raw), None, "ours <= 0.5"),
        Result("database: nothing in reserve - createdb -T", median(cold) - median(raw), None, "ours <= 0.5"),
    ]


def _create_raw(environment, template, name):
    environment.cluster.psql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def _plain_copy(environment, template):
    """Odoo's command wants a source it can connect to."""
    name = f"bench_source_{uuid.uuid4().hex[:6]}"
    environment.clone(template, name)
    return name


def _timed(environment, action):
    name = f"t-bench-{uuid.uuid4().hex[:8]}"
    try:
        return seconds(lambda: action(name))
    finally:
        environment.drop(name)


def _provision(environment, tools, template, name, password=None):
    options = environment.cluster.odoo_options()
    postgres = tools.postgres_admin.PostgresAdmin(options["db_host"], 0, options["db_user"])
    tag = tools.postgres_admin.OwnershipTag("bench", name)
    password = password or tools.admin_credentials.FreshPassword()
    postgres.clone_hidden(template, name, tag)
    tools.filestore.Filestore(f"{environment.options()['data_dir']}/filestore").clone(template, name)
    with postgres.session(name) as connection:
        secret = tools.sanitizer.current_secret(connection)
        with tools.neutralizer.rehearsal(connection):
            tools.neutralizer.neutralize(connection)
            tools.neutralizer.verify(connection)
        tools.sanitizer.sanitize(connection)
        tools.sanitizer.verify(connection, secret)
        tools.customizer.postpone_due_jobs(connection)
        administrator = tools.admin_credentials.Administrator("a@client.test", "A", "a@client.test")
        tools.admin_credentials.write_administrator(connection, administrator, password.hash())
    postgres.publish(name, tag)


def _duplicate(environment, source, name):
    conf = write_configuration(STATE / "conf" / "bench-duplicate.conf", environment.options(list_db="True"))
    program, odoo = command()
    subprocess.run(
        [program, odoo, "db", "-c", str(conf), "duplicate", "-n", source, name],
        env=process_environment(), check=True, capture_output=True,
    )  # fmt: skip


def _buttons(manager):
    """From the click to "active", the verification included."""
    waits, suspensions, returns = [], [], []
    for number in range(BUTTONS):
        instance = manager.create_instance(f"b{number:02}{uuid.uuid4().hex[:6]}")
        start = time.perf_counter()
        manager.call("saas.instance", "action_provision_instance", [instance])
        state = manager.wait_for("saas.instance", instance, {"active", "error"}, 60)
        waits.append(time.perf_counter() - start)
        assert state == "active", manager.read("saas.instance", instance, "error_message")
        if number < ROUNDS:
            suspensions.append(seconds(lambda i=instance: manager.call("saas.instance", "action_suspend", [i])))
            returns.append(seconds(lambda i=instance: manager.call("saas.instance", "action_reactivate", [i])))
        if number % 10 == 9:
            say(f"  {number + 1} instances provisioned")
    return [
        Result(f"button to active with verification, p95 of {BUTTONS}", p95(waits), None, "ours <= 1.2"),
        Result("suspend, slowest", max(suspensions), None, "ours <= 1"),
        Result("reactivate, slowest", max(returns), None, "ours <= 1"),
        *_with_a_mail_server_that_hangs(manager),
        *_queued(manager),
    ]


def _queued(manager):
    """All are asked for at once."""
    instances = [manager.create_instance(f"q{number:02}{uuid.uuid4().hex[:6]}") for number in range(QUEUED)]
    start = time.perf_counter()
    manager.call("saas.instance", "action_provision_instance", instances)
    states = [manager.wait_for("saas.instance", instance, {"active", "error"}, 120) for instance in instances]
    took = time.perf_counter() - start
    return [
        Result(f"{QUEUED} queued at once: failed", states.count("error"), None, "ours <= 0", ""),
        Result(f"{QUEUED} queued at once: all active", took, None, f"ours <= {QUEUED * 1.2:.0f}"),
    ]


def _with_a_mail_server_that_hangs(manager):
    found = manager.call("saas.instance", "search", [["state", "=", "active"]], limit=ROUNDS)
    with manager.mail_server_that_hangs():
        off = [seconds(lambda one=one: manager.call("saas.instance", "action_suspend", [one])) for one in found]
        on = [seconds(lambda one=one: manager.call("saas.instance", "action_reactivate", [one])) for one in found]
    return [
        Result("suspend while the mail server hangs, slowest", max(off), None, "ours <= 1"),
        Result("reactivate while the mail server hangs, slowest", max(on), None, "ours <= 1"),
    ]


def _first_visit(environment, manager, unprepared):
    """First login and web client: a new instance in its own process, and Odoo with a copy of an unprepared template.

    Both have loaded their registry before.
    """
    ours = [_visit_instance(manager) for _round in range(5)]
    peer = [_visit_copy(environment, manager, unprepared) for _round in range(5)]
    return Result("first login and web client", median(ours), median(peer), "ratio <= 0.35")


def _visit_instance(manager):
    """Seconds that the client waits for the web client and all it loads, with the password that he was mailed."""
    subdomain = f"v{uuid.uuid4().hex[:8]}"
    manager.forget_mails()
    manager.provision(subdomain)
    password = password_in(manager.wait_for_mails(1)[0])
    return _visit(manager, f"{subdomain}.localhost", f"{subdomain}@client.test", password)


def _visit_copy(environment, manager, source):
    name = f"t-visit-{uuid.uuid4().hex[:8]}"
    host = f"{name.lower()}.localhost"
    environment.clone(source, name)
    route = f"INSERT INTO lokario_gate_route (host, database, state) VALUES ('{host}', '{name}', 'active')"
    try:
        environment.cluster.psql(route, manager.manager, role="odoo")
        return _visit(manager, host, "admin", "admin")
    finally:
        environment.cluster.psql(f"DELETE FROM lokario_gate_route WHERE host = '{host}'", manager.manager, role="odoo")
        environment.drop(name)


def _visit(manager, host, login, password):
    manager.get(host)
    probe = instance_tools().probe.Probe(("127.0.0.1", manager.server.port), host, timeout=120)
    return seconds(lambda: probe.verify(login, password))
