from odoo import api, models

from odoo.addons.lokario_inbox.tools.message_ids import parse_ids


class InboxMessage(models.Model):
    """Answers to business mail come back to their document."""

    _inherit = "inbox.message"

    def _after_store(self):
        super()._after_store()
        self._answer_documents()

    def _answer_documents(self):
        """Link answers of people to the documents they answer, in bulk, and hold the reminders of those."""
        incoming = self.filtered(lambda message: message.direction == "in" and not message.is_newsletter)
        named = {message: parse_ids(message.in_reply_to, message.references) for message in incoming}
        deliveries = self._deliveries_named({name for names in named.values() for name in names})
        for message, names in named.items():
            delivery = next((deliveries[name] for name in reversed(names) if name in deliveries), None)
            if delivery and delivery.company_id == message.company_id:
                message._answer_document(delivery)

    @api.model
    def _deliveries_named(self, names):
        """Return {Message-ID: delivery} of our own business mails."""
        if not names:
            return {}
        self.env["lokario.delivery"].flush_model(["message_id"])
        self.env.cr.execute(
            "SELECT id, lower(message_id) FROM lokario_delivery WHERE lower(message_id) = ANY(%s)", [list(names)]
        )
        return {name: self.env["lokario.delivery"].sudo().browse(row_id) for row_id, name in self.env.cr.fetchall()}

    def _answer_document(self, delivery):
        document = delivery._document()
        if not document:
            return
        if self._is_delivery_failure():
            delivery._set_bounced(self.preview or self.subject or "")
            return
        self._link_to_document(document)
        if not self.is_automatic:
            followups = delivery._followups_of(document)
            followups._reply_received(self.conversation_id)

    def _is_delivery_failure(self):
        """A DSN: null return path or a mailer-daemon that reports on our mail (RFC 3464)."""
        return self.return_path == "<>" or (self.from_address or "").startswith(("mailer-daemon@", "postmaster@"))

    def _link_to_document(self, document):
        if not self.conversation_id:
            return
        links = self.env["inbox.link"].sudo()
        target = [
            ("conversation_id", "=", self.conversation_id.id),
            ("res_model", "=", document._name),
            ("res_id", "=", document.id),
        ]
        if not links.search_count(target, limit=1):
            links.create({name: value for name, _operator, value in target})
        self.env["mail.message"].sudo().create(self.sudo()._chatter_values(document))


class Delivery(models.Model):
    _inherit = "lokario.delivery"

    def _followups_of(self, document):
        """The follow-ups an answer to this document concerns."""
        if document._name == "lokario.followup.reminder":
            return document.step_ids.followup_id
        return document.followup_ids if "followup_ids" in document else self.env["lokario.followup"]

    def _set_bounced(self, reason):
        """The address does not exist: the reminders of the document must not go on to it unseen."""
        for delivery in self:
            delivery.write({"state": "bounced", "cause": reason[:500], "next_try_at": False})
            delivery._tell_documents()
            delivery._ask_somebody(reason[:500])
