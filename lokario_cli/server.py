"""Odoo's command line for servers of this suite: without the gate, or another server-wide module, nothing is served.

Odoo itself logs such a module and goes on; without the gate every database would answer to every host.
"""

import sys

import odoo.cli
import odoo.modules.module
import odoo.service.server
from odoo.tools import config

GATE = "lokario_gate"


def main() -> None:
    odoo.service.server.load_server_wide_modules = _require_gate(odoo.service.server.load_server_wide_modules)
    odoo.modules.module.load_openerp_module = _load_or_end(odoo.modules.module.load_openerp_module)
    odoo.cli.main()


def _require_gate(load_server_wide_modules):
    def load() -> None:
        if GATE not in config["server_wide_modules"]:
            raise SystemExit(f"lokario: server_wide_modules does not name {GATE}; start with -c odoo.conf.")
        load_server_wide_modules()

    return load


def _load_or_end(load_openerp_module):
    """Odoo looks this function up anew for the server-wide modules alone."""

    def load(name: str) -> None:
        try:
            load_openerp_module(name)
        except Exception as error:
            advice = "Does ODOO_ADDONS_PATH (or addons_path) name the folder of the suite?"
            raise SystemExit(f"lokario: the server-wide module {name} cannot be loaded ({error}). {advice}") from error

    return load


if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder: its modules are not top-level ones
    main()
