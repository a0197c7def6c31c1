"""Find the verb, set up what it needs, run it inside the virtual environment."""

import argparse
import importlib
import importlib.util
import os
import pkgutil
import signal
import sys

from .console import Failure, fail
from .paths import ROOT, venv_python

PACKAGES = ("lokario_cli.verbs", "lokario_testing.verbs")  # the second is for those who develop the suite


def _verbs() -> dict[str, str]:
    """Module of each verb."""
    packages = [importlib.import_module(name) for name in PACKAGES if importlib.util.find_spec(name.partition(".")[0])]
    return {
        module.name.replace("_", "-"): f"{package.__name__}.{module.name}"
        for package in packages
        for module in pkgutil.iter_modules(package.__path__)
    }


def verb_names() -> list[str]:
    return sorted(_verbs())


def load(verb: str):
    return importlib.import_module(_verbs()[verb])


def build_parser() -> argparse.ArgumentParser:
    """A parser of all verbs. A verb's module imports the standard library alone at its top; the rest inside run()."""
    parser = argparse.ArgumentParser(prog="./lokario", description="Set up, run, test and measure Lokario.")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in verb_names():
        module = load(name)
        subparser = subparsers.add_parser(name, help=module.HELP, description=module.HELP)
        if hasattr(module, "configure"):
            module.configure(subparser)
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments of the verb; one with PASS_THROUGH gets all that follows it, untouched."""
    if argv and argv[0] in verb_names() and getattr(load(argv[0]), "PASS_THROUGH", False):
        return argparse.Namespace(verb=argv[0], arguments=argv[1:])
    return build_parser().parse_args(argv)


def enter_environment(needs: set[str]) -> None:
    """Set up what the verb needs, then continue inside the virtual environment (NEEDS non-empty)."""
    from .setup.ensure import ensure

    ensure(needs)
    if sys.prefix == sys.base_prefix or not sys.executable.startswith(str(venv_python().parent)):
        os.environ["LOKARIO_READY"] = "1"
        os.execv(str(venv_python()), [str(venv_python()), str(ROOT / "lokario"), *sys.argv[1:]])


def main(argv: list[str]) -> int:
    args = parse(argv)
    # A stop by the system ends the servers we started as Ctrl-C does; a background shell would ignore SIGINT.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    module = load(args.verb)
    try:
        needs = getattr(module, "NEEDS", set())
        if needs and not os.environ.pop("LOKARIO_READY", None):
            enter_environment(needs)
        return module.run(args) or 0
    except Failure as failure:
        return fail(str(failure))
    except KeyboardInterrupt:
        return fail("Interrupted; run the same command again, it resumes.", code=130)
