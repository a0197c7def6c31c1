"""docs/extending.md: each example is installed as it stands there, and does what its section says."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from lokario_cli.odoo_process import command, process_environment, tail, write_configuration
from lokario_cli.paths import ROOT, STATE

BLOCK = re.compile(r"^```(?:python|xml)\n(?:# |<!-- )(\S+)(?: -->)?\n(.*?)^```", re.M | re.S)
DEPENDS = ["lokario_inbox", "lokario_inbox_ai", "lokario_billing", "email_engine_campaign", "saas_manager"]
TRIED = (Path(__file__).parent / "extending" / "tried.py").read_text()


@pytest.fixture(scope="module")
def said(environment, suite_database, tmp_path_factory):
    """What each example answered, by the name of its file."""
    addon = write_addon(tmp_path_factory.mktemp("extending") / "lokario_example")
    database = environment.clone(suite_database, f"extending_{os.getpid()}")
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    options = environment.options(addons_path=f"{ROOT},{addon.parent}", **{"lokario/manager_db": database})
    conf = write_configuration(STATE / "conf" / f"{database}.conf", options)
    log = STATE / "logs" / f"{database}.log"
    program, odoo = command()

    def run(*arguments, script=None):
        with log.open("a") as stream:
            return subprocess.run(
                [program, odoo, *arguments, "-c", str(conf), "-d", database, "--no-http"],
                env=process_environment(), input=script, stdout=subprocess.PIPE, stderr=stream, text=True, check=False,
            )  # fmt: skip

    try:
        assert run("-i", addon.name, "--stop-after-init").returncode == 0, tail(log)
        done = run("shell", script=TRIED)
        yield dict(re.findall(r"^TRIED (\S+) (.*)$", done.stdout, re.M)), tail(log)
    finally:
        environment.drop(database)


def write_addon(folder: Path) -> Path:
    blocks = BLOCK.findall((ROOT / "docs" / "extending.md").read_text())
    for name, text in blocks:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    models = sorted(Path(name).stem for name, _text in blocks if name.endswith(".py"))
    (folder / "models" / "__init__.py").write_text("".join(f"from . import {name}\n" for name in models))
    (folder / "__init__.py").write_text("from . import models\n")
    data = sorted(name for name, _text in blocks if name.endswith(".xml"))
    manifest = {"name": "Example", "version": "19.0.1.0.0", "author": "Example", "license": "LGPL-3"}
    (folder / "__manifest__.py").write_text(repr({**manifest, "depends": DEPENDS, "data": data}))
    return folder


def test_each_example_is_short():
    for name, text in BLOCK.findall((ROOT / "docs" / "extending.md").read_text()):
        assert len(text.splitlines()) < 30, name


@pytest.mark.parametrize(
    "example",
    ["ai_provider", "followup_channel", "warmup_plan", "mail_provider", "saas_step", "bounce_phrase", "mail_rule",
     "scheduled_job", "dns_check", "transport"],
)  # fmt: skip
def test_it_does_what_its_section_says(said, example):
    answers, log = said
    assert answers.get(example) == "ok", (answers.get(example), log)
