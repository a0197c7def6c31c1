from datetime import timedelta

from odoo import fields, models

SHOWN = ("kind", "state", "subject", "email_to", "send_at", "is_scheduled", "is_automatic")
WRITING = timedelta(minutes=2)  # somebody seen writing so recently is still at it


class InboxConversation(models.Model):
    """Answering in a conversation: drafts, collisions, what waits to leave."""

    _inherit = "inbox.conversation"

    outgoing_ids = fields.One2many("inbox.outgoing", "conversation_id")

    def action_compose(self, kind="reply", message_id=None):
        """Return the id of the user's draft of this kind, made when he has none; ``message_id``: what it answers."""
        self.ensure_one()
        self.check_access("read")
        parent = self.env["inbox.message"].browse(message_id or ()) or self._last_message(kind)
        parent.check_access("read")
        outgoing = self.env["inbox.outgoing"]
        mine = [("conversation_id", "=", self.id), ("author_id", "=", self.env.uid), ("state", "=", "draft")]
        draft = outgoing.search([*mine, ("kind", "=", kind), ("parent_id", "=", parent.id)], limit=1)
        if not draft:
            values = outgoing._prepare_answer(parent, kind) if parent else {"integration_id": self.integration_id.id}
            draft = outgoing.create({**values, "conversation_id": self.id, "kind": kind if parent else "new"})
            if kind == "forward":
                draft._attach_originals()
        draft.action_ping()
        return draft.id

    def _last_message(self, kind):
        """The mail to answer: the last one that came in, else the last one."""
        mails = self.env["inbox.message"].search(
            [("conversation_id", "=", self.id), ("deleted_at", "=", False)], order="date desc, id desc"
        )
        return mails.filtered(lambda mail: mail.direction == "in")[:1] or mails[:1]

    def get_collisions(self, outgoing_id=None):
        """Say who else is answering, and whether somebody answered since the draft was begun.

        :return: ``{"writing": [names], "answered_by": [names]}``
        """
        self.ensure_one()
        self.check_access("read")
        others = self.sudo().outgoing_ids.filtered(lambda item: item.author_id != self.env.user)
        recent = fields.Datetime.now() - WRITING
        writing = others.filtered(
            lambda item: item.state == "draft" and item.edit_ping_at and item.edit_ping_at >= recent
        )
        draft = self.env["inbox.outgoing"].browse(outgoing_id or ()).exists()
        answered = others.filtered(
            lambda item: (
                draft
                and item.state in ("scheduled", "sending", "verifying", "sent")
                and (item.written_at or item.create_date) >= draft.create_date
            )
        )
        return {"writing": writing.author_id.mapped("name"), "answered_by": answered.author_id.mapped("name")}

    def get_outgoing(self):
        """Return what the reader shows below the mails: what is written, waits, or needs a person; newest last."""
        self.ensure_one()
        self.check_access("read")
        mails = self.env["inbox.message"].search([("conversation_id", "=", self.id)])
        stored = set(mails.mapped("message_id_header")) - {False}  # mails of others may have none
        shown = self.outgoing_ids.sorted("id").filtered(
            lambda item: item.message_id_header not in stored and item._is_shown_in_reader()
        )
        return [{**row, **mail._shown_reason()} for row, mail in zip(shown.read(SHOWN), shown, strict=True)]
