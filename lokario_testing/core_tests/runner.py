"""Odoo's command line for its own tests over a complete database; each result is a line of the file $LOKARIO_RESULTS.

Odoo runs most of its tests while it installs, before our addons are loaded. Here all of them run afterwards, with every
model extended. Browser tours are skipped.
"""

import json
import os
import unittest
from pathlib import Path

import odoo.cli
from odoo.tests import common, loader
from odoo.tests.result import OdooTestResult
from odoo.tests.suite import OdooSuite

OUTCOMES = {"addSuccess": "passed", "addFailure": "failed", "addError": "failed", "addSkip": "skipped"}


def main() -> None:
    loader.make_suite = _everything_at_the_end(loader.make_suite)
    common.ChromeBrowser.__init__ = _no_browser
    OdooSuite.has_http_case = lambda self: False  # else every asset bundle is made before the first test
    results = Path(os.environ["LOKARIO_RESULTS"]).open("a", buffering=1)  # noqa: SIM115 open until the process ends
    for method, outcome in OUTCOMES.items():
        setattr(OdooTestResult, method, _recorded(getattr(OdooTestResult, method), outcome, results))
    odoo.cli.main()


def _everything_at_the_end(make_suite):
    def make(modules, position="at_install"):
        if position == "at_install":
            return make_suite([], position)
        suite = make_suite(modules, "at_install")
        suite.addTests(make_suite(modules, "post_install"))
        return suite

    return make


def _no_browser(self, *_arguments, **_options):
    raise unittest.SkipTest("no browser in this run")


def _recorded(method, outcome: str, results):
    def record(self, test, *details):
        whole = getattr(test, "test_case", test)  # of a sub-test: the method it stands in
        place = f"{type(whole).__module__.removeprefix('odoo.addons.')}.{type(whole).__name__}"
        method_name = getattr(whole, "_testMethodName", whole)  # what fails before the first test has none
        results.write(json.dumps([f"{place}.{method_name}", outcome]) + "\n")
        return method(self, test, *details)

    return record


if __name__ == "__main__":
    main()
