"""What ordinary use meets: every method with 0, 1 and 3 records; every menu, view and button by every role.

The roles come by RPC first, then in a browser. All of it takes hours: `--part` names what to do, a role behind a colon
(`--part browser:lokario_inbox`).
"""

from lokario_cli.console import say
from lokario_cli.paths import SUITE
from lokario_testing.environments.loaded import LoadedOdoo, fresh_database

from .crawl_batches import broken_batches
from .crawl_browser import broken_screens
from .crawl_roles import broken_roles
from .generated_records import GeneratedRecords

POINTS = 100_000  # more than there is: everything
PARTS = {"batches": broken_batches, "roles": broken_roles, "browser": broken_screens}


def run(points: int, seed: int, parts=tuple(PARTS)) -> list[str]:
    with fresh_database("chaos_crawl", ",".join(SUITE)) as (environment, database):
        odoo = LoadedOdoo(environment, database, log_level="critical")
        try:
            return crawl(odoo, points, seed, parts)
        finally:
            odoo.close()


def crawl(odoo: LoadedOdoo, points: int, seed: int, parts) -> list[str]:
    """Each of the parts makes `points` calls; that of a role when it names one."""
    with odoo.env() as env:
        records = GeneratedRecords(env).fill()
        say(f"      {records.summary()}")
    broken = [f"none of {model} ({zone}): {why}" for (model, zone), why in records.unexplained()]
    for part in parts:
        name, _colon, role = part.partition(":")
        found = PARTS[name](odoo, records, points, seed, *([role] if role else []))
        say("\n".join([f"      {part}: {len(found)}", *found]))
        broken += found
    return broken
