"""The virtual environment's Python, with Odoo and the checkout importable."""

import os

from ..paths import ROOT, venv_python
from ..setup.ensure import PYTHON

HELP = "run the environment's Python"
NEEDS = {PYTHON}
PASS_THROUGH = True


def run(args):
    os.environ["PYTHONPATH"] = str(ROOT)
    os.execv(venv_python(), [str(venv_python()), *args.arguments])
