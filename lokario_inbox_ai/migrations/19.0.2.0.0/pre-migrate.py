"""Only approved passages leave automatically: what the gate had found are warnings now."""

from odoo.addons.lokario_inbox_ai.hooks import rename_gate_columns


def migrate(cr, version):
    if version:
        rename_gate_columns(cr)
