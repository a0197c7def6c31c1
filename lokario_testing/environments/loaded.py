"""Odoo loaded into this process, for benchmarks and fault injection: forked workers have the registry already."""

import contextlib
import json
import os
import sys

from lokario_cli.odoo_process import TEST_SECRETS, write_configuration
from lokario_cli.paths import STATE
from lokario_cli.setup.postgres import Cluster

from .databases import Databases


@contextlib.contextmanager
def fresh_database(name: str, addons: str, cluster=None):
    """Yield (environment, database): a database with these addons; dropped afterwards.

    The process's number is part of its name: tests and benchmarks run side by side.
    """
    with cluster or Cluster.for_tests() as cluster:
        environment, database = Databases(cluster), f"{name}_{os.getpid()}"
        try:
            environment.clone(environment.database_with(addons), database)
            yield environment, database
        finally:
            environment.drop(database)
            environment.release_shared("with_")


class LoadedOdoo:
    """A database's registry in this process; its scheduled actions are off.

    ``env()`` gives a fresh cursor as superuser; commits are real. Ends with ``close()``.
    """

    def __init__(self, environment: Databases, database: str, log_level: str = "error"):
        from odoo.modules.registry import Registry
        from odoo.tools import config

        self.environment, self.database = environment, database
        os.environ.update({key: os.environ.get(key, value) for key, value in TEST_SECRETS.items()})
        conf = write_configuration(STATE / "conf" / f"{database}-loaded.conf", environment.options())
        config.parse_config(["-c", str(conf), "-d", database, "--log-level", log_level], setup_logging=True)
        self.registry = Registry(database)
        self._stop_schedule()

    def begin_anew(self, source: str) -> None:
        """On a copy of another database of the same modules: making the registry takes longer than all the rest."""
        self.close()
        self.environment.clone(source, self.database)
        self.registry.setup_signaling()
        self.registry.clear_all_caches()
        self._stop_schedule()

    def _stop_schedule(self) -> None:
        with self.env() as env:
            env["ir.cron"].search([]).active = False

    @contextlib.contextmanager
    def env(self):
        """An environment whose work is committed at the end."""
        from odoo import SUPERUSER_ID, api

        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def close(self) -> None:
        import odoo.sql_db

        odoo.sql_db.close_all()

    def fork(self, function, *arguments, quiet: bool = False) -> int:
        """Run a function in a child that shares nothing but memory pages; returns its pid.

        ``quiet``: what a sabotaged child complains about is of no interest.
        """
        self.close()  # a connection must not be used by two processes
        pid = os.fork()
        if pid:
            return pid
        try:
            if quiet:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
            function(*arguments)
        finally:
            os._exit(0)

    def fork_and_wait(self, function, *arguments, quiet: bool = False) -> None:
        os.waitpid(self.fork(function, *arguments, quiet=quiet), 0)

    def fork_and_report(self, function) -> dict:
        """Run `function(report)` in a child, so that its memory can be told apart; returns the report."""
        return self.fork_and_report_later(function)()

    def fork_and_report_later(self, function):
        """Run `function(report)` in a child beside us; what is returned waits for its report."""
        reader, writer = os.pipe()

        def work():
            report = {}
            function(report)
            os.write(writer, json.dumps(report).encode())

        pid = self.fork(work)
        os.close(writer)

        def wait():
            with os.fdopen(reader) as stream:
                report = json.loads(stream.read())
            os.waitpid(pid, 0)
            return report

        return wait
