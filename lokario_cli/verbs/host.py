"""The processes of clients' instances, beside the manager's Odoo: docs/saas.md, "A process for each instance"."""

import os

HELP = "run clients' instances, each in a process of its own (`./lokario host -c odoo.conf`), beside `./lokario odoo`"
NEEDS = {"python"}
PASS_THROUGH = True


def run(args):
    from ..paths import ROOT, venv

    python = str(venv() / "bin" / "python")
    os.environ["PYTHONPATH"] = str(ROOT)
    os.execv(python, [python, "-m", "lokario_host", *args.arguments])
