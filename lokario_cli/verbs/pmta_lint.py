"""Check a PowerMTA configuration file, whoever wrote it."""

import sys
from pathlib import Path

from ..console import Failure, say
from ..paths import ROOT

HELP = "check a PowerMTA configuration file (rules E1-E20, W1-W11)"


def configure(parser):
    parser.add_argument("file", type=Path, metavar="FILE")


def run(args):
    sys.path.insert(0, str(ROOT / "email_engine_bridge" / "tools"))
    from pmta_lint import lint

    try:
        text = args.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise Failure(f"{args.file} cannot be read: {err}") from err
    findings = lint(text)
    for finding in findings:
        say(finding.render(args.file))
    errors = sum(finding.severity == "error" for finding in findings)
    say(f"{args.file}: {errors} error(s), {len(findings) - errors} warning(s)")
    return 1 if errors else 0
