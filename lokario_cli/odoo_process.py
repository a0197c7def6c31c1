"""Odoo on loopback: configuration files, databases cloned from the dependency template, server processes."""

import ast
import configparser
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from .console import Failure
from .odoo_log import unexpected_lines
from .paths import ROOT, STATE, SUITE
from .setup import venv
from .setup.postgres import Cluster

PORTS = range(11_000, 32_000)  # browsers refuse 10080 and some lower ones
VISITED_HOST = "manager.test"  # under which tests are visitors that come through a proxy
WATCH = (f"--addons-path={ROOT}", "watch")  # Odoo's command of lokario_inbox, and where it looks for it
EVERYWHERE = "0.0.0.0"  # noqa: S104  asked for with --host, never a default
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
_given: set[int] = set()  # by this process
LOGS: dict[Path, int] = {}
"""Log of each Odoo that this process started → how much of it was read by :func:`unexpected_in_logs`."""
# The keys of throw-away environments. They protect nothing: real ones come from the environment of the real server.
TEST_SECRETS = {
    "LOKARIO_SECRET_KEYS": "1:" + "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "CRON_SECRET": "test-only-0123456789abcdef0123456789abcdef",
}


def free_port() -> int:
    """A port of loopback that is free and was not given before.

    Below those that the kernel gives to outgoing connections: one of them could take it before its server starts.
    """
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


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


def process_environment() -> dict[str, str]:
    """The environment of Odoo processes.

    A stray PGDATABASE would silently choose their database. A server that restarts itself finds its Python by the
    PATH: the virtual environment's must come first. Without bytecode each of a hundred processes would compile what
    it imports.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PG", NO_BYTECODE))}
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
    """What the suite's addons depend on outside of this repository."""
    depends = {dependency for addon in SUITE for dependency in manifest(addon)["depends"]}
    return sorted(depends - set(SUITE))


def serving_options(cluster: Cluster, **more) -> dict[str, str]:
    """What the server of `./lokario serve` and the demo needs beyond odoo.conf."""
    return {**cluster.odoo_options(), "data_dir": str(STATE / "data"), **more}


class Server:
    """A running Odoo server process.

    ``options`` are those of odoo.conf ("section/name" for another section). Ready when it answers HTTP itself:
    another program's answer on its port does not count.
    """

    def __init__(self, name: str, options: dict[str, str], variables: dict[str, str] | None = None):
        self.port = int(options.get("http_port") or free_port())
        interface = options.get("http_interface", "127.0.0.1")
        self.address = "127.0.0.1" if interface == EVERYWHERE else interface
        self.url = f"http://{self.address}:{self.port}"
        self._own_port, self._own_url = self.port, self.url  # Odoo's, whatever stands before it
        self.log = STATE / "logs" / f"server-{name}.log"
        ports = {"http_port": self.port, "gevent_port": options.get("gevent_port") or free_port()}
        self.options = {**options, **ports}
        self.conf = write_configuration(STATE / "conf" / f"server-{name}.conf", self.options)
        self.variables = variables or {}
        self.process: subprocess.Popen | None = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exc):
        self.stop()

    def start(self, timeout: float = 240):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        LOGS[self.log] = 0
        with self.log.open("w") as stream:
            self.process = subprocess.Popen(
                command("-c", self.conf),
                env={**process_environment(), **self.variables},
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
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == self._own_port for one in connections)

    def _is_healthy(self) -> bool:
        try:
            urllib.request.urlopen(f"{self._own_url}/web/health", timeout=30).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


def unexpected_in_logs(expected: tuple[str, ...] = ()) -> list[str]:
    """What our Odoos have logged since the last call without being expected (patterns; see lokario_cli/odoo_log.py)."""
    found = []
    for log, read in LOGS.items():
        with log.open("rb") as stream:
            stream.seek(read)
            fresh = stream.read()
        LOGS[log] = read + len(fresh)
        found += [f"{log.name}: {line}" for line in unexpected_lines(fresh.decode(errors="replace"), expected)]
    return found


class InstanceHost:
    """Runs the instances of a manager's server, each in a process of its own, with the same configuration file.

    With a ``name`` it is another host, of the servers that name it; ``options`` are its own in odoo.conf.
    """

    def __init__(self, server: Server, name: str = "", **options):
        self.server = server
        self.conf = server.conf
        if name:
            own = {**server.options, "lokario/host_name": name, **options}
            self.conf = write_configuration(STATE / "conf" / f"host-{name}-{server.log.stem}.conf", own)
        self.log = STATE / "logs" / f"host{name and '-'}{name}-{server.log.stem}.log"
        self.process: subprocess.Popen | None = None

    def __enter__(self):
        return self.start()

    def start(self, timeout: float = 60):
        with self.log.open("w") as stream, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(b"")  # a name of the kernel's choice
            address = "@" + ready.getsockname()[1:].decode()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lokario_host", "-c", str(self.conf)],
                env={**process_environment(), **self.server.variables, "NOTIFY_SOCKET": address},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
            LOGS[self.log] = 0
            ready.settimeout(timeout)
            try:
                ready.recv(64)
            except TimeoutError:
                self.stop()
                raise Failure(f"The instances' host did not start: see {self.log}\n{tail(self.log)}") from None
        return self

    def __exit__(self, *_exc):
        self.stop()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class MailWatcher:
    """Keeps the lines to the mailboxes of a server's databases, as `./lokario watch` does."""

    def __init__(self, server: Server):
        self.server = server
        self.log = STATE / "logs" / f"watch-{server.log.stem}.log"
        self.process: subprocess.Popen | None = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exc):
        self.stop()

    def start(self):
        with self.log.open("w") as stream:
            self.process = subprocess.Popen(
                command(*WATCH, "-c", self.server.conf),
                env={**process_environment(), **self.server.variables},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        LOGS[self.log] = 0
        return self

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def tail(log: Path, size: int = 3000) -> str:
    return log.read_text(errors="replace")[-size:]
