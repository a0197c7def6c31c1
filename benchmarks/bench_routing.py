"""The routing matrix on the suite and on Odoo alone: misrouted mails, mails through somebody else's server."""

import logging
from contextlib import ExitStack

from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases
from lokario_testing.environments.loaded import LoadedOdoo
from lokario_testing.results import Result

from .child import in_a_child


def run() -> list[Result]:
    odoo, ours = in_a_child(_matrix, ""), in_a_child(_matrix, "lokario_billing")
    return [
        Result("wall: mails of the matrix (peer: Odoo alone)", ours["cases"], odoo["cases"], "ours >= 300", "mails"),
        *(
            Result(f"wall: {what}", ours[what], odoo[what], "ours <= 0", "mails")
            for what in ("misrouted", "through another's server", "not aligned")
        ),
    ]


def _matrix(addons):
    from lokario_testing.routing_matrix import RoutingMatrix

    with Cluster.for_tests() as cluster:
        environment = Databases(cluster)
        database = environment.clone(environment.template(), "lokario_bench_routing")
        try:
            if addons:
                environment.run_odoo(database, "-i", addons, "--stop-after-init")
            loaded = LoadedOdoo(environment, database, log_level="critical")
            logging.getLogger("mail.log").setLevel(logging.CRITICAL)
            with loaded.env() as env, ExitStack() as stack:
                matrix = RoutingMatrix(env, stack, suite=bool(addons))
                env.cr.commit()
                seen = [matrix.play(case) for case in matrix.cases()]
            loaded.close()
        finally:
            environment.drop(database)
    return {
        "cases": len(seen),
        "misrouted": sum(each.is_misrouted() for each in seen),
        "through another's server": sum(each.is_leak() for each in seen),
        "not aligned": sum(not each.is_aligned() for each in seen),
    }
