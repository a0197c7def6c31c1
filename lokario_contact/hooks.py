"""A database of a release in which this was part of lokario_base keeps its records."""

from odoo.addons.lokario_base.module_split import restore_kept, take_over


def pre_init_hook(env):
    take_over(env, "lokario_contact", "lokario_base")


def post_init_hook(env):
    restore_kept(env)
