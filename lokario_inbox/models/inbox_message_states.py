from odoo import fields, models

from .inbox_conversation import OPEN_STATES


class InboxMessage(models.Model):
    """Read, answered, flagged, gone: what the mailbox says of a mail, and what it is told."""

    _inherit = "inbox.message"

    # Changes made here that wait to be told to the server (two-way mailboxes only).
    is_push_pending = fields.Boolean(readonly=True)
    push_add = fields.Char(readonly=True)
    push_remove = fields.Char(readonly=True)
    push_move = fields.Char(readonly=True)

    _push_idx = models.Index("(integration_id) WHERE is_push_pending IS TRUE")

    # === STATES === #

    def _refresh_states(self):
        """Read, answered, flagged and deleted as the living placements say; calls _after_change.

        A one-way mailbox is never told what was read here: there, its silence unreads nothing.
        """
        if not self:
            return
        self.flush_recordset()
        self.env.cr.execute(
            r"""UPDATE inbox_message m
                   SET is_seen = s.seen, is_answered = s.answered, is_flagged = s.flagged,
                       deleted_at = s.deleted_at
                  FROM (SELECT m.id,
                               COALESCE(bool_or(position('\Seen' in p.flags) > 0
                                                OR m.is_seen AND i.is_two_way IS NOT TRUE),
                                        m.is_seen, FALSE) AS seen,
                               COALESCE(bool_or(position('\Answered' in p.flags) > 0
                                                OR m.is_answered AND i.is_two_way IS NOT TRUE),
                                        m.is_answered, FALSE) AS answered,
                               COALESCE(bool_or(position('\Flagged' in p.flags) > 0), m.is_flagged, FALSE) AS flagged,
                               CASE WHEN count(p.id) = 0
                                    THEN COALESCE(m.deleted_at, (now() AT TIME ZONE 'UTC')::timestamp(0))
                               END AS deleted_at
                          FROM inbox_message m
                          JOIN inbox_integrations i ON i.id = m.integration_id
                     LEFT JOIN inbox_placement p ON p.message_id = m.id AND p.expunged_at IS NULL
                         WHERE m.id = ANY(%s) GROUP BY m.id) s
                 WHERE m.id = s.id AND m.is_push_pending IS NOT TRUE
                   AND (m.is_seen, m.is_answered, m.is_flagged, m.deleted_at)
                       IS DISTINCT FROM (s.seen, s.answered, s.flagged, s.deleted_at)
             RETURNING m.id""",
            [self.ids],
        )
        changed = self.browse([row[0] for row in self.env.cr.fetchall()])
        changed.invalidate_recordset()
        if changed:
            changed._after_change()

    # === TWO WAYS === #

    def _follow_moves(self):
        """The places of these mails changed: their states follow and, in a two-way mailbox, their conversations."""
        self._refresh_states()
        self.env["inbox.conversation"]._file_by_server(self._two_way(), OPEN_STATES)

    def _push_seen(self, seen):
        """Remember to tell the server what was (un)read here, where the mailbox is two-way."""
        super()._push_seen(seen)
        self._queue_push("push_add" if seen else "push_remove", "\\Seen")

    def _push_answered(self):
        """Remember to mark these mails as answered at the server."""
        self._queue_push("push_add", "\\Answered")

    def _push_move(self, special_use):
        """Remember to move these mails into the folder of that use ("archive", "junk", "trash")."""
        self._two_way().write({"push_move": special_use, "is_push_pending": True})

    def _two_way(self):
        return self.sudo().filtered("integration_id.is_two_way")

    def _queue_push(self, column, flag):
        opposite = {"push_add": "push_remove", "push_remove": "push_add"}[column]
        for message in self._two_way():
            flags = set((message[column] or "").split()) | {flag}
            other = set((message[opposite] or "").split()) - {flag}
            message.write(
                {
                    column: " ".join(sorted(flags)),
                    opposite: " ".join(sorted(other)) or False,
                    "is_push_pending": True,
                }
            )

    def _store_pushed(self, push):
        """The server said OK: nothing waits any more, unless somebody changed it again meanwhile."""
        self.env.cr.execute(
            """UPDATE inbox_message
                  SET is_push_pending = FALSE, push_add = NULL, push_remove = NULL, push_move = NULL
                WHERE id = ANY(%s) AND COALESCE(push_add, '') = %s AND COALESCE(push_remove, '') = %s""",
            [list(push.message_ids), push.add, push.remove],
        )
        self.browse(push.message_ids).invalidate_recordset()
        return False
