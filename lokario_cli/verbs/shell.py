"""Odoo's interactive shell on a served or a throw-away database."""

import os

HELP = "an Odoo shell (env, self) on a database"
NEEDS = {"python"}


def configure(parser):
    parser.add_argument("--db", default="lokario", help="database (default: lokario)")


def run(args):
    import subprocess

    from ..odoo_process import command, process_environment, serving_options, write_configuration
    from ..paths import STATE
    from ..setup.postgres import Cluster

    with Cluster.for_serving() as cluster:
        conf = write_configuration(STATE / "conf" / f"shell-{os.getpid()}.conf", serving_options(cluster))
        # Not `odoo shell -c`: the name of the subcommand comes first.
        program, script = command()
        return subprocess.run(
            [program, script, "shell", "-c", str(conf), "-d", args.db], env=process_environment()
        ).returncode
