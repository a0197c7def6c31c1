"""AI became an addon of its own: who had it keeps it. A field got the standard name of what it holds."""

from odoo.tools.sql import column_exists, rename_column


def migrate(cr, version):
    if not version:
        return
    cr.execute(
        "UPDATE ir_module_module SET state = 'to install' WHERE name = 'lokario_inbox_ai' AND state = 'uninstalled'"
    )
    if column_exists(cr, "inbox_conversation", "claims_id"):
        rename_column(cr, "inbox_conversation", "claims_id", "suspected_thread_id")
