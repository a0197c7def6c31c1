"""What the benchmarks and chaos of lokario_base share: Odoo in this process, accounts to delete, a throw-away model."""

import contextlib
import os
from pathlib import Path

from lokario_cli.worlds.loaded import LoadedOdoo, fresh_database


@contextlib.contextmanager
def base_world(name: str, addons: str = "lokario_base"):
    """Yield an open BaseWorld: a clone of the dependency template with the addons installed, registry loaded."""
    with fresh_database(name, addons) as (world, database), contextlib.closing(BaseWorld(world, database)) as base:
        yield base


class BaseWorld(LoadedOdoo):
    """Makes accounts that are due for deletion."""

    def __init__(self, world, database):
        super().__init__(world, database, log_level="critical")

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
