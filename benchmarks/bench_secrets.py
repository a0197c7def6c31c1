"""Rotation of 10,000 secrets, and what storing one costs beside an ordinary text."""

import base64
import os
import subprocess

from lokario_cli.figures import Figure, seconds
from lokario_cli.setup.postgres import ODOO_ROLE, binaries

from .base_world import base_world

SECRETS = 10_000
NEW_KEY = "bench:" + base64.b64encode(b"b" * 32).decode()


def run() -> list[Figure]:
    with base_world("lokario_bench_secrets") as world:
        with world.env() as env:
            world.add_safe_model(env)
            safes = env["lokario.bench.safe"].create([{"password": f"canary-{n}"} for n in range(SECRETS)])
            first, last = safes[0].id, safes[-1].id
        leaked = _dump(world).count("canary-")
        os.environ["LOKARIO_SECRET_KEYS"] = f"{NEW_KEY},{os.environ['LOKARIO_SECRET_KEYS']}"
        results = {}
        with world.env() as env:
            elapsed = seconds(lambda: results.update(env["lokario.secret.mixin"]._rotate_secrets()))
        os.environ["LOKARIO_SECRET_KEYS"] = NEW_KEY
        with world.env() as env:
            safes = env["lokario.bench.safe"].browse([first, last])
            readable = [safe._reveal_secret__("password") for safe in safes] == ["canary-0", f"canary-{SECRETS - 1}"]
    return [
        Figure(f"secrets: of {SECRETS} in a dump", leaked, None, "ours <= 0", ""),
        Figure(f"secrets: {SECRETS} rotated", elapsed, None, "ours <= 5"),
        Figure("secrets: rotated", results["rotated"] * readable, None, f"ours >= {SECRETS}", "secrets"),
    ]


def _dump(world) -> str:
    program = [str(binaries() / "pg_dump"), "-h", world.world.cluster.socket, "-U", ODOO_ROLE, world.database]
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout
