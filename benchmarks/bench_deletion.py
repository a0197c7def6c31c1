"""1,000 account deletions that are due in the same night. Nothing comparable exists: Odoo deletes none of the data."""

from lokario_cli.figures import Figure, seconds

from .base_world import base_world, resident_bytes

ACCOUNTS = 1000
MEGABYTE = 1024 * 1024


def run() -> list[Figure]:
    with base_world("lokario_bench_deletion") as world:
        world.due_deletions(5, "warm")
        world.process()
        ids = world.due_deletions(ACCOUNTS, "due")
        before = resident_bytes()
        elapsed = seconds(world.process)
        grown = (resident_bytes() - before) / MEGABYTE
        with world.env() as env:
            done = env["lokario.account.deletion"].search_count([("id", "in", ids), ("state", "=", "done")])
    return [
        Figure(f"deletion: {ACCOUNTS} accounts", elapsed, None, "ours <= 1800"),
        Figure("deletion: memory grown", grown, None, "ours <= 100", "MB"),
        Figure("deletion: done", done, None, f"ours >= {ACCOUNTS}", "accounts"),
    ]
