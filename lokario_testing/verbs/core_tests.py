"""Odoo's own tests with the suite: what passes without it must pass with it."""

import json
from pathlib import Path

HELP = "run Odoo's own tests with the suite; what fails runs again without it"
NEEDS = {"python"}


def configure(parser):
    parser.add_argument("groups", nargs="*", help="default: all (mail, sale …), or `--test-tags` of Odoo")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")


def run(args):
    from lokario_cli.console import say
    from lokario_cli.setup.postgres import Cluster

    from ..core_tests.comparison import GROUPS, compare
    from ..core_tests.databases import both_databases

    found = {}
    with Cluster.for_tests() as cluster, both_databases(cluster) as (environment, core, suite):
        for group in args.groups or GROUPS:
            found[group] = one = compare(environment, core, suite, GROUPS.get(group, group))
            say(
                f"{group}: {one.compared} tests; {len(one.artefacts)} fail without the suite, too; "
                f"{len(one.expected)} must differ; {len(one.broken)} fail only with it"
            )
            for name in one.broken:
                say(f"    {name}")
            if args.json:
                args.json.write_text(json.dumps({name: vars(each) for name, each in found.items()}, indent=1))
    return 1 if any(one.broken or not one.compared for one in found.values()) else 0
