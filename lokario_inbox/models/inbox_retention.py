from datetime import timedelta

from odoo import api, fields, models

from ..const import TOMBSTONE_DAYS

_BATCH = 1000


class InboxMessage(models.Model):
    """How long a mailbox keeps what: the mail at the server is never touched."""

    _inherit = "inbox.message"

    purged_at = fields.Datetime(readonly=True, index="btree_not_null", help="Its content was erased by the policy.")

    @api.autovacuum
    def _gc_contents(self):
        """Erase the contents that the policy of their mailbox no longer keeps."""
        done = 0
        for integration in self.env["inbox.integration"].sudo().search([("retention_days", ">", 0)]):
            before = fields.Datetime.now() - timedelta(days=integration.retention_days)
            old = self.sudo().search(
                [("integration_id", "=", integration.id), ("date", "<", before), ("purged_at", "=", False)],
                limit=_BATCH,
                order="id",
            )
            old._erase_content()
            done += len(old)
        return done, done and done % _BATCH == 0

    def _erase_content(self):
        if not self:
            return
        files = self.attachment_ids
        files.attachment_id.unlink()
        files.write({"content": False})
        self.env["inbox.quarantine"].sudo().search([("message_id", "in", self.ids)]).write({"raw": False})
        self.write(
            {
                "body_text": False,
                "body_html": False,
                "headers": False,
                "preview": False,
                "purged_at": fields.Datetime.now(),
            }
        )
        self.flush_recordset()
        self.env.cr.execute("UPDATE inbox_message SET search_vector = ''::tsvector WHERE id IN %s", [tuple(self.ids)])
        self._index_for_search()
        self.conversation_id._refresh_from_emails()

    @api.autovacuum
    def _gc_tombstones(self):
        """Erase mail that the server no longer holds for a year."""
        before = fields.Datetime.now() - timedelta(days=TOMBSTONE_DAYS)
        gone = self.sudo().search([("deleted_at", "<", before)], limit=_BATCH, order="id")
        conversations = gone.conversation_id
        gone.attachment_ids.attachment_id.unlink()
        gone.unlink()
        conversations._refresh_from_emails()
        return len(gone), len(gone) == _BATCH
