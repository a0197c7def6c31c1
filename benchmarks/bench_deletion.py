"""1,000 account deletions that are due in the same night. Nothing comparable exists: Odoo deletes none of the data."""

from lokario_testing.results import Result, seconds

from .base_environment import base_environment, resident_bytes

ACCOUNTS = 1000
MEGABYTE = 1024 * 1024


def run() -> list[Result]:
    with base_environment("lokario_bench_deletion") as environment:
        environment.due_deletions(5, "warm")
        environment.process()
        ids = environment.due_deletions(ACCOUNTS, "due")
        before = resident_bytes()
        elapsed = seconds(environment.process)
        grown = (resident_bytes() - before) / MEGABYTE
        with environment.env() as env:
            done = env["lokario.account.deletion"].search_count([("id", "in", ids), ("state", "=", "done")])
    return [
        Result(f"deletion: {ACCOUNTS} accounts", elapsed, None, "ours <= 200"),
        Result("deletion: memory grown", grown, None, "ours <= 100", "MB"),
        Result("deletion: done", done, None, f"ours >= {ACCOUNTS}", "accounts"),
    ]
