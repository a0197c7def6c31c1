from datetime import timedelta

from odoo import fields, models
from odoo.tools.mail import email_normalize, email_split_tuples

from ..tools.mail_traits import mail_traits
from ..tools.rule_match import RuleMail

_LIVE = timedelta(days=1)  # older mail belongs to a first sync: nobody is told, nobody is created


class InboxMessage(models.Model):
    _inherit = "inbox.message"

    is_newsletter = fields.Boolean()
    is_automatic = fields.Boolean(help="Nobody wrote it: robot, list, bounce.")

    def _after_store(self):
        super()._after_store()
        self._store_traits()
        conversations = self._join_conversations()
        self._index_soon()
        conversations._refresh_from_emails()
        self._link_partners(conversations)
        conversations._follow_new_mail(self)
        conversations._apply_rules(self)
        live = self.filtered(lambda m: m.date and m.date > fields.Datetime.now() - _LIVE)
        live.conversation_id.sudo()._announce_change(new_mail=True)

    def _after_change(self):
        super()._after_change()
        conversations = self.conversation_id.sudo()
        conversations._refresh_from_emails()
        conversations._announce_change()

    def _store_traits(self):
        kinds = {"is_newsletter": [], "is_automatic": []}
        for message in self:
            if message.direction == "out":
                continue
            traits = mail_traits(
                from_address=message.from_address,
                list_id=message.list_id,
                precedence=message.precedence,
                auto_submitted=message.auto_submitted,
                return_path=message.return_path,
                headers=message.headers,
            )
            for name in kinds:
                if getattr(traits, name):
                    kinds[name].append(message.id)
        for name, ids in kinds.items():
            self.browse(ids).write({name: True})

    # === PARTNERS === #

    def _link_partners(self, conversations):
        """Link the customers by their address; unknown ones are created when the company wants it."""
        addresses = {message.id: message._customer_address() for message in self}
        known = self._partners_by_address({address for address in addresses.values() if address})
        if self.integration_id.company_id.inbox_create_partners:
            known |= self._create_partners(addresses, known)
        for partner, messages in self.grouped(lambda m: known.get(addresses[m.id])).items():
            if partner:
                messages.write({"partner_id": partner.id})
        for message in self.filtered("partner_id").sorted("date"):
            conversation = message.conversation_id
            if not conversation.partner_id:
                conversation.with_context(tracking_disable=True).sudo().partner_id = message.partner_id

    def _customer_address(self):
        """Return the normalised address of the outsider: author of a received, first recipient of a sent mail."""
        if self.direction == "in":
            return "" if self.is_newsletter else email_normalize(self.from_address or "") or ""
        own = self.integration_id._own_addresses()
        for _name, address in email_split_tuples(self.email_to or ""):
            if (normal := email_normalize(address) or "") and normal not in own:
                return normal
        return ""

    def _partners_by_address(self, addresses):
        company = self.integration_id.company_id
        partners = (
            self.env["res.partner"]
            .sudo()
            .search(
                [("email_normalized", "in", list(addresses)), ("company_id", "in", [False, company.id])],
                order="company_id, parent_id, id",
            )
        )
        found = {}
        for partner in partners:
            found.setdefault(partner.email_normalized, partner)
        return found

    def _create_partners(self, addresses, known):
        own, values = self.integration_id._own_addresses(), {}
        for message in self.filtered(lambda m: m.direction == "in" and not m.is_automatic):
            address = addresses[message.id]
            recent = message.date and message.date > fields.Datetime.now() - _LIVE
            if address and recent and address not in known and address not in own and message.authentication != "fail":
                names = email_split_tuples(message.email_from or "")
                name = (names and names[0][0]) or address
                values[address] = {"name": name, "email": address, "company_id": self.integration_id.company_id.id}
        created = self.env["res.partner"].sudo().create(list(values.values()))
        return {partner.email_normalized: partner for partner in created}

    # === RULES === #

    def _as_rule_mail(self):
        names = (
            self.env["inbox.attachment"].sudo().search([("message_id", "=", self.id)]).mapped("name")
            if self.has_attachments
            else []
        )
        return RuleMail(
            sender=self.email_from or "",
            recipient=f"{self.email_to or ''} {self.email_cc or ''}",
            subject=self.subject or "",
            content=self.body_text or "",
            headers=self.headers or "",
            attachment="\n".join(names),
        )
