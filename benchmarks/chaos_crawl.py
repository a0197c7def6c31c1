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
    return [
        *(f"none of {model} ({zone}): {why}" for (model, zone), why in records.unexplained()),
        *broken_batches(odoo, records, points, seed),
        *broken_roles(odoo, records, points, seed),
        *broken_screens(odoo, records, points, seed),
    ]
