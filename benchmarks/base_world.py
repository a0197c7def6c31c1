"""What the benchmarks and chaos of lokario_base share: Odoo in this process, accounts to delete, a throw-away model."""

import contextlib
import os
from pathlib import Path

from lokario_cli.paths import STATE
from lokario_cli.setup.postgres import Cluster
from lokario_cli.worlds.odoo import TEST_SECRETS, World, write_configuration


@contextlib.contextmanager
def base_world(name: str, addons: str = "lokario_base"):
    """Yield an open BaseWorld: a clone of the dependency template with the addons installed, registry loaded."""
    with Cluster.for_tests() as cluster:
        world = World(cluster)
        database = world.clone(world.template(), name)
        world.run_odoo(database, "-i", addons, "--stop-after-init")
        base = BaseWorld(world, database)
        try:
            base.load()
            yield base
        finally:
            base.close()
            world.drop(database)


class BaseWorld:
    """``env()`` gives a fresh cursor as superuser; commits are real."""

    def __init__(self, world: World, database: str):
        self.world, self.database = world, database

    def load(self):
        """Load the registry into this process, so that forked children have it, too."""
        from odoo.modules.registry import Registry
        from odoo.tools import config

        os.environ.update({key: os.environ.get(key, value) for key, value in TEST_SECRETS.items()})
        conf = write_configuration(STATE / "conf" / f"{self.database}-bench.conf", self.world.options())
        config.parse_config(["-c", str(conf), "-d", self.database, "--log-level", "critical"], setup_logging=True)
        self.registry = Registry(self.database)
        with self.env() as env:
            env["ir.cron"].search([]).active = False

    def close(self):
        import odoo.sql_db

        odoo.sql_db.close_all()

    @contextlib.contextmanager
    def env(self):
        """An environment whose work is committed at the end."""
        from odoo import SUPERUSER_ID, api

        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def due_deletions(self, count: int, prefix: str) -> list[int]:
        """Make accounts with files and messages whose deletion is due now; return the ids of the deletions."""
        with self.env() as env:
            users = (
                env["res.users"]
                .with_context(no_reset_password=True, tracking_disable=True)
                .create(
                    [
                        {
                            "name": f"{prefix} canari {number}",
                            "login": f"{prefix}{number}@canari.example",
                            "email": f"{prefix}{number}@canari.example",
                            "group_ids": [(6, 0, env.ref("base.group_portal").ids)],
                        }
                        for number in range(count)
                    ]
                )
            )
            env["ir.attachment"].create(
                [
                    {
                        "name": "canari.txt",
                        "raw": f"canari {user.id}".encode(),
                        "res_model": "res.partner",
                        "res_id": user.partner_id.id,
                    }
                    for user in users
                ]
            )
            env["mail.message"].create(
                [
                    {
                        "author_id": user.partner_id.id,
                        "body": "canari",
                        "model": "res.partner",
                        "res_id": 1,
                        "message_type": "comment",
                        "email_from": user.email,
                    }
                    for user in users
                ]
            )
            deletions = env["lokario.account.deletion"]
            for user in users:
                deletions |= deletions.with_user(user)._request(user).sudo()
            deletions.deletion_scheduled_at = "2020-01-01"
            return deletions.ids

    def process(self):
        """What the nightly job does."""
        with self.env() as env:
            env["lokario.account.deletion"]._cron_process()

    def add_safe_model(self, env):
        """Register the model ``lokario.bench.safe`` with one secret, in this process and database only."""
        from odoo import fields, models
        from odoo.orm.model_classes import add_to_registry

        from odoo.addons.lokario_base.fields import Secret

        class Safe(models.Model):
            _name = "lokario.bench.safe"
            _inherit = "lokario.secret.mixin"
            _description = "Model of a Benchmark"
            _module = "lokario_base"

            name = fields.Char()
            password = Secret("Password")

        add_to_registry(env.registry, Safe)
        env.registry._setup_models__(env.cr, [Safe._name])
        env.registry.init_models(env.cr, [Safe._name], {"module": "lokario_base"})


def resident_bytes() -> int:
    """Memory of this process."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
