"""What a client's administrator may try against his neighbours, the manager and the machine, and how it is tried.

Each attack answers with what the system said; it has failed when that is a refusal, or the attacker's own.
"""

import base64
import contextlib
import http.client
import io
import json
import os
import re
import urllib.error
import urllib.request
import uuid
import zipfile

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
    "SELECT pg_describe_object('pg_database'::regclass, i, 0) FROM generate_series(1, 99999) i",
    "SELECT o.identity FROM generate_series(1, 99999) i, pg_identify_object('pg_database'::regclass, i, 0) o",
    "SELECT pg_identify_object_as_address('pg_database'::regclass, 1, 0)",
    "SELECT pg_get_object_address('database', ARRAY['{neighbour}'], '{{}}')",
    "SELECT pg_get_acl('pg_database'::regclass, 1, 0)",
    "SELECT pg_tablespace_databases(1663)",
    "SELECT pg_tablespace_size('pg_default')",
    "SELECT datname FROM pg_stat_progress_vacuum",
    "SELECT datid FROM pg_stat_get_progress_info('VACUUM')",
    "SELECT pg_stat_get_backend_client_addr(1)",
    "SELECT table_to_xml('pg_catalog.pg_database', true, true, '')",
    "SELECT subname FROM pg_subscription",
    "SELECT * FROM pg_replication_origin",
    'ALTER DATABASE "{neighbour}" RENAME TO mine',
    'ALTER DATABASE "{own}" OWNER TO CURRENT_USER',
    'DROP DATABASE "{own}"',
    "REASSIGN OWNED BY odoo TO CURRENT_USER",
    "DROP OWNED BY odoo",
    "CREATE TABLESPACE mine LOCATION '/tmp'",
    "SET session_preload_libraries = 'x'",
    "LOAD '/tmp/x.so'",
    "SELECT pg_stat_reset_shared('io')",
    "SELECT pg_cancel_backend(pid) FROM generate_series(1, 99999) pid",
    "LOCK TABLE pg_catalog.pg_database IN ACCESS EXCLUSIVE MODE",
    "SELECT pg_advisory_lock(1)",  # any number of them fill the one table of locks of the server
    "SELECT pg_try_advisory_xact_lock_shared(1, 1)",
    "CHECKPOINT",
    "SELECT pg_log_backend_memory_contexts(1)",
    "CREATE PUBLICATION mine FOR ALL TABLES",
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
    "a QWeb template that looks around": (
        "view = env['ir.ui.view'].create({{'name': 'x', 'type': 'qweb', 'key': 'attack.look', 'arch': "
        "'<t t-name=\"attack.look\"><t t-out=\"\\',\\'.join(env.registry.registries.keys())\"/></t>'}})\n"
        "try:\n    answer = str(env['ir.qweb']._render('attack.look'))\nexcept Exception:\n    answer = '{own}'",
        "{own}",
    ),
    "a mail template that reads a file": (
        "body = '<t t-out=\"object.env.registry.cursor().connection.info.dbname\"/>'\n"
        "try:\n    answer = env['mail.render.mixin']._render_template_qweb(body, 'res.partner', [1])[1]\n"
        "except Exception:\n    answer = '{own}'\nanswer = str(answer)",
        "{own}",
    ),
    "a computed field with a cursor": (
        "model = env['ir.model']._get('res.partner')\n"
        "name = 'x_attack'\nenv['ir.model.fields'].search([('name', '=', name)]).unlink()\n"
        "env['ir.model.fields'].create({{'name': name, 'model_id': model.id, 'ttype': 'char', 'store': False, "
        "'depends': 'name', 'compute': 'for r in self: r[\"x_attack\"] = "
        "r.env.registry.cursor().connection.info.dbname'}})\n"
        "answer = env['res.partner'].browse(1)[name]",
        "{own}",
    ),
    "a scheduled action in the neighbour's database": (
        "env.cr.execute(\"SELECT pg_notify('cron_trigger', '{neighbour}')\")\nanswer = env.cr.dbname",
        "{own}",  # heard by the own process alone, which opens no other database
    ),
    "a registry of the neighbour": (
        "try:\n    answer = type(env.registry)('{neighbour}').db_name\nexcept Exception:\n    answer = 'refused'",
        "refused",
    ),
    "the configuration": (
        "try:\n    tools = env.registry['ir.attachment']._storage.__globals__\n    answer = 'reached'\n"
        "except Exception:\n    answer = 'refused'",
        "refused",
    ),
    "an imported module that leaves its folder": (
        "data = b64decode('{module}')\n"
        "try:\n    env['base.import.module'].create({{'module_file': b64encode(data)}}).import_module()\n"
        "except Exception as e:\n    pass\n"
        "files = env['ir.attachment'].search([('url', 'like', 'passwd')])\n"
        "answer = ','.join(f.name for f in files if (f.raw or b'').startswith(b'root'))",
        "",
    ),
    "a session variable for all": (
        "try:\n    env.cr.execute('ALTER ROLE ALL SET work_mem = 1024')\n    answer = 'set'\n"
        "except Exception:\n    answer = 'refused'",
        "refused",
    ),
}  # fmt: skip

# In Python, inside the process itself (a module of the attacker's, see `addons/tenant_walker`), with whatever it holds.
SIGHTS = (
    "[entry for entry in os.listdir('{data}') if entry not in ('instances', 'instance-addons')][0]",
    "[entry for entry in os.listdir('{data}/instance-addons') if entry not in {modules}][0]",
    "os.listdir('{neighbour_home}')",
    "os.listdir('{data}/instances')",
    "open('{data}/instances/x', 'w')",
    "open('{conf}').read()",
    "os.listdir('{suite}/saas_manager')",
    "os.listdir('{data}/filestore')",
    "os.listdir('{data}/sessions')",
    "socket.socket(socket.AF_UNIX).connect('{neighbour_socket}')",
    "socket.socket(socket.AF_UNIX).connect('{neighbour_by_host}')",
    "os.kill(1, 9)",
    "os.kill(os.getppid(), 9)",
    "os.kill({neighbour_process}, 9)",
    "os.kill({server_process}, 9)",
    "open('/proc/{server_process}/environ').read()",
    "open('/proc/1/environ').read()",
    "open('/proc/1/mem', 'rb').read(1)",
    "open(f'/proc/{{os.getppid()}}/maps').read()",
    "open('/proc/self/fd/1').read(1)",
    "open('/proc/self/fd/2', 'r+b').read(1)",
    "os.ftruncate(1, 0)",
    "[l for l in map(os.readlink, map('/proc/self/fd/{{}}'.format, os.listdir('/proc/self/fd'))) "
    "if l.startswith('/') and '{own}' not in l and not l.startswith(('/dev/', '/proc/'))][0]",
    "open('/proc/sys/kernel/core_pattern', 'w')",
    "open('/proc/sysrq-trigger', 'w')",
    "open('/sys/fs/cgroup/cgroup.procs', 'w')",
    "open('/etc/shadow').read()",
    "open('/etc/cron.d/x', 'w')",
    "os.link('/etc/shadow', os.path.join(os.environ['HOME'], 'shadow'))",
    "os.setuid(0)",
    "os.setuid({neighbour_user})",
    "os.setgroups([0])",
    "os.chroot('/')",
    "os.nice(-5)",
    "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
    "resource.setrlimit(resource.RLIMIT_NPROC, (99999, 99999))",
    "libc.mount(b'x', b'/mnt', b'tmpfs', 0, None) and 1 / 0",
    "libc.ptrace(16, {server_process}, 0, 0) and 1 / 0",
    "libc.ptrace(16, os.getppid(), 0, 0) and 1 / 0",
    "libc.setns(os.open(f'/proc/{{os.getppid()}}/ns/mnt', 0), 0) and 1 / 0",
    "subprocess.run(['unshare', '-Urm', 'sh', '-c', 'umount -l /root && ls -A /root | grep .'], check=True)",
    "subprocess.run(['unshare', '-Urm', 'sh', '-c', 'umount -l {data} && ls {data}/filestore'], check=True)",
    "subprocess.run(['su', '-c', 'id'], check=True, stdin=subprocess.DEVNULL)",
    "open('{suite}/lokario_host/child.py', 'a')",
    "open(sys.modules['odoo.http'].__file__, 'a')",
    "open(sys.modules['odoo.addons.tenant_walker'].__file__, 'a')",
    "os.unlink(os.path.join(os.path.dirname(socket.__file__), 'os.py'))",
    "os.listdir('{postgres_data}')",
    "os.listdir('/root/.ssh')",
    "[int(pid) for pid in os.listdir('/proc') if pid.isdigit() and os.stat('/proc/' + pid).st_uid != os.getuid()][0]",
    "socket.create_server(('0.0.0.0', 80))",
    "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "os.mknod('/tmp/disk', 0o060666, os.makedev(8, 0))",
    "open('/dev/sda', 'rb').read(1)",
    "open('/dev/mem', 'rb').read(1)",
    "open('/var/lib/lokario-x', 'w')",
    "psycopg2.connect(host='{postgres}', user='lokario_super', dbname='postgres')",
    "psycopg2.connect(host='{postgres}', user='odoo', dbname='{manager}')",
    "psycopg2.connect(host='{postgres}', user='{role}', password='x', dbname='{neighbour}')",
)
REFUSED = re.compile(r"Permission|FileNotFound|ProcessLookup|Index|OS|ZeroDivision|Value|CalledProcess|Operational")
# What holds without root, where instances share a user with the manager (docs/saas.md): the rest is not promised.
PROMISED_TO_ALL = ("os.setuid(0)", "/etc/shadow').read", "/proc/1/mem", "core_pattern", "os.chroot", "'0.0.0.0', 80")


def promised_sights() -> tuple[str, ...]:
    """Those that this machine promises to refuse."""
    if os.getuid() == 0:
        return SIGHTS
    return tuple(sight for sight in SIGHTS if any(part in sight for part in PROMISED_TO_ALL))


# Done inside the process; whatever comes of it, everybody else goes on as before.
MISCHIEF = {
    "nonsense for the supervisor": (
        '[os.write(int(fd), b\'[1e999]\\n{{"next_job": 1e999}}\\n{{"next_job": "x"}}\\nnull\\n\' * 99) '
        "for fd in os.listdir('/proc/self/fd') if int(fd) > 3 and "
        "os.readlink('/proc/self/fd/' + fd).startswith('socket:') and "
        "socket.socket(fileno=os.dup(int(fd))).family == socket.AF_UNIX]"
    ),
    "a log that never ends": "[os.write(1, b'x' * 65536) for _ in range(20)]",
    "a socket that hears no more": "socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)",
    "a process that leaves": "subprocess.Popen(['setsid', 'sleep', '600'], close_fds=False) and 'left'",
    "no end with its parent": "libc.prctl(1, 0, 0, 0, 0)",
    "notices for everybody": "[cr.execute('SELECT pg_notify(%s, %s)', ['lokario_gate', 'x' * 7000]) for _ in [0] * 50]",
    "an end without a word": "os._exit(7)",
}

# Printed to PDF or HTML by the instance; `{port}` is the manager's.
PAGES = (
    '<img src="file:///etc/passwd"/><iframe src="file:///etc/passwd"></iframe>',
    '<iframe src="http://127.0.0.1:{port}/web/login"></iframe>',
    '<object data="file://{conf}"></object>',
    '<embed src="file:///proc/self/environ"/><link rel="stylesheet" href="file://{conf}"/>',
    '<script>document.write(location.href); fetch("http://127.0.0.1:{port}/web/login", {{mode: "no-cors"}})'
    ".then(a => a.text()).then(t => document.write(t))</script>",
    '<style>@import url("http://127.0.0.1:{port}/web/login"); @import url("file:///etc/passwd");</style>',
    '<img src="http://169.254.169.254/latest/meta-data/"/><iframe src="http://[::1]:{port}/web/login"></iframe>',
)


OWN_MODULES = ("tenant_walker", "report_chromium")  # of the attackers' template, besides Odoo's


def _module() -> str:
    """A module to be uploaded, with a file that would lie elsewhere, in base64."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "attack_mod/__manifest__.py", "{'name': 'x', 'author': 'x', 'license': 'LGPL-3', 'data': ['x.xml']}"
        )
        archive.writestr("attack_mod/__init__.py", "import os; os._exit(9)")
        archive.writestr("attack_mod/x.xml", "<odoo/>")
        archive.writestr("attack_mod/static/../../../../../../etc/passwd", "mine:x")
        archive.writestr("../attack_mod/__manifest__.py", "{'name': 'y', 'author': 'y', 'license': 'LGPL-3'}")
    return base64.b64encode(packed.getvalue()).decode()


class Neighbours:
    """Two active instances of ``manager``; the administrator of the first attacks."""

    def __init__(self, manager, subdomains, passwords):
        self.manager = manager
        self.subdomains = subdomains
        self.own, self.neighbour = (manager.database(subdomain) for subdomain in subdomains)
        self.host = f"{subdomains[0]}.localhost"
        self.passwords = passwords
        self._roles: dict[str, list[str]] = {}
        self._cookies: dict[int, str] = {}

    def role(self, database: str) -> list[str]:
        """Role and password of an instance."""
        if database not in self._roles:
            printed = self.manager.run_script(
                "for i in env['saas.instance'].search([('tenant_role', '!=', False)]):\n"
                "    print('ROLE', i.database_name, i.tenant_role, i._reveal_secret__('tenant_password'))"
            )
            lines = (line.split()[1:] for line in printed.splitlines() if line.startswith("ROLE"))
            self._roles = {name: found for name, *found in lines}
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
            "neighbour_by_host": data_folder() / "sockets" / "hosts" / f"{self.subdomains[1]}.localhost.sock",
            "postgres_data": getattr(cluster, "data", "/var/lib/postgresql"),
            "postgres": cluster.odoo_options()["db_host"], "modules": OWN_MODULES, "module": _module(),
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
        try:
            action = self.call("ir.actions.server", "create", values)
        except AssertionError as refusal:  # Odoo's sandbox does not take it, nor loops as newer Pythons compile them
            is_expected = expected == "refused" or "JUMP_BACKWARD_NO_INTERRUPT" in str(refusal)
            return is_expected and "forbidden" in str(refusal), str(refusal)[:90]
        answer = self.call("ir.actions.server", "run", action if isinstance(action, list) else [action])["url"]
        return answer == (expected or "nothing"), answer

    def sight(self, expression: str) -> tuple[bool, str]:
        """Evaluated inside the attacker's own process."""
        answer = self.post("/run", {"expression": expression.format(**self.victims())})
        return bool(answer.get("error") and REFUSED.search(answer["error"])), answer.get("error") or answer["value"]

    def mischief(self, attack: str) -> tuple[bool, str]:
        """Done inside the attacker's own process: the neighbour, the manager and the supervisor do not notice."""
        supervisor = self.manager.host.process.pid
        with contextlib.suppress(OSError, AssertionError, http.client.HTTPException):
            self.post("/run", {"expression": MISCHIEF[attack].format(**self.names())})
        others = [self.manager.get(host)[0] for host in (f"{self.subdomains[1]}.localhost", "localhost")]
        is_same = self.manager.host.process.poll() is None and self.manager.host.process.pid == supervisor
        return others == [200, 200] and is_same, f"neighbour and manager answer {others}"

    def victims(self) -> dict:
        """The names, with processes that run right now."""
        for subdomain in self.subdomains:
            assert self.manager.get(f"{subdomain}.localhost")[0] == 200
        other = process_of(self.neighbour)
        return self.names() | {"neighbour_process": other.pid, "neighbour_user": other.uids().real}

    def page(self, content: str) -> tuple[bool, str]:
        """Print a page of the attacker as PDF and HTML: it prints, and nothing of what it names is in it."""
        content, key = content.format(**self.names()), f"attack.p{uuid.uuid4().hex}"
        page = f'<div class="article"><div class="page">hello {content}</div></div>'
        arch = f'<t t-name="{key}"><t t-call="web.html_container">{page}</t></t>'
        self.call("ir.ui.view", "create", {"name": "x", "type": "qweb", "key": key, "arch": arch})
        report = {"name": "x", "model": "res.partner", "report_type": "qweb-pdf", "report_name": key}
        self.call("ir.actions.report", "create", report)
        pdf, html = (self.fetch(f"/report/{kind}/{key}/1") for kind in ("pdf", "html"))
        pages = PdfFileReader(io.BytesIO(pdf)).pages if pdf.startswith(b"%PDF") else []
        text = "".join(page.extract_text() for page in pages)
        leaked = [word for word in ("root:x:0", "admin_passwd", "Log in") if word in text or word.encode() in html]
        return "hello" in text and not leaked, f"{len(pdf)} bytes of PDF with {text[:40]!r} {leaked or ''}"

    def walk(self, _what: str = "") -> tuple[bool, str]:
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

    def log_in(self, number: int = 0) -> str:
        """The session of an administrator: the attacker's, or the other one's."""
        if number not in self._cookies:
            subdomain, password = self.subdomains[number], self.passwords[number]
            login = {"db": self.manager.database(subdomain), "login": f"{subdomain}@client.test", "password": password}
            self._cookies[number] = self._session_of(f"{subdomain}.localhost", login)
        return self._cookies[number]

    def _session_of(self, host: str, params: dict) -> str:
        request = urllib.request.Request(
            self.manager.server.url + "/web/session/authenticate",
            json.dumps({"jsonrpc": "2.0", "params": params}).encode(),
            {"Content-Type": "application/json", "Host": host},
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
