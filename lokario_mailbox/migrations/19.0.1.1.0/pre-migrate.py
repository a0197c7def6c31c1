"""Standard terms in the names of columns."""

from odoo.addons.lokario_mailbox.hooks import rename_columns


def migrate(cr, version):
    rename_columns(cr)
