from odoo.addons.lokario_base.module_split import restore_kept, take_over


def take_over_from_inbox(env):
    """AI was part of lokario_inbox: its records are this addon's now."""
    take_over(env, "lokario_inbox_ai", "lokario_inbox")


def keep_edited_records(env):
    restore_kept(env)
