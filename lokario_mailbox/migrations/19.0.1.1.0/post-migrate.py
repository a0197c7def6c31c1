"""The bytes of a sent mail are kept once, in the outbox."""

from odoo import SUPERUSER_ID, api

from odoo.addons.lokario_mailbox.hooks import link_sent_copies


def migrate(cr, version):
    link_sent_copies(api.Environment(cr, SUPERUSER_ID, {}))
