"""Benchmarks: every `benchmarks/bench_<name>.py` has `run() -> list[Result]` (see lokario_cli/results.py)."""

import importlib
from pathlib import Path

from lokario_cli.paths import ROOT

HELP = "measure ours and the peer side by side"
NEEDS = {"python", "mail"}


def configure(parser):
    parser.add_argument("names", nargs="*", help=f"default: all ({', '.join(names('bench'))})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")


def names(kind: str) -> list[str]:
    return sorted(path.stem.removeprefix(f"{kind}_") for path in (ROOT / "benchmarks").glob(f"{kind}_*.py"))


def load(kind: str, name: str):
    from lokario_cli.console import Failure

    if name not in names(kind):
        raise Failure(f"There is no {kind} named {name!r}. There are: {', '.join(names(kind)) or 'none'}.")
    return importlib.import_module(f"benchmarks.{kind}_{name}")


def run(args):
    from lokario_cli.console import say

    from ..results import report

    results = []
    for name in args.names or names("bench"):
        say(f"{name} …")
        results += load("bench", name).run()
    return report(results, args.json)
