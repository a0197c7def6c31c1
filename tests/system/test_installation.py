"""Each addon installs alone on what it depends on, leaves nothing behind, and installs again.

The suite tries a sample; ``LOKARIO_ALL_ADDONS=1 ./lokario test tests/system/test_installation.py`` tries all.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from lokario_cli.odoo_process import command, process_environment, tail, write_configuration
from lokario_cli.paths import ADDONS, STATE

SAMPLE = ("lokario_base", "lokario_account", "report_chromium")
SCRIPT = Path(__file__).parent / "installation" / "leftovers.py"


@pytest.mark.parametrize("addon", ADDONS if os.environ.get("LOKARIO_ALL_ADDONS") else SAMPLE)
def test_an_addon_comes_goes_and_comes_again(environment, plain, addon):
    result = play(environment, plain, addon)
    assert result["installed"] == ["installed"]
    assert not result["left"]
    assert result["again"] == ["installed"]


def play(environment, plain, addon) -> dict:
    database = environment.clone(plain, f"alone_{addon}_{os.getpid()}")
    log = STATE / "logs" / f"alone-{addon}.log"
    conf = write_configuration(STATE / "conf" / f"{database}.conf", environment.options())
    program, odoo = command()
    try:
        with log.open("w") as stream:
            done = subprocess.run(
                [program, odoo, "shell", "-c", str(conf), "-d", database, "--no-http"],
                env=process_environment(),
                input=f"ADDON = {addon!r}\n{SCRIPT.read_text()}",
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                check=False,
            )
        assert done.returncode == 0, tail(log)
        return json.loads(done.stdout.partition("RESULT ")[2])
    finally:
        environment.drop(database)
