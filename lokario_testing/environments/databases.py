"""Test environment: databases on one PostgreSQL cluster, cloned from a template with all dependencies."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from lokario_cli.console import Failure, say
from lokario_cli.odoo_process import (
    LOGS,
    VISITED_HOST,
    command,
    external_dependencies,
    free_port,
    process_environment,
    tail,
    write_configuration,
)
from lokario_cli.paths import STATE, SUITE, memory_folder
from lokario_cli.setup import odoo_source, venv
from lokario_cli.setup.postgres import ODOO_ROLE, Cluster

LANGUAGES = "fr_FR"
RUN_VARIABLE = "LOKARIO_RUN"  # of the processes of one run of the tests: they share databases
# What every page of the web client and of the website loads: made once, not by each copy's first visitor.
BUNDLES = """
make = env["ir.qweb"]._get_asset_bundle
for bundle in ("web.assets_web", "web.assets_frontend_minimal", "web.assets_frontend_lazy"):
    make(bundle, css=False, js=True).js()
for bundle in ("web.assets_web", "web.assets_web_print", "web.assets_frontend"):
    make(bundle, css=True, js=False).css()
env.cr.commit()
"""
EXPORT_TERMS = """
from odoo.tools.translate import trans_export
for addon in {addons!r}:
    with open(f"{folder}/{{addon}}.pot", "wb") as target:
        trans_export(None, [addon], target, "po", env(context={{}}))
"""


def data_folder() -> Path:
    """Odoo's data_dir (filestores, sessions) of every test environment."""
    return memory_folder() / "data"


class Databases:
    """Databases on one cluster with one data folder; made for tests, benchmarks and fault injection."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster

    def options(self, **more) -> dict[str, str]:
        return {**self.cluster.odoo_options(), "data_dir": str(data_folder()), **more}

    def template(self) -> str:
        """The database with all dependencies installed; built when none fits what it would be built from."""
        return self.cached_database(external_dependencies())

    def suite_database(self) -> str:
        """The database with the whole suite, to be cloned."""

        def build(building: str) -> None:
            self.clone(self.template(), building)
            self.run_odoo(building, "-i", ",".join(SUITE), "--stop-after-init")
            run_script(write_configuration(STATE / "conf" / f"{building}.conf", self.options()), building, BUNDLES)

        return self.shared("suite", build)

    def database_with(self, addons: str) -> str:
        """A database with these addons and what they need, to be cloned."""

        def build(building: str) -> None:
            self.clone(self.template(), building)
            self.run_odoo(building, "-i", addons, "--stop-after-init")

        return self.shared(f"with_{hashlib.sha256(addons.encode()).hexdigest()[:8]}", build)

    def shared(self, name: str, build) -> str:
        """A database to be cloned by all processes of one run of the tests; built for the first who asks."""
        return self._built_once(f"{self._run()}_{name}", build)

    def release_shared(self, name: str = "") -> None:
        """Drop what :meth:`shared` has made, unless other processes of this run may still ask for it."""
        if not os.environ.get(RUN_VARIABLE):
            self.drop_shared(name)

    def drop_shared(self, name: str = "") -> None:
        """Drop what :meth:`shared` has made, all of it or what begins with ``name``."""
        listed = f"SELECT datname FROM pg_database WHERE starts_with(datname, '{self._run()}_{name}')"
        for name in self.cluster.psql(listed).split():
            self.drop(name)

    @staticmethod
    def _run() -> str:
        return f"run_{os.environ.get(RUN_VARIABLE) or os.getpid()}"

    def cached_database(self, modules: list[str], languages: str = LANGUAGES, upon: list[str] | None = None) -> str:
        """A database with these modules, kept for later runs.

        :param upon: modules among what they need; a database with these is there, or will be needed, too
        """
        oca = [line for line in venv.REQUIREMENTS.read_text().splitlines() if line.startswith("odoo-addon")]
        built_from = "\0".join([*modules, languages, str(odoo_source.home()), *oca])
        name = f"lokario_deps_{hashlib.sha256(built_from.encode()).hexdigest()[:12]}"

        def build(building: str) -> None:
            say(f"      building the template database ({len(modules)} modules and what they need)")
            options = ["--load-language", languages]
            if upon:  # its languages are those of what is installed later
                self.clone(self.cached_database(upon, languages), building)
                options = []
            self.run_odoo(building, "-i", ",".join(modules), *options, "--stop-after-init")

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
            options = f"OWNER {ODOO_ROLE} {self.cluster.clone_options}"
            self.cluster.psql(f'CREATE DATABASE "{target}" TEMPLATE "{source}" {options}')
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

    def export_terms(self, database: str, addons: Iterable[str], folder: Path) -> None:
        """Write each addon's translatable terms as they are in the database to a .pot file of its own."""
        conf = write_configuration(STATE / "conf" / f"{database}.conf", self.options())
        run_script(conf, database, EXPORT_TERMS.format(addons=list(addons), folder=folder))

    def call_odoo(self, database: str, *arguments, log: Path, program: Path | None = None) -> int:
        """Run Odoo until it stops, or another program with its arguments; returns the exit code."""
        log.parent.mkdir(parents=True, exist_ok=True)
        names = {"lokario/manager_db": database, "lokario/manager_hosts": VISITED_HOST}
        conf = write_configuration(STATE / "conf" / f"{database}.conf", self.options(**names))
        arguments = ("-c", conf, "-d", database, "-p", free_port(), "--gevent-port", free_port(), *arguments)
        LOGS[log] = 0
        python, server, *arguments = command(*arguments)
        with log.open("w") as stream:
            return subprocess.run(
                [python, str(program or server), *arguments],
                env=process_environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            ).returncode


@contextlib.contextmanager
def _named_lock(name: str):
    with (STATE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_script(conf, database: str, script: str) -> str:
    """Run Python in Odoo's shell on a database; returns what it printed."""
    arguments = ["-c", conf, "-d", database, "--no-http", "--shell-interface=python"]
    program, odoo = command()
    done = subprocess.run(
        [program, odoo, "shell", *map(str, arguments)],
        input=script, env=process_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
