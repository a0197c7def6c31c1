"""Accounts and the contact form became addons of their own: they are installed, and find their records again."""

from odoo import SUPERUSER_ID, api

from odoo.addons.lokario_base.module_split import install_successor


def migrate(cr, version):
    env = api.Environment(cr, SUPERUSER_ID, {})
    for addon in ("lokario_account", "lokario_contact"):
        install_successor(env, addon, "lokario_base")
