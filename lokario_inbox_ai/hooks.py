from odoo.tools.sql import column_exists, rename_column

from odoo.addons.lokario_base.module_split import restore_kept, take_over


def take_over_from_inbox(env):
    """AI was part of lokario_inbox: its records are this addon's now."""
    take_over(env, "lokario_inbox_ai", "lokario_inbox")
    rename_gate_columns(env.cr)


def keep_edited_records(env):
    restore_kept(env)


def rename_gate_columns(cr):
    """What the former gate held back or sampled was a draft for a person; its reasons are shown as warnings."""
    if not column_exists(cr, "inbox_ai_decision", "gate_reasons"):
        return
    rename_column(cr, "inbox_ai_decision", "gate_reasons", "warnings")
    cr.execute("UPDATE inbox_ai_decision SET outcome = 'drafted' WHERE outcome = 'refused'")
    cr.execute("UPDATE inbox_ai_decision SET reason = 'not_earned' WHERE reason = 'sample'")
    cr.execute("UPDATE inbox_ai_decision SET reason = NULL WHERE reason = 'forged'")
