from odoo import fields, models

from ..tools.message_ids import mint_message_id, verify_message_id

_REFRESH = """
UPDATE inbox_conversation c
   SET last_message_date = t.last_date, first_message_date = t.first_date, message_count = t.number,
       unread = t.unread, has_attachments = t.attachments, first_inbound_date = t.first_in,
       first_response_date = t.first_out,
       response_hours = EXTRACT(EPOCH FROM t.first_out - t.first_in) / 3600,
       preview = l.preview, last_direction = l.direction, last_author = coalesce(t.author, l.email_to, l.email_from)
  FROM (
        SELECT m.conversation_id, max(m.date) AS last_date, min(m.date) AS first_date, count(*) AS number,
               bool_or(m.direction = 'in' AND m.is_seen IS NOT TRUE) AS unread,
               bool_or(m.has_attachments IS TRUE) AS attachments,
               min(m.date) FILTER (WHERE m.direction = 'in') AS first_in,
               (array_agg(m.email_from ORDER BY m.date DESC, m.id DESC) FILTER (WHERE m.direction = 'in'))[1] AS author,
               min(m.date) FILTER (WHERE m.direction = 'out' AND EXISTS (
                   SELECT FROM inbox_message q WHERE q.conversation_id = m.conversation_id
                      AND q.direction = 'in' AND q.deleted_at IS NULL AND q.date <= m.date)) AS first_out
          FROM inbox_message m
         WHERE m.conversation_id IN %(ids)s AND m.deleted_at IS NULL
      GROUP BY m.conversation_id
       ) t
  CROSS JOIN LATERAL (
        SELECT m.preview, m.direction, m.email_from, left(m.email_to, 200) AS email_to FROM inbox_message m
         WHERE m.conversation_id = t.conversation_id AND m.deleted_at IS NULL
      ORDER BY m.date DESC, m.id DESC LIMIT 1
       ) l
 WHERE c.id = t.conversation_id
RETURNING c.id
"""
_TAKE_OVER = (
    "UPDATE inbox_message SET conversation_id = %(target)s WHERE conversation_id IN %(ids)s",
    "UPDATE mail_message SET res_id = %(target)s WHERE model = 'inbox.conversation' AND res_id IN %(ids)s",
    "UPDATE mail_activity SET res_id = %(target)s WHERE res_model = 'inbox.conversation' AND res_id IN %(ids)s",
)


class InboxConversation(models.Model):
    _inherit = "inbox.conversation"

    def _refresh_from_emails(self):
        """Bring what the lists show in line with the stored mails, in one statement."""
        if not self:
            return
        self.env.flush_all()
        self.env.cr.execute(_REFRESH, {"ids": tuple(self.ids)})
        emptied = set(self.ids) - {row[0] for row in self.env.cr.fetchall()}
        if emptied:
            self.env.cr.execute(
                "UPDATE inbox_conversation SET message_count = 0, unread = FALSE WHERE id IN %s", [tuple(emptied)]
            )
        self.invalidate_recordset()

    def _absorb(self, others):
        """Take over the mails, notes, links and activities of other conversations.

        The absorbed ones stay, archived, as signposts: Message-IDs minted for them lead here.
        """
        self.ensure_one()
        others -= self
        if not others:
            return
        self.env.flush_all()
        for statement in _TAKE_OVER:
            self.env.cr.execute(statement, {"target": self.id, "ids": tuple(others.ids)})
        self._take_over_links(others)
        first = others.sorted("id")
        values = {
            "tag_ids": [fields.Command.link(tag.id) for tag in first.tag_ids],
            "is_urgent": self.is_urgent or any(first.mapped("is_urgent")),
            "user_id": (self.user_id or first.user_id[:1]).id,
            "partner_id": (self.partner_id or first.partner_id[:1]).id,
        }
        self.env.invalidate_all()
        quiet = {"tracking_disable": True, "mail_auto_subscribe_no_notify": True}
        self.with_context(**quiet).write(values)
        others.with_context(**quiet).write({"active": False, "merged_into_id": self.id, "claims_id": False})
        self._refresh_from_emails()

    def _take_over_links(self, others):
        known = {(link.res_model, link.res_id) for link in self.link_ids}
        for link in others.link_ids:
            if (link.res_model, link.res_id) not in known:
                self.env.cr.execute("UPDATE inbox_link SET conversation_id = %s WHERE id = %s", [self.id, link.id])
                known.add((link.res_model, link.res_id))

    def _signposted(self):
        """Follow the signposts of absorbed conversations to the living ones."""
        living = self.browse()
        for conversation in self.exists():
            seen = set()
            while conversation.merged_into_id and conversation.id not in seen:
                seen.add(conversation.id)
                conversation = conversation.merged_into_id
            living |= conversation
        return living

    # === IDENTIFIERS === #

    def _message_id_key__(self):
        """Return the key of the MAC in our Message-IDs; derived, so that it is no second use of the secret."""
        secret = self.env["ir.config_parameter"].sudo().get_param("database.secret")
        return f"lokario_inbox message id {secret}".encode()

    def _mint_message_id(self, domain):
        """Return a fresh Message-ID that lets the answers find this conversation."""
        self.ensure_one()
        return mint_message_id(self._message_id_key__(), self.id, domain)

    def _named_by(self, message_ids):
        """Return message id -> conversation id for the Message-IDs that are provably ours."""
        key = self._message_id_key__()
        named = {ref: verify_message_id(key, ref) for ref in message_ids}
        return {ref: conversation_id for ref, conversation_id in named.items() if conversation_id}

    # === LIVE === #

    def _announce_change(self, new_mail=False):
        """Tell open inboxes that conversations changed: ids only, the content is fetched with rights."""
        for integration, conversations in self.grouped("integration_id").items():
            self.env["bus.bus"]._sendone(
                (integration, "inbox"),
                "lokario_inbox/changed",
                {"integration_id": integration.id, "ids": conversations.ids[:100], "new_mail": new_mail},
            )
