"""Fault injection: every `benchmarks/chaos_<name>.py` has `run(points, seed) -> list[str]`, the broken promises."""

import secrets

HELP = "kill, cut and restart at random points, then check that nothing was lost or doubled"
NEEDS = {"python", "mail"}


def configure(parser):
    from .bench import names

    parser.add_argument("names", nargs="*", help=f"default: all ({', '.join(names('chaos'))})")
    parser.add_argument(
        "--points", "--lives", type=int, help="how many faults or lives (default: what the promise asks for)"
    )
    parser.add_argument("--seed", type=int, help="replay the faults of an earlier run")
    parts = "crawl: batches, roles, browser[:ROLE]; rights: ROLE; tenants: attacks, greedy, kills"
    parser.add_argument("--part", action="append", help=f"one part of a promise that has several ({parts})")


def run(args):
    from lokario_cli.console import say

    from .bench import load, names

    seed = args.seed if args.seed is not None else secrets.randbelow(2**31)
    broken = []
    for name in args.names or names("chaos"):
        module = load("chaos", name)
        points = args.points or module.POINTS
        say(f"{name}: {points} points, seed {seed}")
        found = module.run(points, seed, *([args.part] if args.part else []))
        for promise in found:
            say(f"  broken: {promise} (replay with --seed {seed})")
        say(f"{name}: {len(found)} broken promises at {points} points")
        broken += found
    return 1 if broken else 0
