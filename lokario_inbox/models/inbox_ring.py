from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.lokario_base.tools.transaction import first_transaction, retrying

WATCHED = """
    SELECT i.id, concat_ws('|', i.imap_host, i.imap_port, i.imap_security, i.login, i.email_address, i.auth_method)
      FROM inbox_integrations i
     WHERE i.active AND i.integration_type = 'imap' AND i.imap_host IS NOT NULL AND i.state = 'connected'
"""


class InboxRing(models.Model):
    """The server of a mailbox has said that something is new there; the next synchronisation of it removes the row.

    A row of its own: who rings never waits for who writes the mailbox, nor makes him lose a race.
    """

    _name = "inbox.ring"
    _inherit = ["lokario.access.mixin"]
    _description = "Ring of a Mailbox"

    integration_id = fields.Many2one("inbox.integration", required=True, index=True, ondelete="cascade")

    @api.model
    def _ring(self, integration_ids):
        """Have these mailboxes looked at now; committed immediately."""

        def ring():
            with first_transaction(self.env.registry) as cr:
                rings = self.with_env(self.env(cr=cr)).sudo()
                known = rings.env["inbox.integration"].browse(integration_ids).exists()
                rings.create([{"integration_id": integration.id} for integration in known])
                rings._trigger()

        retrying(ring)

    @api.model
    def _trigger(self):
        self.env.ref("lokario_inbox.ir_cron_sync_rung").sudo()._trigger()

    @api.model
    def _trigger_for(self, integration_ids):
        """A worker has given these mailboxes back: who rang meanwhile is looked at by the next one."""
        if self.sudo().search_count([("integration_id", "in", integration_ids)], limit=1):
            self._trigger()

    # === WHO LISTENS TO WHAT === #

    @api.model
    def _watched(self, locks, held, limit):
        """Return {mailbox id: its way} of at most ``limit`` mailboxes that this watcher's ``locks`` have now.

        Those held already come first. Nothing at all where the mailboxes are looked at every five minutes only.
        """
        parameters = self.env["ir.config_parameter"].sudo()
        ways = {} if parameters.get_param("lokario_inbox.poll_only") else dict(locks.query(SQL(WATCHED)))
        locks.release(held - ways.keys())
        kept = held & ways.keys()
        free = SQL("SELECT w.id FROM (%s) w WHERE w.id != ALL(%s) ORDER BY w.id", SQL(WATCHED), list(kept))
        taken = locks.take_first(free, limit - len(kept)) if ways else []
        return {mailbox_id: ways[mailbox_id] for mailbox_id in {*kept, *taken} if mailbox_id in ways}
