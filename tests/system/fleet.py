"""A manager and instances behind one real server, for the tests of who may reach what."""

import json
import time
import urllib.error
import urllib.request
import uuid

import psycopg2

from lokario_cli.odoo_process import Server

ROUTES = """
CREATE TABLE lokario_gate_route (host text PRIMARY KEY, database text NOT NULL, state text NOT NULL,
    message text, contact text, instance_uuid text, tenant_role text);
CREATE FUNCTION lokario_gate_notify() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('lokario_gate', ''); RETURN NULL; END $$;
CREATE TRIGGER lokario_gate_notify AFTER INSERT OR UPDATE OR DELETE ON lokario_gate_route
    FOR EACH STATEMENT EXECUTE FUNCTION lokario_gate_notify();
"""


BUSY = 60  # seconds: tests run beside others; how fast a thing is, its bench says


class Fleet:
    """A manager and two instances behind one server.

    ``manager_source`` is the database the manager is cloned from; without one it is an instance's twin that has
    nothing of saas_manager but its table of routes.
    """

    def __init__(self, environment, template, workers, manager_source=None):
        self.environment = environment
        tag = uuid.uuid4().hex[:6]
        self.manager, self.acme, self.birch = (f"gate_{name}_{tag}" for name in ("manager", "acme", "birch"))
        environment.clone(manager_source or template, self.manager)
        for database in (self.acme, self.birch):
            environment.clone(template, database)
        if not manager_source:
            self.sql(ROUTES)
        self.add_route("acme.localhost", self.acme)
        self.add_route("birch.localhost", self.birch)
        # With workers the server is bound to another address, as in a container: the job runner calls it by that one.
        bound = {"http_interface": "127.0.0.2" if workers else "127.0.0.1"}
        behind = {"proxy_mode": "True", "lokario/manager_hosts": "manager.test"}
        options = environment.options(
            **{"lokario/manager_db": self.manager, "workers": str(workers), "max_cron_threads": "0", **behind, **bound}
        )
        self.server = Server(f"gate-{tag}", options)

    @property
    def databases(self):
        return (self.manager, self.acme, self.birch)

    def add_route(self, host, database):
        columns = "(host, database, state, instance_uuid)"
        self.sql(
            f"INSERT INTO lokario_gate_route {columns} VALUES ('{host}', '{database}', 'active', '{uuid.uuid4()}')"
        )

    def sql(self, statement):
        return self.environment.cluster.psql(statement, self.manager, role="odoo")

    def connect(self):
        """A connection to the manager's database, as another process has it."""
        options = self.environment.cluster.odoo_options()
        names = {"host": "db_host", "port": "db_port", "user": "db_user", "password": "db_password"}
        return psycopg2.connect(
            dbname=self.manager, **{key: options[name] for key, name in names.items() if name in options}
        )

    def get(self, host, path="/web/login", body=None, **headers):
        request = urllib.request.Request(self.server.url + path, body, {"Host": host, **headers})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, response.read().decode(), response.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    def log_in(self, host, database, login="admin"):
        """The cookie of a person's session."""
        params = {"db": database, "login": login, "password": login}
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}).encode()
        headers = {"Content-Type": "application/json"}
        cookies = self.get(host, "/web/session/authenticate", body, **headers)[2].get_all("Set-Cookie")
        return next(cookie.partition(";")[0] for cookie in cookies if cookie.startswith("session_id="))

    def rpc(self, host, method, *params, service="common", **more):
        body = {"jsonrpc": "2.0", "method": "call", "params": {"service": service, "method": method, "args": params}}
        headers = {"Host": host, "Content-Type": "application/json", **more}
        request = urllib.request.Request(self.server.url + "/jsonrpc", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            return json.load(error)


def wait_until(condition, seconds=BUSY):
    """Looked at ten times a second: what is looked for is often a question to PostgreSQL or to all processes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)
