"""What has become addons of their own, and is no dependency of this one, is installed by its upgrade."""

from odoo import SUPERUSER_ID, api

from odoo.addons.lokario_base.module_split import install_successor

SUCCESSORS = (
    "lokario_reminder",
    "lokario_reminder_account",
    "lokario_reminder_project",
    "lokario_reminder_calendar",
    "lokario_billing_inbox",
    "lokario_billing_ai",
    "lokario_billing_project",
    "lokario_billing_calendar",
)


def migrate(cr, version):
    if not version:
        return
    env = api.Environment(cr, SUPERUSER_ID, {})
    for addon in SUCCESSORS:
        install_successor(env, addon, "lokario_billing")
