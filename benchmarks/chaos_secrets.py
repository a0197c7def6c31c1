"""Secrets through every way in, on a server at debug level: none may stand in a log line, in whole or in part.

A point is one secret. Half of a secret is enough to count as found, so that quotes and escapes hide nothing.
"""

import http.cookiejar
import json
import os
import random
import re
import string
import urllib.error
import urllib.parse
import urllib.request

from lokario_cli.odoo_process import Server
from lokario_cli.paths import SUITE
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases

POINTS = 2000
HALF = 12  # letters of each half of a secret; between them a character that some spelling has to escape
BETWEEN = ("", "'", '"', "\\", "%", "&", "=", " ", "é", "\\'", '\\"', "{", "]", ";", "<", "\n")
ENDPOINT = "/users/process-account-deletions"


def run(points: int, seed: int) -> list[str]:
    with Cluster.for_tests() as cluster:
        environment = Databases(cluster)
        database = environment.clone(environment.template(), f"secrets_{os.getpid()}")
        try:
            environment.run_odoo(database, "-i", ",".join(SUITE), "--stop-after-init")
            return plant(environment, database, points, seed)
        finally:
            environment.drop(database)


def plant(environment: Databases, database: str, points: int, seed: int) -> list[str]:
    """Send the secrets to a server of this database; return a promise broken for each way in that leaked."""
    rng = random.Random(seed)
    options = {"lokario/manager_db": database, "db_name": database, "max_cron_threads": "0", "log_level": "debug"}
    planted = []
    with Server(f"secrets-{os.getpid()}", environment.options(**options)) as server:
        client = Client(server.url, database)
        for number in range(points):
            way = WAYS[number % len(WAYS)]
            halves = ["".join(rng.choices(string.ascii_letters, k=HALF)) for _half in range(2)]
            way(client, rng.choice(BETWEEN).join(halves))
            planted += [(way.__name__, half) for half in halves]
    log = server.log.read_text(errors="replace")
    if "odoo.service.model: call " not in log:
        return ["the log has no debug lines: nothing was tried"]
    leaks = [f"{way}: {line_with(log, half)}" for way, half in planted if half in log]
    return sorted(set(leaks))


def line_with(log: str, half: str) -> str:
    return next(line for line in log.splitlines() if half in line)[:300]


class Client:
    """An administrator's session, and calls without one."""

    def __init__(self, url: str, database: str):
        self.url, self.database = url, database
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        self.post("/web/login", login="admin", password="admin")

    def open(self, path: str, data=None, **headers):
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.read().decode(errors="replace")

    def post(self, path: str, **form):
        token = re.search(r'csrf_token"?:? ?"?(?:value=")?([\w]+o\d+)', self.open("/web/login"))
        form["csrf_token"] = token[1] if token else ""
        return self.open(path, urllib.parse.urlencode(form).encode())

    def json(self, path: str, params, **headers):
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}).encode()
        return self.open(path, body, **{"Content-Type": "application/json", **headers})

    def call(self, model: str, method: str, *args, **kwargs):
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        return self.json(f"/web/dataset/call_kw/{model}/{method}", params)

    def rpc(self, service: str, method: str, *args):
        return self.json("/jsonrpc", {"service": service, "method": method, "args": args})


def quote(secret: str) -> str:
    return urllib.parse.quote(secret, safe="'")


def query(client, secret):
    client.open(f"{ENDPOINT}?secret={quote(secret)}")


def query_with_brackets(client, secret):
    client.open(f"{ENDPOINT}?secret[]={quote(secret)}&x=1")


def query_with_encoded_name(client, secret):
    client.open(f"{ENDPOINT}?x=1&%73ecret%5B%5D={quote(secret)}")


def link_in_a_link(client, secret):
    inner = urllib.parse.quote(f"/auth/verify?token={quote(secret)}&x=1", safe="")
    client.open(f"/web/login?redirect={inner}&y=1")


def token_in_path(client, secret):
    client.open("/followups/statement/" + (re.sub(r"[^A-Za-z]", "", secret) * 2)[:40])


def unknown_host(client, secret):
    client.open(f"/x?access_token={quote(secret)}", Host="unknown.test")


def header_of_an_endpoint(client, secret):
    client.open(ENDPOINT, **{"X-Cron-Secret": quote(secret)})


def bearer(client, secret):
    client.open("/json/2/res.users/context_get", b"{}", Authorization=f"Bearer {quote(secret)}")
    client.open("/api/v2/quotas/1", Authorization=f"Bearer {quote(secret)}")


def undo_link(client, secret):
    client.open(f"/users/deletion/undo?token={quote(secret)}")
    client.post("/users/deletion/undo", token=secret)


def deletion_form(client, secret):
    client.post("/my/account/deletion", password=secret)


def login_by_json(client, secret):
    params = {"db": client.database, "login": f"nobody-{len(secret)}", "password": secret}
    client.json("/web/session/authenticate", params)


def login_by_rpc(client, secret):
    client.rpc("common", "login", client.database, "nobody", secret)
    client.rpc("object", "execute_kw", client.database, 4, secret, "res.users", "read", [[1]])


def write(client, secret):
    client.call("ir.mail_server", "write", [1], {"smtp_pass": secret})
    client.call("res.partner", "write", [1], {"email_password": secret})  # no such field: a traceback


def create(client, secret):
    values = {"name": "Planted", "smtp_host": "127.0.0.1", "smtp_pass": secret, "active": False}
    client.call("ir.mail_server", "create", [values])


def create_refused_by_postgresql(client, secret):
    client.call("ir.mail_server", "create", [{"smtp_host": "127.0.0.1", "smtp_pass": secret}])  # has no name


def mailbox(client, secret):
    client.call("inbox.integration", "create", [{"name": "x", "email_password": secret, "company_id": "x"}])


def imported(client, secret):
    client.call("ir.mail_server", "load", ["name", "smtp_pass", "smtp_port"], [["x", secret, "no number"]])


def parameter(client, secret):
    client.call("ir.config_parameter", "set_param", "planted.secret", secret)


def searched(client, secret):
    client.call("ir.mail_server", "search", [["smtp_pass", "=", secret]])
    client.call("res.partner", "search", [["access_token", "=", secret], ["nothing", "=", 1]])


def changed_password(client, secret):
    client.call("res.users", "change_password", "not the old one", secret)


def confirmed_identity(client, secret):
    client.call("res.users.identitycheck", "run_check", [1], context={"password": secret})


def sign_up(client, secret):
    client.post("/web/signup", login="x", name="x", password=secret, confirm_password=secret)


WAYS = (
    query,
    query_with_brackets,
    query_with_encoded_name,
    link_in_a_link,
    token_in_path,
    unknown_host,
    header_of_an_endpoint,
    bearer,
    undo_link,
    deletion_form,
    login_by_json,
    login_by_rpc,
    write,
    create,
    create_refused_by_postgresql,
    mailbox,
    imported,
    parameter,
    searched,
    changed_password,
    confirmed_identity,
    sign_up,
)
