"""Odoo on loopback: configuration files, databases cloned from the dependency template, server processes."""

import ast
import configparser
import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from ..console import Failure, say
from ..odoo_log import unexpected_lines
from ..paths import ADDONS, ROOT, STATE, memory_folder
from ..setup import odoo_source, venv
from ..setup.postgres import ODOO_ROLE, Cluster

LANGUAGES = "fr_FR"
PORTS = range(11_000, 32_000)  # browsers refuse 10080 and some lower ones
VISITED_HOST = "manager.test"  # under which tests are visitors that come through a proxy
EVERYWHERE = "0.0.0.0"  # noqa: S104  asked for with --host, never a default
_given: set[int] = set()  # by this process
LOGS: dict[Path, int] = {}
"""Log of each Odoo that this process started → how much of it was read by :func:`unexpected_in_logs`."""
# The keys of throw-away worlds. They protect nothing: real ones come from the environment of the real server.
TEST_SECRETS = {
    "LOKARIO_SECRET_KEYS": "1:" + "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "CRON_SECRET": "test-only-0123456789abcdef0123456789abcdef",
}


def free_port() -> int:
    """A port of loopback that nobody uses and that was not given before.

    Below those that the kernel gives to outgoing connections: one of them could take it before its server starts.
    """
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


def data_folder() -> Path:
    """Odoo's data_dir (filestores, sessions) of every test world."""
    return memory_folder() / "data"


def write_configuration(target: Path, options: dict[str, str]) -> Path:
    """The project's odoo.conf with these options on top, as a new file."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "odoo.conf")
    for key, value in {"addons_path": str(ROOT), **options}.items():
        section, _dot, name = key.rpartition("/")
        parser.setdefault(section or "options", {})[name] = str(value)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w") as stream:
        parser.write(stream)
    target.chmod(0o600)
    return target


def environment() -> dict[str, str]:
    """The environment of Odoo processes.

    A stray PGDATABASE would silently choose their database. A server that restarts itself finds its Python by the
    PATH: the virtual environment's must come first.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    path = os.pathsep.join([str(venv.venv() / "bin"), os.environ.get("PATH", os.defpath)])
    development = {"LOKARIO_DEVELOPMENT": "1"}  # links to this machine may stand in mails
    return {
        **TEST_SECRETS,
        **development,
        **inherited,
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


def command(*arguments) -> list[str]:
    """What production starts, too (`./lokario odoo`)."""
    return [sys.executable, str(ROOT / "lokario_cli" / "server.py"), *map(str, arguments)]


def manifest(addon: str) -> dict:
    return ast.literal_eval((ROOT / addon / "__manifest__.py").read_text())


def external_dependencies() -> list[str]:
    """What our addons depend on outside of this repository."""
    depends = {dependency for addon in ADDONS for dependency in manifest(addon)["depends"]}
    return sorted(depends - set(ADDONS))


class World:
    """Databases on one cluster with one data folder; made for tests, benchmarks and fault injection."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster

    def options(self, **more) -> dict[str, str]:
        return {**self.cluster.odoo_options(), "data_dir": str(data_folder()), **more}

    def template(self) -> str:
        """The database with all dependencies installed; built when none fits what it would be built from."""
        return self.cached_database(external_dependencies())

    def suite_database(self, name: str) -> str:
        """The database of this name with the whole suite, to be cloned; built for the first who asks."""

        def build(building: str) -> None:
            self.clone(self.template(), building)
            self.run_odoo(building, "-i", ",".join(ADDONS), "--stop-after-init")

        return self._built_once(name, build)

    def cached_database(self, modules: list[str], languages: str = LANGUAGES) -> str:
        oca = [line for line in venv.REQUIREMENTS.read_text().splitlines() if line.startswith("odoo-addon")]
        built_from = "\0".join([*modules, languages, str(odoo_source.home()), *oca])
        name = f"lokario_deps_{hashlib.sha256(built_from.encode()).hexdigest()[:12]}"

        def build(building: str) -> None:
            say(f"      building the template database ({len(modules)} modules and what they need)")
            self.run_odoo(building, "-i", ",".join(modules), "--load-language", languages, "--stop-after-init")

        return self._built_once(name, build)

    def _built_once(self, name: str, build) -> str:
        """The database of this name; `build(other name)` makes it under another one, so that it is complete or absent.

        Nobody connects to it any more: it is cloned.
        """
        with _named_lock(name):
            if self.cluster.psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
                return name
            building = f"{name}_building"
            self.drop(building)
            build(building)
            filestore = data_folder() / "filestore"
            (filestore / building).mkdir(parents=True, exist_ok=True)
            shutil.rmtree(filestore / name, ignore_errors=True)
            (filestore / building).rename(filestore / name)
            self.cluster.psql(f'ALTER DATABASE "{building}" RENAME TO "{name}"')
            self.cluster.psql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        return name

    def clone(self, source: str, target: str) -> str:
        """A copy of a database and its filestore (hard links: Odoo never writes into a stored file)."""
        self.drop(target)
        with _named_lock(source):  # PostgreSQL clones a template for one client at a time
            self.cluster.psql(f'CREATE DATABASE "{target}" TEMPLATE "{source}" OWNER {ODOO_ROLE}')
        filestore = data_folder() / "filestore"
        if (filestore / source).exists():
            shutil.copytree(filestore / source, filestore / target, copy_function=os.link)
        return target

    def drop(self, database: str) -> None:
        if self.cluster.psql(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"):
            self.cluster.psql(f'ALTER DATABASE "{database}" IS_TEMPLATE false')
        self.cluster.psql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        shutil.rmtree(data_folder() / "filestore" / database, ignore_errors=True)

    def run_odoo(self, database: str, *arguments, log: Path | None = None) -> int:
        """Run Odoo until it stops by itself; its log goes to a file. Raises Failure unless it exits 0."""
        log = log or STATE / "logs" / f"{database}.log"
        code = self.call_odoo(database, *arguments, log=log)
        if code:
            raise Failure(f"Odoo stopped with {code}: see {log}\n{tail(log)}")
        return code

    def export_terms(self, database: str, addon: str, target: Path) -> None:
        """Write the addon's translatable terms as they are in the database to a .pot file."""
        conf = write_configuration(STATE / "conf" / f"{database}.conf", self.options())
        program, script = command()
        arguments = ["i18n", "export", "-c", conf, "-d", database, "-o", target, addon]
        subprocess.run([program, script, *map(str, arguments)], env=environment(), check=True, stdin=subprocess.DEVNULL)

    def call_odoo(self, database: str, *arguments, log: Path) -> int:
        log.parent.mkdir(parents=True, exist_ok=True)
        names = {"lokario/manager_db": database, "lokario/manager_hosts": VISITED_HOST}
        conf = write_configuration(STATE / "conf" / f"{database}.conf", self.options(**names))
        arguments = ("-c", conf, "-d", database, "-p", free_port(), "--gevent-port", free_port(), *arguments)
        LOGS[log] = 0
        with log.open("w") as stream:
            return subprocess.run(
                command(*arguments), env=environment(), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            ).returncode


def serving_options(cluster: Cluster, **more) -> dict[str, str]:
    """What the server of `./lokario serve` and the demo needs beyond odoo.conf."""
    return {**cluster.odoo_options(), "data_dir": str(STATE / "data"), **more}


class Server:
    """A running Odoo server process.

    ``options`` are those of odoo.conf ("section/name" for another section). Ready when it answers HTTP itself:
    somebody else's answer on its port does not count.
    """

    def __init__(self, name: str, options: dict[str, str], variables: dict[str, str] | None = None):
        self.port = int(options.get("http_port") or free_port())
        interface = options.get("http_interface", "127.0.0.1")
        self.address = "127.0.0.1" if interface == EVERYWHERE else interface
        self.url = f"http://{self.address}:{self.port}"
        self.log = STATE / "logs" / f"server-{name}.log"
        ports = {"http_port": self.port, "gevent_port": options.get("gevent_port") or free_port()}
        self.conf = write_configuration(STATE / "conf" / f"server-{name}.conf", {**options, **ports})
        self._variables = variables or {}
        self.process: subprocess.Popen | None = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exc):
        self.stop()

    def start(self, timeout: float = 120):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        LOGS[self.log] = 0
        with self.log.open("w") as stream:
            self.process = subprocess.Popen(
                command("-c", self.conf),
                env={**environment(), **self._variables},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Failure(f"Odoo did not start: see {self.log}\n{tail(self.log)}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def kill(self) -> None:
        """SIGKILL to the server and its workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _answers(self) -> bool:
        return self._listens() and self._is_healthy()

    def _listens(self) -> bool:
        """Whether the port is held by this very process."""
        import psutil

        try:
            connections = psutil.Process(self.process.pid).net_connections("tcp")
        except psutil.Error:
            return False
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == self.port for connection in connections
        )

    def _is_healthy(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/web/health", timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


def unexpected_in_logs(expected: tuple[str, ...] = ()) -> list[str]:
    """What our Odoos have logged since the last call and nobody expected (patterns; see lokario_cli/odoo_log.py)."""
    found = []
    for log, read in LOGS.items():
        with log.open("rb") as stream:
            stream.seek(read)
            fresh = stream.read()
        LOGS[log] = read + len(fresh)
        found += [f"{log.name}: {line}" for line in unexpected_lines(fresh.decode(errors="replace"), expected)]
    return found


@contextlib.contextmanager
def _named_lock(name: str):
    with (STATE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tail(log: Path, size: int = 3000) -> str:
    return log.read_text(errors="replace")[-size:]
