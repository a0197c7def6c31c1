"""Say what is installed, what is missing and how to get it."""

import configparser
import os
import subprocess

from ..paths import ROOT

HELP = "say what is installed, what is missing and how to get it"


def run(args):
    from ..console import say, table

    rows = [[what, "ok" if fine else "MISSING", text] for what, fine, text in findings()]
    say(table(["what", "", "where, or how to get it"], rows))
    return 0


def findings():
    """(what, whether it is fine, where it is or how to get it) for everything the suite uses."""
    from ..paths import cache, venv
    from ..setup import nginx, odoo_source
    from ..setup.apt import find_command
    from ..setup.ensure import SYSTEM_PACKAGES
    from ..setup.venv import is_there

    yield "cache", cache().exists(), str(cache())
    yield odoo()
    ready = odoo_source.is_there() and is_there()
    yield "Python packages", ready, str(venv()) if ready else "any verb that needs them sets them up"
    yield postgresql(ready)
    if ready:
        yield instances()
    yield printing()
    yield "nginx", bool(nginx.program()), str(nginx.program() or "`./lokario serve` fetches it")
    for need, commands in SYSTEM_PACKAGES.items():
        for command, package in commands.items():
            path = find_command(command)
            yield f"{command} ({need})", bool(path), path or f"apt-get install {package}"
    for name, minimum, advice in secrets_wanted():
        value = setting(name)
        state = f"{len(value)} characters" if value else "not set"
        yield name, len(value) >= minimum, state if len(value) >= minimum else f"{state}; {advice}"


def odoo():
    from ..setup import odoo_source

    if odoo_source.is_there():
        return "Odoo 19.0", True, str(odoo_source.home())
    fetched = "any verb that needs it fetches it; ODOO_HOME names your own"
    return "Odoo 19.0", False, odoo_source.what_is_wrong() if os.environ.get("ODOO_HOME") else fetched


def postgresql(ready: bool):
    """Which server runs; the embedded one has no pg_trgm and no unaccent, and the suite works without."""
    from ..console import Failure
    from ..setup.postgres import NamedServer

    if named := NamedServer.from_environment():
        try:
            version = named.psql("SHOW server_version")
            return "PostgreSQL", True, f"{version}, the server of the environment: {named.host}"
        except (Failure, OSError) as error:
            return "PostgreSQL", False, str(error)
    return "PostgreSQL", ready, "embedded 18 (without pg_trgm and unaccent); PGHOST names another"


def instances():
    """What keeps clients' instances apart on this machine: docs/saas.md, "A process for each instance"."""
    from ..paths import ROOT, venv_python

    code = "from lokario_host import sandbox; print(sandbox.problem() or sandbox.is_available())"
    done = subprocess.run([venv_python(), "-c", code], cwd=ROOT, capture_output=True, text=True)
    said = done.stdout.strip() or done.stderr.strip()[-200:]
    if os.getuid():
        return "instances", True, "apart by process and database role only; as root each has a user of its own"
    apart = "apart by process, database role, user"
    views = {"True": f"{apart} and view of the machine", "False": f"{apart}; no view of their own (CAP_SYS_ADMIN)"}
    return "instances", said in views, views.get(said, said)


def printing():
    """What makes PDFs, also in clients' instances; Debian's wkhtmltopdf loses headers and page numbers."""
    from ..setup.apt import find_command

    if (own := find_command("wkhtmltopdf")) and _is_patched(own):
        return "PDF", True, own
    if chromium := find_command("chromium"):
        return "PDF", True, f"{chromium}, where report_chromium is installed: name it in clients' templates"
    return "PDF", False, "apt-get install chromium, for report_chromium; or wkhtmltopdf with patched Qt"


def _is_patched(wkhtmltopdf: str) -> bool:
    done = subprocess.run([wkhtmltopdf, "--version"], capture_output=True, text=True)
    return "with patched qt" in done.stdout


def setting(name: str) -> str:
    """A setting of the server as lokario_base reads it: from the environment, else from odoo.conf."""
    conf = configparser.ConfigParser(interpolation=None)
    conf.read(ROOT / "odoo.conf")
    return os.environ.get(name) or conf.get("lokario", name.lower(), fallback="")


def secrets_wanted():
    yield "CRON_SECRET", 32, "schedulers get 503 until you set it: openssl rand -hex 32"
    yield "LOKARIO_SECRET_KEYS", 40, 'storing secrets is refused until you set it: echo "1:$(openssl rand -base64 32)"'
