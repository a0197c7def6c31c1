"""Odoo with this suite as production runs it: README, "Production". All that follows is Odoo's own command line."""

import os

HELP = "run Odoo for production; all that follows is its own (`./lokario odoo -c odoo.conf`)"
NEEDS = {"python"}
PASS_THROUGH = True


def run(args):
    from ..paths import ROOT, venv

    folder = venv() / "bin"
    # Odoo finds its Python by the PATH when it restarts itself.
    os.environ["PATH"] = os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])
    os.execv(folder / "python", [str(folder / "python"), str(ROOT / "lokario_cli" / "server.py"), *args.arguments])
