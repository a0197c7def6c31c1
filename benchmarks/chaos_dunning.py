"""Random lives of an invoice and of a quote, on real documents, against a simple reference written from what follow-ups
promise: who is written to, when, with which sum. Nobody but the debtor's contact of that moment is ever written to.
"""

import hypothesis.core
from freezegun import freeze_time

from lokario_testing.environments.loaded import LoadedOdoo, fresh_database

POINTS = 2000
PART = 100  # lives in one transaction


def run(points: int, seed: int) -> list[str]:
    broken = []
    with fresh_database("lokario_chaos_dunning", "lokario_billing") as (environment, database):
        odoo = LoadedOdoo(environment, database)
        try:
            for start in range(0, points, PART):
                hypothesis.core.global_force_seed = seed + start
                broken += _part(odoo, min(PART, points - start))
        finally:
            odoo.close()
    return broken


def _part(odoo, lives: int) -> list[str]:
    from odoo.addons.lokario_billing.tests.lives import START, Lives

    with odoo.registry.cursor() as cr, freeze_time(START) as clock:
        from odoo import SUPERUSER_ID, api

        env = api.Environment(cr, SUPERUSER_ID, {})
        env["account.chart.template"].try_loading("generic_coa", env.company, install_demo=False)
        shared = Lives(env, clock)
        try:
            shared.run(lives)
        except AssertionError as difference:
            return [f"{difference} {' '.join(getattr(difference, '__notes__', []))}"]
        finally:
            cr.rollback()
        return [] if shared.written else ["nobody was written to in any life: nothing was tried"]
