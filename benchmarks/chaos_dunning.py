"""Random lives of an invoice and of a quote, on real documents, against a simple reference written from what follow-ups
promise: who is written to, when, with which sum. Nobody but the debtor's contact of that moment is ever written to.
"""

import os
from concurrent.futures import ProcessPoolExecutor

import hypothesis.core
from freezegun import freeze_time

from lokario_cli.console import say
from lokario_testing.environments.loaded import LoadedOdoo, fresh_database

POINTS = 2000
PART = 50  # lives in one transaction


def run(points: int, seed: int) -> list[str]:
    """Each processor lives a share of the lives, in a database of its own."""
    workers = min(os.cpu_count() or 1, -(-points // PART))
    starts = range(0, points, PART)
    with ProcessPoolExecutor(workers) as pool:
        shares = [pool.submit(_live, starts[number::workers], points, seed) for number in range(workers)]
        return [difference for share in shares for difference in share.result()]


def _live(starts: range, points: int, seed: int) -> list[str]:
    broken = []
    with fresh_database("lokario_chaos_dunning", "lokario_billing") as (environment, database):
        odoo = LoadedOdoo(environment, database)
        try:
            for start in starts:
                hypothesis.core.global_force_seed = seed + start
                broken += _part(odoo, min(PART, points - start))
                say(f"lives {start + 1} to {min(start + PART, points)}: {len(broken)} differences so far")
        finally:
            odoo.close()
    return broken


def _part(odoo, lives: int) -> list[str]:
    from odoo.exceptions import UserError

    from odoo.addons.lokario_billing.tests.lives import START, Lives

    with odoo.registry.cursor() as cr, freeze_time(START) as clock:
        from odoo import SUPERUSER_ID, api

        env = api.Environment(cr, SUPERUSER_ID, {})
        env["account.chart.template"].try_loading("generic_coa", env.company, install_demo=False)
        shared = Lives(env, clock)
        try:
            shared.run(lives)
        except (AssertionError, UserError) as difference:
            return [f"{difference} {' '.join(getattr(difference, '__notes__', []))}"]
        finally:
            cr.rollback()
        return [] if shared.written else ["nobody was written to in any life: nothing was tried"]
