"""The suite's server for addon tests: scripts and styles are made when a page asks for them.

Odoo makes every bundle of the installed modules before the first HttpCase, half a minute for tests that read JSON.
Hypothesis reads the constants of two thousand Odoo modules for its examples: seconds for each server, and what a test
tries would change with every line of Odoo.
"""

import gc
import sys

from hypothesis.internal.conjecture import providers
from odoo.tests.suite import OdooSuite

from lokario_cli.server import main

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder: its modules are not top-level ones
    OdooSuite.has_http_case = lambda suite: False  # asked for this purpose alone
    providers.is_local_module_file = lambda path: False
    gc.set_threshold(50_000, 20, 20)  # millions of objects of Odoo's modules and registry stay anyway
    main()
