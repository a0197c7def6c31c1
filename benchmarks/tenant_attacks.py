"""What a client's administrator may try against his neighbours, the manager and the machine, and how it is tried.

Each attack answers with what the system said; it has failed when that is a refusal, or the attacker's own.
"""

import io
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
import uuid

import psycopg2
from odoo.tools.pdf import PdfFileReader

from lokario_cli.paths import ROOT
from lokario_testing.environments.databases import data_folder
from lokario_testing.environments.processes import process_of

# As the instance's role, through any cursor: `{own}` and `{neighbour}` are databases.
SQL = (
    "SELECT datname FROM pg_database",
    "SELECT usename, datname FROM pg_stat_activity",
    "SELECT rolname FROM pg_roles",
    "SELECT * FROM pg_shdescription",
    "SELECT * FROM pg_stat_database",
    "SELECT pg_database_size('{neighbour}')",
    "SELECT has_database_privilege('{neighbour}', 'connect')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_get_activity(NULL)",
    'DROP DATABASE "{neighbour}" WITH (FORCE)',
    'ALTER DATABASE "{neighbour}" CONNECTION LIMIT 7',
    'ALTER DATABASE "{own}" CONNECTION LIMIT 700',
    "COMMENT ON DATABASE \"{own}\" IS 'lokario-saas:forged:mark'",
    "ALTER ROLE odoo PASSWORD 'x'",
    "SET ROLE odoo",
    "SET SESSION AUTHORIZATION odoo",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY res_partner TO '/tmp/x'",
    "COPY res_partner FROM PROGRAM 'id'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_stat_file('pg_hba.conf')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(lo_from_bytea(0, 'x'), '/tmp/x')",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION postgres_fdw",
    "CREATE EXTENSION file_fdw",
    "CREATE LANGUAGE plpython3u",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/tmp/x.so', 'f'",
    "CREATE SUBSCRIPTION s CONNECTION 'dbname={neighbour}' PUBLICATION p",
    "CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()",
    "GRANT lokario_tenants TO CURRENT_USER WITH ADMIN OPTION",
    "ALTER ROLE CURRENT_USER CONNECTION LIMIT 700",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "SET log_statement = 'none'",
    "SET temp_file_limit = -1",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_switch_wal()",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT * FROM pg_authid",
    "SELECT current_setting('data_directory')",
    "SELECT pg_create_physical_replication_slot('s')",
)

# By a server action; the code leaves its answer in `answer`, which must be the second text ("" for nothing).
ACTIONS = {
    "the suite in Apps": (
        "env['ir.module.module'].update_list()\n"
        "found = env['ir.module.module'].search([('name', '=like', 'lokario%')]) "
        "| env['ir.module.module'].search([('name', 'in', ['saas_manager', 'email_engine_bridge', 'queue_job'])])\n"
        "answer = ','.join(found.mapped('name'))",
        "",
    ),
    "registries of others": (
        "try:\n    answer = ','.join(sorted(env.registry.registries.keys()))\n"
        "except Exception:\n    answer = env.cr.dbname  # not even that table can be reached",
        "{own}",
    ),
    "the role": (
        "env.cr.execute('SELECT current_user, session_user')\nanswer = ','.join(env.cr.fetchone())",
        "{role},{role}",
    ),
    "the neighbour's database": (
        "c = env.registry.cursor()\nc.connection.set_session(autocommit=True)\n"
        "try:\n    c.execute('DROP DATABASE \"{neighbour}\" WITH (FORCE)')\n    answer = 'dropped'\n"
        "except Exception as e:\n    answer = 'must be owner' if 'must be owner' in str(e) else str(e)\nc.close()",
        "must be owner",
    ),
    "a signal to the gate": (
        "env.cr.execute(\"NOTIFY lokario_gate; NOTIFY cron_trigger, '{neighbour}'\")\nanswer = 'sent'",
        "sent",  # heard in the own database alone
    ),
    "an attachment outside of the folder": (
        "a = env['ir.attachment'].create({{'name': 'x', 'raw': b'x'}})\nenv.flush_all()\n"
        "path = '../../../../../../etc/passwd'\n"
        "env.cr.execute('UPDATE ir_attachment SET store_fname = %s WHERE id = %s', [path, a.id])\n"
        "env.invalidate_all()\nanswer = (a.raw or b'').decode()[:4]",
        "",
    ),
    "an asset outside of the addons": (
        "env['ir.asset'].create({{'name': 'x', 'bundle': 'web.assets_frontend', 'path': '/../../../../etc/passwd'}})\n"
        "paths = env['ir.asset']._get_asset_paths('web.assets_frontend', {{}})\n"
        "answer = ','.join(p[0] for p in paths if 'passwd' in p[0] and p[1])\n"
        "env['ir.asset'].search([('name', '=', 'x')]).unlink()",
        "",
    ),
    "a session variable for all": (
        "try:\n    env.cr.execute('ALTER ROLE ALL SET work_mem = 1024')\n    answer = 'set'\n"
        "except Exception:\n    answer = 'refused'",
        "refused",
    ),
}  # fmt: skip

# In Python, with the very view and user of the instance's process.
SIGHTS = (
    "[entry for entry in os.listdir('{data}') if entry not in ('instances', 'instance-addons')][0]",
    "[entry for entry in os.listdir('{data}/instance-addons') if entry not in ('tenant_walker', 'report_chromium')][0]",
    "os.listdir('{neighbour_home}')",
    "open('{conf}').read()",
    "os.listdir('{suite}/saas_manager')",
    "os.listdir('{data}/filestore')",
    "os.listdir('{data}/sessions')",
    "socket.socket(socket.AF_UNIX).connect('{neighbour_socket}')",
    "os.kill(1, 9)",
    "os.kill({neighbour_process}, 9)",
    "os.kill({server_process}, 9)",
    "open('/proc/{server_process}/environ').read()",
    "open('/proc/1/environ').read()",
    "open('/proc/1/mem', 'rb').read(1)",
    "open('/proc/sys/kernel/core_pattern', 'w')",
    "open('/etc/shadow').read()",
    "os.setuid(0)",
    "os.setuid({neighbour_user})",
    "os.chroot('/')",
    "ctypes.CDLL(None, use_errno=True).mount(b'x', b'/mnt', b'tmpfs', 0, None) and 1 / 0",
    "open('{suite}/lokario_host/child.py', 'a')",
    "os.unlink(os.path.join(os.path.dirname(socket.__file__), 'os.py'))",
    "os.listdir('{postgres_data}')",
    "os.listdir('/root/.ssh')",
    "[int(pid) for pid in os.listdir('/proc') if pid.isdigit() and os.stat('/proc/' + pid).st_uid != os.getuid()][0]",
    "socket.create_server(('0.0.0.0', 80))",
    "os.mknod('/tmp/disk', 0o060666, os.makedev(8, 0))",
    "open('/var/lib/lokario-x', 'w')",
)
REFUSED = re.compile(r"PermissionError|FileNotFoundError|ProcessLookupError|IndexError|OSError|ZeroDivisionError")

# Printed to PDF or HTML by the instance; `{port}` is the manager's.
PAGES = (
    '<img src="file:///etc/passwd"/><iframe src="file:///etc/passwd"></iframe>',
    '<iframe src="http://127.0.0.1:{port}/web/login"></iframe>',
    '<object data="file://{conf}"></object>',
)


class Neighbours:
    """Two active instances of ``manager``; the administrator of the first attacks."""

    def __init__(self, manager, subdomains, passwords):
        self.manager = manager
        self.subdomains = subdomains
        self.own, self.neighbour = (manager.database(subdomain) for subdomain in subdomains)
        self.host = f"{subdomains[0]}.localhost"
        self._passwords = passwords
        self._roles: dict[str, list[str]] = {}
        self._cookie = ""

    def role(self, database: str) -> list[str]:
        """Role and password of an instance."""
        if database not in self._roles:
            printed = self.manager.run_script(
                f"i = env['saas.instance'].search([('database_name', '=', '{database}')])\n"
                "print('ROLE', i.tenant_role, i._reveal_secret__('tenant_password'))"
            )
            self._roles[database] = next(line.split()[1:] for line in printed.splitlines() if line.startswith("ROLE"))
        return self._roles[database]

    def connect(self, database: str):
        """A cursor in ``database``, as the attacker's process could open one."""
        role, password = self.role(self.own)
        host = self.manager.environment.cluster.odoo_options()["db_host"]
        connection = psycopg2.connect(host=host, user=role, password=password, dbname=database)
        connection.autocommit = True
        return connection.cursor()

    def names(self) -> dict:
        """What the attacks may know of their victims."""
        cluster = self.manager.environment.cluster
        return {
            "own": self.own, "neighbour": self.neighbour, "manager": self.manager.manager,
            "role": self.role(self.own)[0], "data": data_folder(), "conf": self.manager.server.conf, "suite": ROOT,
            "neighbour_home": data_folder() / "instances" / self.neighbour,
            "neighbour_socket": data_folder() / "sockets" / f"{self.neighbour}.sock",
            "server_process": self.manager.server.process.pid, "port": self.manager.server.port,
            "postgres_data": getattr(cluster, "data", "/var/lib/postgresql"),
        }  # fmt: skip

    # === ATTACKS: each returns (whether it failed, what answered) === #

    def sql(self, statement: str) -> tuple[bool, str]:
        statement = statement.format(**self.names())
        with self.connect(self.own) as cursor:
            try:
                cursor.execute(statement)
            except psycopg2.Error as refusal:
                text = str(refusal).strip().splitlines()[0]
                return self.neighbour not in text or self.neighbour in statement, text
        return False, "done"

    def action(self, attack: str) -> tuple[bool, str]:
        code, expected = (text.format(**self.names()) for text in ACTIONS[attack])
        code += "\naction = {'type': 'ir.actions.act_url', 'url': answer or 'nothing'}"
        model = self.call("ir.model", "search", [["model", "=", "res.partner"]])[0]
        values = {"name": attack, "model_id": model, "state": "code", "code": code}
        action = self.call("ir.actions.server", "create", values)
        answer = self.call("ir.actions.server", "run", action if isinstance(action, list) else [action])["url"]
        return answer == (expected or "nothing"), answer

    def sight(self, expression: str) -> tuple[bool, str]:
        for subdomain in self.subdomains:
            assert self.manager.get(f"{subdomain}.localhost")[0] == 200
        mine, other = process_of(self.own), process_of(self.neighbour)
        names = self.names() | {"neighbour_process": other.pid, "neighbour_user": other.uids().real}
        code = f"import ctypes, os, socket; print(repr({expression.format(**names)}))"
        user = mine.uids().real
        done = subprocess.run(
            ["nsenter", "--target", str(mine.pid), "--mount", "--pid", "setpriv", f"--reuid={user}", f"--regid={user}",
             "--clear-groups", "--no-new-privs", sys.executable, "-c", code],
            capture_output=True, text=True, cwd="/", env={"PATH": os.defpath},
        )  # fmt: skip
        said = (done.stderr or done.stdout).strip().splitlines()[-1]
        return bool(done.returncode and REFUSED.search(said)), said

    def page(self, content: str) -> tuple[bool, str]:
        """Print a page of the attacker as PDF and HTML: it prints, and nothing of what it names is in it."""
        content, key = content.format(**self.names()), f"attack.p{uuid.uuid4().hex}"
        arch = f'<t t-name="{key}"><div class="page">hello {content}</div></t>'
        self.call("ir.ui.view", "create", {"name": "x", "type": "qweb", "key": key, "arch": arch})
        report = {"name": "x", "model": "res.partner", "report_type": "qweb-pdf", "report_name": key}
        self.call("ir.actions.report", "create", report)
        pdf, html = (self.fetch(f"/report/{kind}/{key}/1") for kind in ("pdf", "html"))
        pages = PdfFileReader(io.BytesIO(pdf)).pages if pdf.startswith(b"%PDF") else []
        text = "".join(page.extract_text() for page in pages)
        leaked = [word for word in ("root:x:0", "admin_passwd", "Log in") if word in text or word.encode() in html]
        return "hello" in text and not leaked, f"{len(pdf)} bytes of PDF with {text[:40]!r} {leaked or ''}"

    def walk(self) -> tuple[bool, str]:
        """Everything reachable from `env`: no word, connection, module, file or socket of others."""
        neighbour_role, neighbour_password = self.role(self.neighbour)
        cluster = self.manager.environment.cluster
        words = [self.neighbour, neighbour_role, neighbour_password, self.manager.manager]
        words += [os.environ.get("LOKARIO_SECRET_KEYS", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
        words += [str(self.manager.server.conf), getattr(cluster, "password", "") or "LOKARIO_SECRET_KEYS"]
        answer = self.post("/walk", {"backwards": [word[::-1] for word in words]})
        said = f"{answer['visited']} objects, {'all' if answer['in_time'] else 'as many as fit in a minute'}"
        return not answer["found"] and answer["visited"] > 10_000, f"{said}: {answer['found'][:5]}"

    # === TALKING AS THE ATTACKER === #

    def log_in(self) -> str:
        if not self._cookie:
            params = {"db": self.own, "login": f"{self.subdomains[0]}@client.test", "password": self._passwords[0]}
            self._cookie = self._session_of("/web/session/authenticate", params)
        return self._cookie

    def _session_of(self, path: str, params: dict) -> str:
        request = urllib.request.Request(
            self.manager.server.url + path,
            json.dumps({"jsonrpc": "2.0", "params": params}).encode(),
            {"Content-Type": "application/json", "Host": self.host},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            cookies = response.headers.get_all("Set-Cookie") or []
            return next(cookie.partition(";")[0] for cookie in cookies if cookie.startswith("session_id="))

    def post(self, path: str, params: dict):
        answer = self.manager.post(path, {"params": params}, host=self.host, Cookie=self.log_in())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def call(self, model: str, method: str, *args, **kwargs):
        params = {"model": model, "method": method, "args": list(args), "kwargs": kwargs}
        return self.post("/web/dataset/call_kw", params)

    def fetch(self, path: str) -> bytes:
        headers = {"Host": self.host, "Cookie": self.log_in()}
        request = urllib.request.Request(self.manager.server.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=90) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            return error.read()
