"""`./lokario rotate-secrets` on a database with stored secrets, as an administrator types it."""

import base64
import os
import subprocess
import sys

import pytest

from lokario_cli.paths import ROOT

OLD, NEW = (f"{number}:{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2))
STORE = """
env["saas.plan"].create({"name": "Rotated", "code": "rotated", "relay_password": "canary-relay"})
env.cr.commit()
"""
REVEAL = 'print("REVEALED", env["saas.plan"].search([("code", "=", "rotated")])._reveal_secret__("relay_password"))'


@pytest.fixture
def lokario(environment, suite_database):
    """Run a verb on a database with one secret; (exit code, everything it said)."""
    database = environment.clone(suite_database, f"rotate_{os.getpid()}")
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    options = environment.cluster.odoo_options()
    place = {"PGHOST": options["db_host"], "PGUSER": options["db_user"], "PGPORT": options.get("db_port", "5432")}

    def run(verb, keys, script=""):
        command = [sys.executable, ROOT / "lokario", verb, "--db", database]
        variables = {**os.environ, **place, "LOKARIO_SECRET_KEYS": keys}
        done = subprocess.run(command, env=variables, input=script, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def stored():
        return environment.cluster.psql("SELECT relay_password FROM saas_plan WHERE code = 'rotated'", database)

    run.stored = stored
    yield run
    environment.drop(database)


def test_rotation(lokario):
    assert lokario("shell", OLD, STORE)[0] == 0
    assert lokario.stored().startswith("lk1:1:")
    code, said = lokario("rotate-secrets", f"{NEW},{OLD}")
    assert (code, "1 rotated, 0 unreadable" in said) == (0, True), said
    assert lokario.stored().startswith("lk1:2:")
    assert "0 rotated, 0 unreadable" in lokario("rotate-secrets", f"{NEW},{OLD}")[1]
    assert "REVEALED canary-relay" in lokario("shell", NEW, REVEAL)[1], "the old key may go"
    assert "canary" not in said


def test_a_rotation_without_a_key_says_so(lokario):
    code, said = lokario("rotate-secrets", "")
    assert code
    assert "no key is configured" in said
