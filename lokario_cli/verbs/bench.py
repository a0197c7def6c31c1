"""Benchmarks: every `benchmarks/bench_<name>.py` has `run() -> list[Figure]` (see lokario_cli/figures.py)."""

import importlib
from pathlib import Path

from ..paths import ROOT

HELP = "measure ours and the peer side by side"
NEEDS = {"python", "mail"}


def configure(parser):
    parser.add_argument("names", nargs="*", help=f"default: all ({', '.join(names('bench'))})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")


def names(kind: str) -> list[str]:
    return sorted(path.stem.removeprefix(f"{kind}_") for path in (ROOT / "benchmarks").glob(f"{kind}_*.py"))


def load(kind: str, name: str):
    from ..console import Failure

    if name not in names(kind):
        raise Failure(f"There is no {kind} named {name!r}. There are: {', '.join(names(kind)) or 'none'}.")
    return importlib.import_module(f"benchmarks.{kind}_{name}")


def run(args):
    from ..console import say
    from ..figures import report

    figures = []
    for name in args.names or names("bench"):
        say(f"{name} …")
        figures += load("bench", name).run()
    return report(figures, args.json)
