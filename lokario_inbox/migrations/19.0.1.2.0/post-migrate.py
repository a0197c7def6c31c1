"""What is ours is proved; mails that only said so in their From were stored as sent."""

from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    if not version:
        return
    cr.execute(
        """UPDATE inbox_message SET direction = 'in' WHERE direction = 'out' AND is_own IS NOT TRUE
        RETURNING conversation_id"""
    )
    ids = {conversation_id for (conversation_id,) in cr.fetchall() if conversation_id}
    api.Environment(cr, SUPERUSER_ID, {})["inbox.conversation"].browse(ids)._refresh_from_emails()
