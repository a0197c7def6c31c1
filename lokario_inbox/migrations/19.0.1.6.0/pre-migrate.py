"""Standard terms in the names of a model and a column."""

from odoo.tools.sql import column_exists, rename_column

from odoo.addons.lokario_base.module_split import rename_model


def migrate(cr, version):
    rename_model(cr, "inbox.placement", "inbox.message.location")
    if column_exists(cr, "inbox_folder", "audit_proof"):
        rename_column(cr, "inbox_folder", "audit_proof", "audit_method")
