"""Limits of instances are their plan's: until the next start of a process those of before go on."""

from odoo.api import SUPERUSER_ID, Environment


def migrate(cr, version):
    if version:
        env = Environment(cr, SUPERUSER_ID, {})
        env["lokario.gate.route"]._refresh_limits(env["saas.instance"].with_context(active_test=False).search([]))
