"""A small sample of `./lokario chaos mail`, in a process of its own: it loads the product without a database."""

import subprocess
import sys

from lokario_cli.paths import ROOT

CHAOS = "import sys; from benchmarks import chaos_mail; sys.exit('\\n'.join(chaos_mail.run(1500, 3)) or 0)"


def test_changed_mails_and_dialogues_break_nothing():
    done = subprocess.run([sys.executable, "-c", CHAOS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
