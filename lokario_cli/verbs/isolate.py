"""Take over instances of the former design: a process, a PostgreSQL role and a folder of its own for each."""

import os

HELP = "give instances that share the manager's process one of their own each, while the server and its host run"
NEEDS = {"python"}
SHARED = "SELECT database_name FROM saas_instance WHERE tenant_role IS NULL AND state IN ('active', 'suspended')"
SCRIPT = """
instances = env["saas.instance"].search([("tenant_role", "=", False), ("state", "in", ("active", "suspended"))])
instances.server_id.isolation = "process"
env.cr.commit()
for instance in instances:
    instance.action_isolate()
    print("ISOLATED", instance.database_name, instance.tenant_role)
"""


def configure(parser):
    parser.add_argument(
        "-c", "--config", help="configuration of a production server (default: that of `./lokario serve`)"
    )
    parser.add_argument("-d", "--database", default="lokario", help="the manager's database (default: lokario)")


def run(args):
    from ..odoo_process import process_environment, serving_options, write_configuration
    from ..paths import STATE
    from ..setup.postgres import Cluster

    if args.config:
        return isolate(args.config, args.database, dict(os.environ))
    from lokario_testing.demo.stage import demo_keys

    with Cluster.for_serving() as cluster:
        for database in cluster.psql(SHARED, args.database).split():
            cluster.close_catalogues(database)
        conf = write_configuration(STATE / "conf" / "isolate.conf", serving_options(cluster))
        return isolate(conf, args.database, {**process_environment(), **demo_keys()})


def isolate(conf, manager: str, environment: dict[str, str]) -> int:
    """Move one instance after the other; repeated after a failure it goes on where it stopped."""
    import subprocess

    from ..console import Failure, say
    from ..odoo_process import command

    program, script = command()
    shell = [program, script, "shell", "-c", str(conf), "-d", manager, "--no-http", "--log-level", "warn"]
    done = subprocess.run(shell, env=environment, input=SCRIPT, text=True, capture_output=True)
    moved = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("ISOLATED")]
    for database, role in moved:
        say(f"{database}: role {role}")
    if done.returncode:
        raise Failure(f"{len(moved)} moved; then: {done.stderr.strip().splitlines()[-1]}")
    say(f"{len(moved)} instances have a process and role of their own.")
    return 0
