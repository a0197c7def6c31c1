"""What ordinary use meets: every method with 0, 1 and 3 records; every menu, view and button by every role.

The roles come by RPC first, then in a browser.
"""

from lokario_cli.console import say
from lokario_cli.paths import ADDONS
from lokario_testing.environments.loaded import LoadedOdoo, fresh_database

from .crawl_batches import broken_batches
from .crawl_browser import broken_screens
from .crawl_roles import broken_roles
from .generated_records import GeneratedRecords

POINTS = 100_000  # more than there is: everything


def run(points: int, seed: int) -> list[str]:
    with fresh_database("chaos_crawl", ",".join(ADDONS)) as (environment, database):
        odoo = LoadedOdoo(environment, database, log_level="critical")
        try:
            return crawl(odoo, points, seed)
        finally:
            odoo.close()


def crawl(odoo: LoadedOdoo, points: int, seed: int) -> list[str]:
    """Each of the three parts makes `points` calls, the last in browsers."""
    with odoo.env() as env:
        records = GeneratedRecords(env).fill()
        say(f"      {records.summary()}")
    broken = [f"none of {model} ({zone}): {why}" for (model, zone), why in records.unexplained()]
    for part in (broken_batches, broken_roles, broken_screens):
        found = part(odoo, records, points, seed)
        say("\n".join([f"      {part.__name__}: {len(found)}", *found]))  # the last takes hours and may be ended
        broken += found
    return broken
