"""Two databases with Odoo's own test modules: with the suite, and without."""

import contextlib
import os

from lokario_cli.odoo_process import external_dependencies
from lokario_cli.paths import SUITE

from ..environments.databases import Databases
from .comparison import MODULES


@contextlib.contextmanager
def both_databases(cluster):
    """Yield the environment and both names. In English: translated texts differ from what Odoo's tests expect."""
    environment = Databases(cluster)
    core = environment.cached_database([*external_dependencies(), *MODULES], languages="en_US")
    suite = environment.clone(core, f"core_tests_{os.getpid()}")
    try:
        environment.run_odoo(suite, "-i", ",".join(SUITE), "--stop-after-init")
        yield environment, core, suite
    finally:
        environment.drop(suite)
