"""The README's production commands, word for word, in an environment that holds nothing but what the README names."""

import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from lokario_cli.odoo_log import unexpected_lines
from lokario_cli.odoo_process import TEST_SECRETS, free_port, manifest
from lokario_cli.paths import ADDONS, ROOT
from lokario_testing.environments.databases import data_folder

KEPT = ("HOME", "PATH", "LANG", "XDG_CACHE_HOME", "LOKARIO_STATE", "ODOO_HOME", "SSL_CERT_FILE")
PRODUCTION = (ROOT / "README.md").read_text().partition("## Production")[2].partition("\n## ")[0]


def commands():
    block = re.search(r"```bash\n(.*?)```", PRODUCTION, re.DOTALL)[1]
    return [line.partition("  #")[0].strip() for line in block.splitlines() if line.startswith("./lokario ")]


@pytest.fixture
def variables(environment):
    """Those of the README's table; the ports are free ones, because this machine may serve a demo."""
    connection = environment.cluster.odoo_options()
    given = {
        **TEST_SECRETS,
        "PGHOST": connection["db_host"],
        "PGUSER": connection["db_user"],
        "PGPORT": connection.get("db_port", ""),
        "PGPASSWORD": connection.get("db_password", ""),
        "ODOO_ADDONS_PATH": str(ROOT),
        "ODOO_DATA_DIR": str(data_folder()),
    }
    undocumented = [name for name in given if f"`{name}`" not in PRODUCTION]
    assert not undocumented
    ports = {"ODOO_HTTP_PORT": str(free_port()), "ODOO_GEVENT_PORT": str(free_port())}
    inherited = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {name: value for name, value in {**inherited, **given, **ports}.items() if value}


@pytest.fixture
def manager(environment, suite_database):
    environment.clone(suite_database, "lokario")
    environment.cluster.psql('ALTER DATABASE "lokario" ALLOW_CONNECTIONS true')
    yield "lokario"
    environment.drop("lokario")


def listens(port):
    with socket.socket() as connection:
        return not connection.connect_ex(("127.0.0.1", int(port)))


def status(port, host):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/web/login", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def start(tmp_path):
    """Start a command of the README; ends with the test."""
    running = []

    def start(command, variables):
        log = tmp_path / "log"
        with log.open("w") as stream:
            process = subprocess.Popen(
                ["sh", "-c", f"exec {command}"], cwd=ROOT, env=variables, stdin=subprocess.DEVNULL,
                stdout=stream, stderr=stream,
            )  # fmt: skip
        running.append(process)
        return process, log

    yield start
    for process in running:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_command_serves_the_manager_behind_the_gate(manager, variables, start, workers):
    process, log = start(commands()[-1], {**variables, "ODOO_WORKERS": workers})
    deadline, port = time.monotonic() + 240, variables["ODOO_HTTP_PORT"]
    while not listens(port):  # Odoo says that it does just before it does
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    assert status(port, "localhost") == 200
    assert status(port, "127.0.0.1") == 200
    for stranger in ("evil.test", "manager.example.com", "lokario.evil.test"):
        assert status(port, stranger) == 404
    assert unexpected_lines(log.read_text()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ODOO_ADDONS_PATH": ""}, "ODOO_ADDONS_PATH"),
        ({"ODOO_SERVER_WIDE_MODULES": "base,web,rpc,lokario_gate,no_such_module"}, "no_such_module"),
        ({"ODOO_SERVER_WIDE_MODULES": "base,web,rpc"}, "lokario_gate"),
    ],
)
def test_without_a_server_wide_module_nothing_is_served(variables, start, change, said):
    changed = {name: value for name, value in {**variables, **change}.items() if value}
    process, log = start(commands()[-1], changed)
    assert process.wait(60), log.read_text()
    assert said in log.read_text()


def test_the_first_command_makes_the_manager_of_all_addons():
    """What joins two addons installs automatically."""
    named = re.search(r"-i (\S+)", commands()[0])[1].split(",")
    assert set(named) == {addon for addon in ADDONS if not manifest(addon).get("auto_install")}
