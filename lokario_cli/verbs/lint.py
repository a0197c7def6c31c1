"""Check style: ruff and pylint-odoo on Python, well-formed XML. The plain tests look for forbidden old forms."""

import subprocess
import sys

HELP = "check Python and XML of the project"
NEEDS = {"python"}


def configure(parser):
    parser.add_argument("paths", nargs="*", help="folders or files (default: everything)")
    parser.add_argument("--fix", action="store_true", help="let ruff mend what it safely can")


def run(args):
    from ..paths import ADDONS, ROOT

    paths = args.paths or ["."]
    addons = [addon for addon in ADDONS if not args.paths or addon in {path.rstrip("/") for path in args.paths}]
    fix = ["--fix"] if args.fix else []
    checks = [
        [sys.executable, "-m", "ruff", "check", *fix, *paths],
        [sys.executable, "-m", "ruff", "format", *([] if args.fix else ["--check", "-q"]), *paths],
        *([[sys.executable, "-m", "pylint", *addons]] if addons else []),
    ]
    codes = [subprocess.run(check, cwd=ROOT).returncode for check in checks]
    return max([*codes, check_xml(paths)])


def check_xml(paths: list[str]) -> int:
    from lxml import etree

    from ..console import say
    from ..paths import ROOT

    broken = 0
    for path in paths:
        files = [ROOT / path] if path.endswith(".xml") else sorted((ROOT / path).rglob("*.xml"))
        for file in files:
            try:
                etree.parse(str(file))
            except etree.XMLSyntaxError as error:
                say(f"{file}: {error}")
                broken = 1
    return broken
