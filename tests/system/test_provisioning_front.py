"""nginx in front of the manager and instances, and what a production machine runs (deploy/)."""

import contextlib
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import psycopg2
import pytest
import websocket
from clients import log_in, name, password_in
from fleet import wait_until

from lokario_cli.front import Front
from lokario_cli.odoo_process import free_port
from lokario_cli.paths import ROOT
from lokario_cli.setup import nginx
from lokario_testing.environments.databases import data_folder
from lokario_testing.environments.processes import end_process, process_of


@pytest.fixture(scope="module")
def front(provisioning):
    options = {"http_port": str(provisioning.server.port), "data_dir": str(data_folder())}
    with Front("127.0.0.1", free_port(), options) as started:
        yield started


def ask(front, host, path="/web/login", **headers):
    request = urllib.request.Request(front.url + path, headers={"Host": host, **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_nginx_leads_each_host_to_its_process(provisioning, mails, front):
    subdomain = name()
    host, database = f"{subdomain}.localhost", provisioning.database(subdomain)
    instance = provisioning.provision(subdomain)
    cookie = log_in(provisioning, host, f"{subdomain}@client.test", password_in(mails(1)[0]))
    assert ask(front, "localhost")[0] == 200, "the manager"
    assert ask(front, host, "/odoo", Cookie=cookie)[0] == 200
    opened = websocket.create_connection(
        f"{front.url.replace('http', 'ws')}/websocket?version=19.0-2", host=host, cookie=cookie,
        origin=f"http://{host}", timeout=60,
    )  # fmt: skip
    provisioning.call("saas.instance", "action_suspend", [instance])
    with contextlib.suppress(websocket.WebSocketConnectionClosedException):  # on a busy machine without a last word
        assert opened.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
    status, page = ask(front, host)
    assert (status, "<html" in page) == (503, True), "the gate's page"
    provisioning.call("saas.instance", "action_reactivate", [instance])
    assert ask(front, host)[0] == 200, "it answers when the action is over"
    end_process(database)
    assert ask(front, host)[0] == 200
    assert process_of(database)
    assert ask(front, "nobody.localhost")[0] == 404
    for stranger in ("127.0.0.2", "manager.example.com", "a..b"):
        assert ask(front, stranger)[0] in (400, 404)
    assert ask(front, host, "/web/database/manager")[0] == 404


def test_sessions_that_last_too_long_or_hold_too_much_are_ended(provisioning, monkeypatch):
    """A client can set every time-out of his role, and all databases share one table of locks; the watcher ends what he
    holds.
    """
    from lokario_host.watcher import HOARDING, OVERDUE, end_hoarding, end_overdue

    subdomain = name()
    database, record = provisioning.database(subdomain), provisioning.provision(subdomain)
    for query, text in {"OVERDUE": OVERDUE, "HOARDING": HOARDING}.items():
        only_its_own = f"{text} AND datname = '{database}'"  # other tests' instances live on this server, too
        monkeypatch.setattr(f"lokario_host.watcher.{query}", only_its_own)
    role = provisioning.read("saas.instance", record, "tenant_role")
    printed = provisioning.run_script(
        f"print('PASSWORD', env['saas.instance'].browse({record})._reveal_secret__('tenant_password'))"
    )
    password = next(line.split()[1] for line in printed.splitlines() if line.startswith("PASSWORD"))
    host = provisioning.environment.cluster.odoo_options()["db_host"]
    client, hoarder, listener = (
        psycopg2.connect(host=host, user=role, password=password, dbname=database) for _number in range(3)
    )
    with client.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = 0; SET transaction_timeout = 0; SELECT 1")
    with hoarder.cursor() as cursor:
        cursor.execute("SELECT string_agg(relname, ',') FROM pg_class WHERE relname ~ '^ir_[a-z_]+$' AND relkind = 'r'")
        cursor.execute(f"LOCK TABLE {cursor.fetchone()[0]} IN ACCESS SHARE MODE")
    mine = provisioning.connect(provisioning.manager)
    mine.autocommit = False
    mine.cursor().execute("SELECT 1")
    with contextlib.closing(mine), contextlib.closing(provisioning.connect(provisioning.manager)) as watcher:
        assert end_overdue(watcher, 60, 60) == end_hoarding(watcher) == [], "nobody is over the limit yet"
        assert database in end_hoarding(watcher, 15)
        wait_until(lambda: database in end_overdue(watcher, 0.2, 0.2))
        listener.cursor().execute("SELECT 1")
        assert end_overdue(watcher, 60, 60, piling=0) == [], "no notices pile up"
        wait_until(lambda: database in end_overdue(watcher, 60, 60, piling=0.2, pile=-1))
        mine.cursor().execute("SELECT 1")  # the manager's own transactions are no client's
    for ended in (client, hoarder, listener):
        with pytest.raises(psycopg2.OperationalError):
            ended.cursor().execute("SELECT 1")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd")
def test_the_units_are_what_systemd_takes(tmp_path):
    for unit in sorted((ROOT / "deploy").glob("*.service")):
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text().replace("/opt/lokario", str(ROOT)))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
        mine = [line for line in done.stderr.splitlines() if unit.name in line]
        assert not mine, mine
        assert not done.returncode, done.stderr


def test_nginx_takes_the_file_for_production(tmp_path):
    content = re.sub(r" ssl_certificate.*", "", (ROOT / "deploy" / "nginx.conf").read_text()).replace(" ssl", "")
    content = re.sub(r"listen (\d+)", r"listen 20\1", content)  # an ordinary user may not take the real ports
    temporary = "".join(
        f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = tmp_path / "nginx.conf"
    main = f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}} http {{ access_log off; {temporary}"
    conf.write_text(f"{main}\n{content}}}")
    done = subprocess.run([nginx.program(), "-t", "-c", conf, "-p", tmp_path], capture_output=True, text=True)
    assert not done.returncode, done.stderr
