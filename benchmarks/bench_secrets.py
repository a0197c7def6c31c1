"""Rotation of 10,000 secrets, and what storing one costs beside an ordinary text."""

import base64
import os
import subprocess

from lokario_cli.setup.postgres import ODOO_ROLE, binaries
from lokario_testing.results import Result, seconds

from .base_environment import base_environment

SECRETS = 10_000
NEW_KEY = "bench:" + base64.b64encode(b"b" * 32).decode()


def run() -> list[Result]:
    with base_environment("lokario_bench_secrets") as environment:
        with environment.env() as env:
            environment.add_safe_model(env)
            safes = env["lokario.bench.safe"].create([{"password": f"canary-{n}"} for n in range(SECRETS)])
            first, last = safes[0].id, safes[-1].id
        leaked = _dump(environment).count("canary-")
        os.environ["LOKARIO_SECRET_KEYS"] = f"{NEW_KEY},{os.environ['LOKARIO_SECRET_KEYS']}"
        results = {}
        with environment.env() as env:
            elapsed = seconds(lambda: results.update(env["lokario.secret.mixin"]._rotate_secrets()))
        os.environ["LOKARIO_SECRET_KEYS"] = NEW_KEY
        with environment.env() as env:
            safes = env["lokario.bench.safe"].browse([first, last])
            readable = [safe._reveal_secret__("password") for safe in safes] == ["canary-0", f"canary-{SECRETS - 1}"]
    return [
        Result(f"secrets: of {SECRETS} in a dump", leaked, None, "ours <= 0", ""),
        Result(f"secrets: {SECRETS} rotated", elapsed, None, "ours <= 5"),
        Result("secrets: rotated", results["rotated"] * readable, None, f"ours >= {SECRETS}", "secrets"),
    ]


def _dump(environment) -> str:
    program = [
        str(binaries() / "pg_dump"),
        "-h",
        environment.environment.cluster.socket,
        "-U",
        ODOO_ROLE,
        environment.database,
    ]
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout
