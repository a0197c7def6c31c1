from odoo import api, models

from odoo.addons.lokario_base.tools.caller import without_callers_defaults
from odoo.addons.lokario_inbox.tools.message_ids import parse_ids


class InboxHooks(models.AbstractModel):
    _inherit = "inbox.hooks"

    @api.model
    def _mails_stored(self, messages):
        super()._mails_stored(messages)
        messages._answer_documents()


class InboxMessage(models.Model):
    """Answers to business mail come back to their document."""

    _inherit = "inbox.message"

    def _answer_documents(self):
        """Bring answers of people to the documents they answer, in bulk, and hold the reminders of those."""
        incoming = self.filtered(lambda message: message.direction == "in" and not message.is_newsletter)
        answers = incoming._documents_answered()
        failures = {message for message in answers if message._is_delivery_failure()}
        for message in failures:
            returned = answers.pop(message)[0].filtered(
                lambda delivery: delivery.state != "bounced" and not delivery.outgoing_id
            )  # the outbox knows itself
            returned._set_bounced(message.report_reason or message.preview or message.subject or "")
        self._link_documents(answers)
        self._copy_to_documents(answers)
        for message, (delivery, document) in answers.items():
            if not message.is_automatic:
                delivery._followups_of(document)._reply_received({"conversation_id": message.conversation_id.id})
        incoming._answer_conversations()
        (incoming - self.browse().concat(*answers))._answer_followups()

    def _documents_answered(self):
        """Return {message: (delivery, document)} of the messages that name one of our business mails."""
        named = {message: parse_ids(message.in_reply_to, message.references, message.returned_ref) for message in self}
        deliveries = self._deliveries_named({name for names in named.values() for name in names})
        answers = {}
        for message, names in named.items():
            delivery = next((deliveries[name] for name in reversed(names) if name in deliveries), None)
            document = delivery and delivery.company_id == message.company_id and delivery._document()
            if document:
                answers[message] = (delivery, document)
        return answers

    def _answer_conversations(self):
        """Follow-ups of a conversation wait as soon as a person outside writes in it again."""
        domain = [("conversation_id", "in", self.conversation_id.ids), ("state", "!=", "done")]
        for followup in self.env["lokario.followup"].sudo().search(domain):
            written = self.filtered(lambda each, talk=followup.conversation_id: each.conversation_id == talk)
            if any(each.date > followup.create_date and not each.is_automatic for each in written):
                followup._reply_received()

    def _answer_followups(self):
        """A new mail of a person holds what it names, else what its writer was reminded of."""
        people = self.filtered(lambda message: message.from_address and not message.is_automatic)
        for company, messages in people.grouped("company_id").items():
            open_ones = self.env["lokario.followup"].sudo()._open_of_addresses(company, messages.mapped("from_address"))
            for message in messages:
                for followups in open_ones.get(message.from_address, ()):
                    followups._answered_by(message)._reply_received({"conversation_id": message.conversation_id.id})

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

    def _is_delivery_failure(self):
        """Whether a mail server says that our mail came back; an absence, a delay or a receipt is none."""
        return self.automatic_kind == "failure"

    @api.model
    def _link_documents(self, answers):
        wanted = {
            (message.conversation_id.id, document._name, document.id): None
            for message, (_delivery, document) in answers.items()
            if message.conversation_id
        }
        links = self.env["inbox.link"].sudo()
        names = ("conversation_id", "res_model", "res_id")
        known = links.search_read([("conversation_id", "in", [key[0] for key in wanted])], names, load=None)
        missing = wanted.keys() - {tuple(link[name] for name in names) for link in known}
        links.create([dict(zip(names, key, strict=True)) for key in wanted if key in missing])

    @api.model
    def _copy_to_documents(self, answers):
        without_callers_defaults(self.env["mail.message"].sudo()).create(
            [
                message.sudo()._chatter_values(document)
                for message, (_delivery, document) in answers.items()
                if message.conversation_id
            ]
        )
