"""What the engine's benchmarks and chaos share: a database with the engine, its registry in this process."""

import contextlib
import json
import os
import tempfile
from pathlib import Path

from lokario_cli.paths import ROOT
from lokario_cli.setup.postgres import Cluster
from lokario_cli.worlds.odoo import TEST_SECRETS, World, write_configuration


@contextlib.contextmanager
def engine_world(name):
    """Yield an EngineWorld on a fresh database; everything is gone afterwards."""
    with Cluster.for_tests() as cluster, tempfile.TemporaryDirectory(prefix="lokario-engine-") as folder:
        world = World(cluster)
        database = world.clone(world.template(), name)
        world.run_odoo(database, "-i", "email_engine_bridge", "--stop-after-init")
        engine = EngineWorld(world, database, Path(folder))
        try:
            yield engine
        finally:
            engine.close()
            world.drop(database)


def make_importable():
    """Let `odoo.addons.email_engine_bridge` be imported without a database."""
    from odoo.modules.module import initialize_sys_path
    from odoo.tools import config

    config.parse_config(["--addons-path", str(ROOT), "--log-level", "error"])
    initialize_sys_path()


class EngineWorld:
    """``env()`` gives a fresh cursor as superuser; commits are real."""

    def __init__(self, world, database, folder):
        from odoo.modules.registry import Registry
        from odoo.tools import config

        self.folder = folder
        os.environ.update({key: os.environ.get(key, value) for key, value in TEST_SECRETS.items()})
        conf = write_configuration(folder / "odoo.conf", world.options())
        config.parse_config(["-c", str(conf), "-d", database, "--log-level", "error"], setup_logging=True)
        self.registry = Registry(database)
        with self.env() as env:
            env["ir.cron"].search([]).active = False

    @contextlib.contextmanager
    def env(self):
        """An environment whose work is committed at the end."""
        from odoo import SUPERUSER_ID, api

        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def close(self):
        import odoo.sql_db

        odoo.sql_db.close_all()

    def fork(self, function, *arguments):
        """Run a function in a child that shares nothing but memory pages; returns its pid."""
        self.close()  # a connection must not be used by two processes
        pid = os.fork()
        if pid:
            return pid
        try:
            function(*arguments)
        finally:
            os._exit(0)

    def fork_and_wait(self, function, *arguments):
        os.waitpid(self.fork(function, *arguments), 0)

    def fork_and_report(self, function):
        """Run `function(report)` in a child, so that its memory can be told apart; returns the report."""
        reader, writer = os.pipe()

        def work():
            report = {}
            function(report)
            os.write(writer, json.dumps(report).encode())

        pid = self.fork(work)
        os.close(writer)
        with os.fdopen(reader) as stream:
            report = json.loads(stream.read())
        os.waitpid(pid, 0)
        return report

    def create_tenant(self, env, slug, ips, quota, **values):
        """A tenant with active IPs of `quota` mails today each."""
        tenant = env["engine.tenant"].create(
            {"name": slug.title(), "slug": slug, "from_name": slug, "from_email": f"news@{slug}.test", **values}
        )
        domains = env["engine.domain"].with_context(engine_without_keys=True)
        domain = domains.create({"name": f"{slug}.test", "tenant_id": tenant.id})
        for number in range(1, ips + 1):
            ip = env["engine.ip"].create(
                {"address": f"192.0.2.{number}", "hostname": f"mail{number}.{slug}.test", "domain_id": domain.id}
            )
            ip.status = "active"
        env.cr.commit()  # the counters live on transactions of their own
        for ip in tenant.ip_ids:
            ip._set_quota_today(quota, "benchmark")
        env.cr.commit()
        return tenant
