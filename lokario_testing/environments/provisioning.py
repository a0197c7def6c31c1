"""A manager with saas_manager, its web server and a mail sink: everything a provisioning needs, for real."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

from lokario_cli.front import FrontedServer
from lokario_cli.odoo_process import InstanceHost, Server, free_port, process_environment, write_configuration
from lokario_cli.paths import STATE

from .databases import Databases, run_script
from .mail import SmtpServer

TEMPLATE_MODULES = "base, web, mail, portal, auth_signup"
DONE_STATES = {"active", "error"}
SET_UP = """
env["res.lang"]._activate_lang("en_US")
env.ref("base.user_admin").lang = "en_US"
env["ir.module.module"].update_list()  # this environment's addons_path may name more than the template's
company = env.ref("base.main_company")
company.write({{"name": "Lokario", "email": "hello@lokario.test"}})
if "iap_enrich_auto_done" in company:  # else Odoo asks odoo.com about this address at the first login
    company.iap_enrich_auto_done = True
env["ir.mail_server"].create({{"name": "sink", "smtp_host": "127.0.0.1", "smtp_port": {smtp_port},
                              "smtp_encryption": "none"}})
server = env["saas.server"].create({{"name": "Here", "database_prefix": {prefix!r}, "base_domain": "localhost",
                                    "protocol": "http", "public_port": {port},
                                    "max_instances": {places}, "isolation": {isolation!r},
                                    "state": "active"}})
template = env["saas.template"].create({{"name": "Small company", "code": "base", "server_id": server.id,
                                        "modules": {modules!r},
                                        "lang_ids": env["res.lang"].with_context(active_test=False).search(
                                            [("code", "=", "fr_FR")]).ids}})
plan = env["saas.plan"].create({{"name": "Standard", "code": "standard", "template_id": template.id,
                                "relay_host": "127.0.0.1", "relay_port": {smtp_port}, "relay_encryption": "none",
                                "relay_sender": "noreply@lokario.test"}})
env.cr.commit()
print("ENVIRONMENT", server.id, template.id, plan.id)
"""

ADOPT = """
from odoo.addons.saas_manager.tools import naming

template = env["saas.template"].browse({template})
server, tag = template.server_id, template._ownership_tag()
name = naming.template_database_name(server.database_prefix, template.code, 1)
server._get_postgres__().clone_hidden({source!r}, name, tag)
server._get_filestore__().clone({source!r}, name)
server._get_postgres__().seal(name, tag)
template._set_ready(name, 1, template._recipe(), 0.0)
env.cr.commit()
"""


class ProvisioningEnvironment:
    """``with ProvisioningEnvironment(environment) as w: w.provision("acme")``.

    ``call`` speaks to the manager as its administrator does in the browser, through nginx when ``is_fronted``.
    """

    def __init__(
        self,
        environment: Databases,
        places: int = 100,
        modules: str = TEMPLATE_MODULES,
        isolation: str = "process",
        is_fronted: bool = False,
        **options,
    ):
        self.environment = environment
        self.tag = uuid.uuid4().hex[:6]
        self.manager = f"saas_manager_{self.tag}"
        self.prefix = f"t{self.tag}-"
        self.places = places
        self.modules = modules
        self.isolation = isolation
        self.is_fronted = is_fronted
        self.options = options
        self._stack = contextlib.ExitStack()
        self._cookie = self._password = ""
        self.server: Server | None = None
        self.mails: SmtpServer | None = None

    def __enter__(self):
        try:
            return self._start()
        except BaseException:
            self._stack.close()
            raise

    def __exit__(self, *_exc):
        self._stack.close()

    def _start(self):
        self.mails = self._stack.enter_context(SmtpServer())
        self.environment.clone(self.installed_database(), self.manager)
        self._stack.callback(self._drop_everything)
        options = {"lokario/manager_db": self.manager, "workers": "0", "max_cron_threads": "0", **self.options}
        options = self.environment.options(**options, http_port=str(free_port()))
        self.server = (FrontedServer if self.is_fronted else Server)(f"saas-{self.tag}", options)
        self.server_id, self.template_id, self.plan_id = self._set_up()
        self._stack.enter_context(self.server)
        if self.isolation == "process":
            self.host = self._stack.enter_context(InstanceHost(self.server))
        self.log_in()
        return self

    def installed_database(self) -> str:
        """A database with saas_manager and what it needs, to be cloned."""
        return self.environment.database_with("saas_manager")

    def _set_up(self):
        values = {"smtp_port": self.mails.port, "prefix": self.prefix, "port": self.server.port, "places": self.places,
                  "isolation": self.isolation}  # fmt: skip
        printed = self.run_script(SET_UP.format(modules=self.modules, **values))
        line = next(line for line in printed.splitlines() if line.startswith("ENVIRONMENT"))
        return [int(word) for word in line.split()[1:]]

    def run_script(self, script: str) -> str:
        """Run Python in a shell on the manager's database; returns what it printed."""
        return run_script(self.server.conf, self.manager, script)

    def _drop_everything(self) -> None:
        names = self.environment.cluster.psql(
            f"SELECT datname FROM pg_database WHERE starts_with(datname, '{self.prefix}')"
        )
        for name in [*names.split(), self.manager]:
            self.environment.drop(name)
        for shared in ("saas", "with_"):
            self.environment.release_shared(shared)

    # === TALKING TO THE MANAGER === #

    def log_in(self, login: str = "admin", password: str = "admin") -> None:  # noqa: S107
        self._cookie, self._password = "", password
        params = {"db": self.manager, "login": login, "password": password}
        self.post("/web/session/authenticate", {"jsonrpc": "2.0", "params": params})

    def call(self, model: str, method: str, *args, **kwargs):
        """Call a method as the web client does; raises AssertionError with the server's sentence."""
        params = {"model": model, "method": method, "args": list(args), "kwargs": kwargs}
        answer = self.post("/web/dataset/call_kw", {"jsonrpc": "2.0", "params": params})
        if "error" in answer:
            raise RefusedCall(answer["error"]["data"]["message"], answer["error"]["data"].get("debug"))
        result = answer.get("result")
        if isinstance(result, dict) and result.get("res_model") == "res.users.identitycheck":
            context = {"password": self._password}  # what the person types into the window that asks for it again
            return self.call(result["res_model"], "run_check", [result["res_id"]], context=context)
        return result

    def post(self, path: str, body: dict, host: str = "localhost", **headers):
        all_headers = {"Content-Type": "application/json", "Host": host, "Cookie": self._cookie, **headers}
        request = urllib.request.Request(self.server.url + path, json.dumps(body).encode(), all_headers)
        with urllib.request.urlopen(request, timeout=120) as response:
            for cookie in response.headers.get_all("Set-Cookie") or []:
                if cookie.startswith("session_id=") and not self._cookie:
                    self._cookie = cookie.partition(";")[0]
            return json.load(response)

    def get(self, host: str, path: str = "/web/login", cookie: str = ""):
        """(status, text) of a page under any host."""
        request = urllib.request.Request(self.server.url + path, headers={"Host": host, "Cookie": cookie})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ref(self, xml_id: str) -> int:
        module, _dot, name = xml_id.partition(".")
        found = self.call("ir.model.data", "search_read", [["module", "=", module], ["name", "=", name]], ["res_id"])
        return found[0]["res_id"]

    # === THE MAIN JOB === #

    def build_template(self) -> None:
        """By its button, once in a run of the tests; another environment with the same modules takes a copy."""
        recipe = f"{self.modules} {self.isolation} {self.options.get('addons_path')}"
        source = self.environment.shared(f"saas_{hashlib.sha256(recipe.encode()).hexdigest()[:8]}", self._build)
        if self.read("saas.template", self.template_id, "state") == "draft":
            self.run_script(ADOPT.format(template=self.template_id, source=source))

    def _build(self, building: str) -> None:
        self.call("saas.template", "action_build", [self.template_id])
        state = self.wait_for("saas.template", self.template_id, {"ready", "failed"}, 900)
        assert state == "ready", self.read("saas.template", self.template_id, "build_error")
        self.environment.clone(self.read("saas.template", self.template_id, "template_db"), building)

    def create_client(self, name: str, email: str | None = None, **values) -> int:
        address = email or f"{name.lower()}@client.test"
        values = {"name": name, "is_company": True, "email": address, "lang": "en_US", **values}
        return self.call("res.partner", "create", [values])[0]

    def create_instance(self, subdomain: str, **values) -> int:
        partner = values.pop("partner_id", None) or self.create_client(subdomain)
        values = {"name": subdomain.title(), "subdomain": subdomain, "partner_id": partner,
                  "plan_id": self.plan_id, **values}  # fmt: skip
        return self.call("saas.instance", "create", [values])[0]

    def provision(self, subdomain: str, timeout: float = 180, **values) -> int:
        """Create and provision an instance through the button; returns its id once active or in error."""
        instance = self.create_instance(subdomain, **values)
        self.call("saas.instance", "action_provision_instance", [instance])
        self.wait_for("saas.instance", instance, DONE_STATES, timeout)
        return instance

    def read(self, model: str, record: int, *names: str):
        values = self.call(model, "read", [record], list(names))[0]
        return values[names[0]] if len(names) == 1 else [values[name] for name in names]

    def wait_for(self, model: str, record: int, states: set[str], timeout: float, field: str = "state") -> str:
        """Looked for in the database: asking the manager would slow down what is waited for."""
        deadline = time.monotonic() + timeout
        with contextlib.closing(self.connect(self.manager)) as connection, connection.cursor() as cursor:
            while True:
                cursor.execute(f"SELECT {field} FROM {model.replace('.', '_')} WHERE id = %s", [record])
                (state,) = cursor.fetchone()
                if state in states:
                    return state
                assert time.monotonic() < deadline, f"{model} {record} is still {state}"
                time.sleep(0.02)

    def forget_mails(self) -> None:
        """Those of earlier actions leave by jobs: they are waited for, then forgotten."""
        # queue_job's runner looks for jobs of a killed server each time something wakes it, else once a minute.
        waiting = (
            "NOTIFY queue_job; SELECT count(*) FROM queue_job WHERE state IN ('pending', 'enqueued', 'started')"
            " AND coalesce(eta <= now() AT TIME ZONE 'utc', true)"
        )
        deadline = time.monotonic() + 120
        while (count := self.environment.cluster.psql(waiting, self.manager).split()[-1]) != "0":
            assert time.monotonic() < deadline, f"{count} jobs are not done"
            time.sleep(0.1)
        self.mails.received.clear()

    def wait_for_mails(self, count: int, timeout: float = 120) -> list[str]:
        """The raw mails received so far, once there are ``count``."""
        deadline = time.monotonic() + timeout
        while len(self.mails.received) < count:
            assert time.monotonic() < deadline, f"{len(self.mails.received)} mails instead of {count}"
            time.sleep(0.02)
        return [raw.decode() for _sender, _to, raw, _login in self.mails.received]

    @contextlib.contextmanager
    def mail_server_that_hangs(self):
        """Meanwhile the mail server accepts connections and never says a word."""
        servers = self.call("ir.mail_server", "search", [])
        with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
            self.call("ir.mail_server", "write", servers, {"smtp_port": silent.getsockname()[1]})
            try:
                yield
            finally:
                self.call("ir.mail_server", "write", servers, {"smtp_port": self.mails.port})

    def database(self, subdomain: str) -> str:
        return f"{self.prefix}{subdomain}"

    def connect(self, database: str):
        """An autocommit connection as Odoo's own role."""
        import psycopg2

        options = self.environment.cluster.odoo_options()
        names = {"db_host": "host", "db_port": "port", "db_user": "user", "db_password": "password"}
        connection = psycopg2.connect(
            dbname=database, **{names[key]: value for key, value in options.items() if key in names}
        )
        connection.autocommit = True
        return connection

    def databases(self) -> list[str]:
        """Databases of this environment's instances and templates."""
        query = f"SELECT datname FROM pg_database WHERE starts_with(datname, '{self.prefix}') ORDER BY 1"
        return self.environment.cluster.psql(query).split()


class CronProcess:
    """Odoo's cron thread in a process of its own, looking every 50 ms instead of every minute.

    It sees this environment's instances only, because others test on the same cluster; ``listed`` stands for a worker
    that listed these databases long ago.
    """

    PROGRAM = """
import sys, odoo.cli, odoo.service.server as server
prefix, listed, everything = sys.argv.pop(1), sys.argv.pop(1).split(), server.cron_database_list
server.cron_database_list = lambda: listed or [name for name in everything() if name.startswith(prefix)]
server.SLEEP_INTERVAL = 0.05
odoo.cli.main()
"""

    def __init__(self, environment: ProvisioningEnvironment, listed: tuple[str, ...] = ()):
        modules = {"server_wide_modules": "base,web,lokario_gate", "lokario/manager_db": environment.manager}
        options = environment.environment.options(workers="0", max_cron_threads="1", **modules)
        self._conf = write_configuration(STATE / "conf" / f"cron-{environment.tag}.conf", options)
        self._log = STATE / "logs" / f"cron-{environment.tag}.log"
        self._sees = (environment.prefix, " ".join(listed))

    def __enter__(self):
        command = [sys.executable, "-c", self.PROGRAM, *self._sees, "-c", str(self._conf), "--no-http"]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command,
                env=process_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_exc):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class RefusedCall(AssertionError):
    """The server answered with an error; the text is what a person would read."""


def instance_tools():
    """The package `saas_manager.tools`, importable without a database."""
    import odoo.modules.module
    from odoo.tools import config

    from lokario_cli.paths import ROOT

    config.parse_config(["--addons-path", str(ROOT), "--http-interface", "127.0.0.1"], setup_logging=False)
    odoo.modules.module.initialize_sys_path()
    from odoo.addons.saas_manager import tools
    from odoo.addons.saas_manager.tools import (  # noqa: F401
        admin_credentials,
        catalog,
        customizer,
        filestore,
        neutralizer,
        postgres_admin,
        probe,
        rules,
        sanitizer,
    )  # fmt: skip

    return tools
