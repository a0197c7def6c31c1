"""Small samples of `./lokario chaos mail` and `idle`, in processes of their own: they load the product without a
database."""

import subprocess
import sys

import pytest

from lokario_cli.paths import ROOT

CHAOS = "import sys; from benchmarks import {0}; sys.exit('\\n'.join({0}.run({1}, 3)) or 0)"


@pytest.mark.parametrize(("name", "points"), [("chaos_mail", 1500), ("chaos_idle", 400)])
def test_a_sample_breaks_nothing(name, points):
    command = [sys.executable, "-c", CHAOS.format(name, points)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
