"""Check style: ruff and pylint-odoo on Python, eslint and prettier on JavaScript, well-formed XML.

The plain tests look for forbidden old forms.
"""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

ADVISORIES = Path(__file__).parents[1] / "advisories.csv"
PIP_AUDIT = "pip-audit==2.10.1"
# Of the versions that Odoo's own set-up names (addons/web/tooling); its rules are read from there.
JAVASCRIPT = ("eslint@8.57.1", "eslint-config-prettier@8.10.2", "eslint-plugin-prettier@4.2.5", "prettier@2.8.8")
HELP = "check Python, JavaScript and XML of the project"
NEEDS = {"python"}


def configure(parser):
    parser.add_argument("paths", nargs="*", help="folders or files (default: everything)")
    parser.add_argument("--fix", action="store_true", help="let ruff mend what it safely can")
    parser.add_argument("--lock", action="store_true", help="write requirements.lock anew from requirements.txt")
    parser.add_argument("--security", action="store_true", help="ask a vulnerability database about the lock")


def run(args):
    from lokario_cli.paths import ADDONS, ROOT
    from lokario_cli.setup import venv

    if args.lock:
        return venv.lock()
    if args.security:
        return check_security()
    paths = args.paths or ["."]
    addons = [addon for addon in ADDONS if not args.paths or addon in {path.rstrip("/") for path in args.paths}]
    fix = ["--fix"] if args.fix else []
    checks = [
        [sys.executable, "-m", "ruff", "check", *fix, *paths],
        [sys.executable, "-m", "ruff", "format", *([] if args.fix else ["--check", "-q"]), *paths],
        *([[sys.executable, "-m", "pylint", *addons]] if addons else []),
    ]
    codes = [subprocess.run(check, cwd=ROOT).returncode for check in checks]
    return max([*codes, check_javascript(paths, fix), check_xml(paths)])


def check_javascript(paths: list[str], fix: list[str]) -> int:
    """Odoo's rules; without npm the scripts are not checked, and that is said."""
    from lokario_cli.console import say
    from lokario_cli.paths import ROOT, cache
    from lokario_cli.setup import odoo_source

    listed = subprocess.run(["git", "ls-files", "*.js"], cwd=ROOT, capture_output=True, text=True, check=True)
    scripts = [
        name for name in listed.stdout.split() if any((ROOT / name).is_relative_to(ROOT / path) for path in paths)
    ]
    tools = cache() / "javascript"
    if not scripts:
        return 0
    if not (tools / "node_modules" / ".bin" / "eslint").exists():
        if not shutil.which("npm"):
            say("npm is not there: JavaScript was not checked")
            return 0
        tools.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tools), *JAVASCRIPT]
        subprocess.run(install, check=True)
    rules = odoo_source.home() / "odoo" / "addons" / "web" / "tooling" / "_eslintrc.json"
    eslint = [str(tools / "node_modules" / ".bin" / "eslint"), "--no-eslintrc", "--config", str(rules)]
    return subprocess.run(
        [*eslint, "--resolve-plugins-relative-to", str(tools), *fix, *scripts], cwd=ROOT, check=False
    ).returncode


def check_xml(paths: list[str]) -> int:
    from lxml import etree

    from lokario_cli.console import say
    from lokario_cli.paths import ROOT

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


def check_security() -> int:
    """0 unless a version of the lock has a known vulnerability, in pip-audit's database or in our own table."""
    from lokario_cli.console import say
    from lokario_cli.setup.venv import LOCK, locked

    found = known_by_table(locked())
    audit = [str(Path(sys.prefix) / "bin" / "uv"), "tool", "run", PIP_AUDIT, "--no-deps", "--disable-pip"]
    done = subprocess.run([*audit, "--format", "json", "-r", str(LOCK)], capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        say(f"pip-audit could not run: {done.stderr.strip()[-300:]}")
        packages = []
    asked = [package for package in packages if "skip_reason" not in package]
    for package in asked:
        for one in package["vulns"]:
            mended = ", ".join(one["fix_versions"]) or "no version yet"
            found.append(f"{package['name']} {package['version']}: {one['id']}, mended in {mended}")
    for text in found:
        say(text)
    say(f"{len(found)} known vulnerabilities; the database of PyPI knows {len(asked)} of {len(locked())} packages")
    if len(asked) < len(locked()):
        say(f"The others were compared with {ADVISORIES.name} alone, which knows no advisory later than January 2026.")
    return 1 if found else 0


def known_by_table(packages: list[tuple[str, str]]) -> list[str]:
    """What the table of advisories says about these packages of the lock."""
    from packaging.version import Version

    with ADVISORIES.open() as file:
        table = {row["package"]: row for row in csv.DictReader(file)}
    found = []
    for name, text in packages:
        version, row = text.partition("==")[2].split()[0], table.get(name.lower())
        if row and Version(version) < Version(row["mended_in"]):
            found.append(f"{name} {version}: {row['advisory']}, mended in {row['mended_in']}")
    return found
