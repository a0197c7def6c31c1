"""Builds the database of a template with Odoo's own command line, in processes of its own."""

import os
import signal
import subprocess
import sys

from ..exceptions import BuildFailed

START = "import odoo.cli; odoo.cli.main()"
QUIET = ("--no-http", "--workers=0", "--max-cron-threads=0")
TAIL = 2000  # characters of the log that explain a failure
KEPT = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT"}

# Run by `odoo shell` in the new database. Everything slow that a client would otherwise wait for.
PREPARATION = """
company = env.ref("base.main_company")
if company.country_id and "account.chart.template" in env:
    charts = env["account.chart.template"]
    if company.chart_template != (chart := charts._guess_chart_template(company.country_id)):
        charts.try_loading(chart, company)
strangers = env["ir.module.module"].search([("name", "in", {strangers!r}), ("state", "!=", "installed")])
strangers.write({{"state": "uninstalled"}})
strangers.unlink()
scripts, styles = env["ir.qweb"]._get_bundles_to_pregenarate()
for bundle in sorted(scripts | styles):
    if "test" not in bundle:  # no page of a client loads those of Odoo's own tests: half of the time and the files
        bundles = env["ir.qweb"]._get_asset_bundle(bundle, css=bundle in styles, js=bundle in scripts)
        if bundle in scripts:
            bundles.js()
        if bundle in styles:
            bundles.css()
env.cr.commit()
"""


class Builder:
    """Runs Odoo with the configuration file ``conf``, explicit ``options`` and more ``variables``."""

    def __init__(self, conf, options, timeout, variables=None):
        self.conf = conf
        self.options = list(options)
        self.timeout = timeout  # seconds for each process
        self.variables = variables or {}

    def install(self, database, modules, languages):
        """Install ``modules`` into the empty ``database``, with ``languages``, the default one first, and English."""
        codes = dict.fromkeys([*languages, "en_US"])  # Odoo switches English off unless it is named
        arguments = ["-i", ",".join(modules), f"--load-language={','.join(codes)}"]
        self._run(["-d", database, *arguments, "--stop-after-init", "--without-demo=all", *QUIET])

    def prepare(self, database, strangers=()):
        """Load the chart of accounts of its country, if there is one, and generate the asset bundles of its pages.

        ``strangers`` are addons of this machine that instances will not have: they are taken out of Apps.
        """
        script = PREPARATION.format(strangers=list(strangers))
        self._run(["shell", "-d", database, "--no-http", "--shell-interface=python"], script)

    def _run(self, arguments, script=""):
        command = arguments[:1] if arguments[0] == "shell" else []
        rest = arguments[len(command) :]
        conf = ["-c", self.conf] if self.conf else []
        process = subprocess.Popen(
            [sys.executable, "-c", START, *command, *conf, *self.options, *rest],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment() | self.variables,
            text=True,
            start_new_session=True,
        )
        try:
            log, _none = process.communicate(script, timeout=self.timeout)
        except subprocess.TimeoutExpired as err:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise BuildFailed(f"not finished after {self.timeout} s") from err
        if process.returncode or "Traceback (most recent call last)" in log:
            raise BuildFailed(log[-TAIL:])


def _environment():
    """What Odoo needs, and none of the manager's secrets. PGDATABASE would choose another database."""
    return {key: value for key, value in os.environ.items() if key in KEPT} | {"PYTHONUNBUFFERED": "1"}
