"""The routing matrix on the suite and on Odoo alone: misrouted mails, mails through somebody else's server."""

import json
import logging
import os
from contextlib import ExitStack

from lokario_cli.figures import Figure
from lokario_cli.setup.postgres import Cluster
from lokario_cli.worlds.loaded import LoadedOdoo
from lokario_cli.worlds.odoo import World


def run() -> list[Figure]:
    odoo, ours = _in_a_child(""), _in_a_child("lokario_billing")
    return [
        Figure("wall: mails of the matrix (peer: Odoo alone)", ours["cases"], odoo["cases"], "ours >= 300", "mails"),
        *(
            Figure(f"wall: {what}", ours[what], odoo[what], "ours <= 0", "mails")
            for what in ("misrouted", "through another's server", "not aligned")
        ),
    ]


def _in_a_child(addons):
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writer, json.dumps(_matrix(addons)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        answer = stream.read()
    os.waitpid(pid, 0)
    return json.loads(answer)


def _matrix(addons):
    from .routing_matrix import RoutingMatrix

    with Cluster.for_tests() as cluster:
        world = World(cluster)
        database = world.clone(world.template(), "lokario_bench_wall")
        try:
            if addons:
                world.run_odoo(database, "-i", addons, "--stop-after-init")
            loaded = LoadedOdoo(world, database, log_level="critical")
            logging.getLogger("mail.log").setLevel(logging.CRITICAL)
            with loaded.env() as env, ExitStack() as stack:
                matrix = RoutingMatrix(env, stack, suite=bool(addons))
                seen = [matrix.play(case) for case in matrix.cases()]
            loaded.close()
        finally:
            world.drop(database)
    return {
        "cases": len(seen),
        "misrouted": sum(each.is_misrouted() for each in seen),
        "through another's server": sum(each.is_leak() for each in seen),
        "not aligned": sum(not each.is_aligned() for each in seen),
    }
