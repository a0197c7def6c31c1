"""The main job: a client's Odoo instance is sold, provisioned, suspended, reactivated."""

import email
import email.policy
import re
import time

from lokario_cli.console import Failure, say

from ..environments.client import OdooClient
from ..environments.processes import end_process, process_of

CLIENT = {"name": "Boulangerie Martin", "email": "claire@boulangerie-martin.test", "company_type": "company"}
SUBDOMAIN = "boulangerie-martin"
PASSWORD = re.compile(r"monospace[^>]*>\s*([^<\s]+)")
TEMPLATE_MODULES = "base,web,mail,portal,auth_signup,contacts"


def provision(stage) -> None:
    """From nothing to an instance whose administrator logs in."""
    client = stage.client
    _end_earlier_demo(client)
    server = _server(client, stage.server.port)
    template = _template(stage, server)
    made_of = {"template_id": template, "server_id": server}
    instance = _fresh_instance(client, {"plan_id": _plan(stage, made_of), **made_of})
    client.call("saas.instance", "action_provision_instance", [instance])
    state = _follow(stage, "saas.instance", instance, ("active", "error", "draft"))
    row = client.read("saas.instance", instance, "url", "error_message", "provision_seconds", "admin_login", "host")
    if state != "active":
        raise Failure(f"The instance was not provisioned: {row['error_message']}")
    stage.tell(f"{CLIENT['name']} was provisioned in {row['provision_seconds']:.1f} s", row["url"])
    password = _mailed_password(stage)
    database = client.read("saas.instance", instance, "database_name")["database_name"]
    OdooClient(stage.server.url, row["host"]).login(database, row["admin_login"], password)
    stage.tell("Its administrator logged in with the mailed password", row["url"], f"{row['admin_login']} / {password}")
    _stop_and_visit(stage, instance, database, row)


def _stop_and_visit(stage, instance: int, database: str, row: dict) -> None:
    """Nobody is there, so its process ends and costs nothing; the next visitor starts it again."""
    end_process(database)
    start = time.monotonic()
    status, _page = OdooClient(stage.server.url, row["host"]).open("/web/login")
    took, process = time.monotonic() - start, process_of(database)
    if status != 200 or not process:
        raise Failure(f"The stopped instance did not start: HTTP {status}; see {stage.host.log}")
    role = stage.client.read("saas.instance", instance, "tenant_role")["tenant_role"]
    user = process.uids().real
    stage.tell(f"Stopped, it was started by its next visitor in {took:.1f} s", row["url"])
    stage.tell("It has a process, a system user and a PostgreSQL role of its own", f"process {process.pid}",
               f"user {user}, role {role}")  # fmt: skip


def suspend_and_reactivate(stage) -> None:
    """The client does not pay: his people meet the page of a suspended instance. He pays: they are back."""
    client = stage.client
    instance = client.find("saas.instance", [["subdomain", "=", SUBDOMAIN], ["state", "=", "active"]])
    row = client.read("saas.instance", instance, "host", "url")
    visitor = OdooClient(stage.server.url, row["host"])
    for action, arguments, expected in (
        ("action_suspend", ["La facture d’octobre est impayée"], 503),
        ("action_reactivate", [], 200),
    ):
        start, mails = time.monotonic(), len(stage.received_by(CLIENT["email"]))
        client.call("saas.instance", action, [instance], *arguments)
        status, _page = visitor.open("/web/login")
        took = time.monotonic() - start
        if status != expected:
            raise Failure(f"After {action} its address answered {status} instead of {expected}")
        mailed = "the client was told by mail" if _gets_mail(stage, mails) else "no mail left"
        done = "Suspended" if expected == 503 else "Reactivated"
        stage.tell(f"{done} in {took:.1f} s: visitors get {status}, {mailed}", row["url"])


def _gets_mail(stage, known: int, timeout: float = 30) -> bool:
    """A job sends it; whether the client got more than the ``known`` mails."""
    deadline = time.monotonic() + timeout
    while len(stage.received_by(CLIENT["email"])) <= known:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _server(client, port: int) -> int:
    """The machine's server record; its names are fixed while instances of people live on it."""
    public = {"base_domain": "localhost", "protocol": "http", "public_port": port, "isolation": "process"}
    server = client.find("saas.server", []) or client.create("saas.server", {"name": "Cette machine", **public})
    current = client.read("saas.server", server, *public)
    changed = {name: value for name, value in public.items() if current[name] != value}
    client.call("saas.server", "write", [server], changed)
    if client.read("saas.server", server, "state")["state"] != "active":
        client.call("saas.server", "action_activate", [server])
    return server


def _plan(stage, made_of: dict) -> int:
    """A plan that proposes template and server, and whose instances can send mail from their first day."""
    client, relay = stage.client, {"relay_host": "127.0.0.1", "relay_port": stage.smtp.port}
    plan = client.find("saas.plan", []) or client.create(
        "saas.plan", {"name": "Essentiel", "relay_encryption": "none", "relay_sender": "noreply@lokario.test", **relay}
    )
    client.call("saas.plan", "write", [plan], {**relay, **made_of})  # every run's server listens elsewhere
    return plan


def _template(stage, server: int) -> int:
    client = stage.client
    french = client.call("res.lang", "search", [["code", "=", "fr_FR"]])
    values = {"name": "Odoo", "code": "odoo", "modules": TEMPLATE_MODULES, "lang_ids": french, "server_id": server}
    template = client.find("saas.template", [["code", "=", "odoo"]]) or client.create("saas.template", values)
    if not client.read("saas.template", template, "is_template_ready")["is_template_ready"]:
        client.call("saas.template", "action_build", [template])
        if _follow(stage, "saas.template", template, ("ready", "failed")) == "failed":
            raise Failure(client.read("saas.template", template, "build_error")["build_error"])
    return template


def _end_earlier_demo(client) -> None:
    earlier = client.find("saas.instance", [["subdomain", "=", SUBDOMAIN], ["state", "!=", "terminated"]])
    if earlier:
        client.call("saas.instance", "action_terminate", [earlier], "La démonstration recommence")


def _fresh_instance(client, values: dict) -> int:
    partner = client.find("res.partner", [["email", "=", CLIENT["email"]]]) or client.create("res.partner", CLIENT)
    named = {"name": CLIENT["name"], "partner_id": partner, "subdomain": SUBDOMAIN}
    return client.create("saas.instance", {**named, **values})


def _follow(stage, model: str, record: int, ends: tuple[str, ...], timeout: float = 300) -> str:
    """Wait for one of the states, saying each step as it happens."""
    step_field = "current_step" if model == "saas.instance" else "build_step"
    deadline, last = time.monotonic() + timeout, None
    while time.monotonic() < deadline:
        row = stage.client.read(model, record, "state", step_field)
        if row[step_field] and row[step_field] != last:
            last = row[step_field]
            say(f"      {last}")
        if row["state"] in ends:
            return row["state"]
        time.sleep(0.1)
    raise Failure(f"{model} {record} did not come to an end within {timeout:.0f} s; see {stage.server.log}")


def _mailed_password(stage) -> str:
    """The password from the mail that the client received."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for raw in reversed(stage.received_by(CLIENT["email"])):
            message = email.message_from_bytes(raw, policy=email.policy.default)
            if found := PASSWORD.search(message.get_body(("html", "plain")).get_content()):
                return found.group(1)
        time.sleep(0.1)
    raise Failure("The client received no mail with credentials.")
