"""Re-encrypt every stored secret of a database with the newest key of LOKARIO_SECRET_KEYS."""

import os

HELP = "re-encrypt all stored secrets with the newest key"
NEEDS = {"python"}
SCRIPT = "print('{rotated} rotated, {unreadable} unreadable'.format(**env['lokario.secret.mixin']._rotate_secrets()))\n"


def configure(parser):
    parser.add_argument("--db", default="lokario", help="database (default: lokario)")


def run(args):
    import subprocess

    from ..odoo_process import command, process_environment, serving_options, write_configuration
    from ..paths import STATE
    from ..setup.postgres import Cluster

    with Cluster.for_serving() as cluster:
        conf = write_configuration(STATE / "conf" / f"rotate-{os.getpid()}.conf", serving_options(cluster))
        program, script = command()
        shell = [program, script, "shell", "-c", str(conf), "-d", args.db, "--log-level", "warn"]
        return subprocess.run(shell, env=process_environment(), input=SCRIPT, text=True).returncode
