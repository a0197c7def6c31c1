from odoo import fields, models
from odoo.exceptions import UserError

from .inbox_conversation_screen import COUNT_LIMIT


class InboxConversation(models.Model):
    """The right pane of the reader: who writes, what he has with us, what he wrote before."""

    _inherit = "inbox.conversation"

    def _customer_values(self):
        partner = self.partner_id._filtered_access("read")
        first = self._first_received()
        if not partner:
            return {
                "id": False,
                "name": first._author_name(),
                "email": first.from_address or "",
                "facts": [],
                "history": self._customer_history(),
            }
        return {
            "id": partner.id,
            "name": partner.display_name,
            "email": partner.email or first.from_address or "",
            "phone": partner.phone or "",
            "city": partner.city or "",
            "company": partner.commercial_company_name or "",
            "facts": self._customer_facts(),
            "history": self._customer_history(),
        }

    def _first_received(self):
        return self.env["inbox.message"].search(
            [("conversation_id", "=", self.id), ("direction", "=", "in")], order="date, id", limit=1
        )

    def _customer_facts(self):
        """Hook: return [{label, value, action}] about the customer; other addons add quotes, invoices…

        ``action`` is an act_window dictionary or False. Only what the user may read.
        """
        facts = [self._customer_fact(*fact) for fact in self._counted_documents()]
        return [fact for fact in facts if fact]

    def _counted_documents(self):
        """Return (model, label, domain) of what is counted for a customer."""
        return [
            ("sale.order", self.env._("Quotations and orders"), []),
            ("account.move", self.env._("Invoices"), [("move_type", "in", ("out_invoice", "out_refund"))]),
        ]

    def _customer_fact(self, model, label, extra):
        """Return the fact about the documents of a model, None when there are none or the user may not read them."""
        if model not in self.env or not self.env[model].has_access("read"):
            return None
        domain = [("partner_id", "child_of", self.partner_id.commercial_partner_id.id), *extra]
        count = self.env[model].search_count(domain, limit=COUNT_LIMIT)
        action = {
            "type": "ir.actions.act_window",
            "res_model": model,
            "name": label,
            "domain": domain,
            "views": [(False, "list"), (False, "form")],
        }
        return {"label": label, "value": count, "action": action} if count else None

    def _customer_history(self):
        """Return the other conversations with the same customer, newest first."""
        if self.partner_id:
            domain = [("partner_id", "=", self.partner_id.id)]
        else:
            address = self._first_received().from_address
            if not address:
                return []
            domain = [("email_ids.from_address", "=", address)]
        others = self.search([*domain, ("id", "!=", self.id), ("message_count", ">", 0)], limit=8)
        return [
            {
                "id": c.id,
                "subject": c.display_name,
                "state": c.state,
                "date": fields.Datetime.to_string(c.last_message_date) if c.last_message_date else False,
            }
            for c in others
        ]

    def inbox_create_customer(self):
        """Create the contact of an unknown author and link it to the conversation."""
        self.ensure_one()
        self.check_access("write")
        first = self._first_received()
        if not first.from_address:
            raise UserError(self.env._("No mail of this conversation has an author's address."))
        known = first._partners_by_address(self.company_id, {first.from_address}).get(first.from_address)
        partner = self.env["res.partner"].browse(known) or self.env["res.partner"].create(
            {"name": first._author_name(), "email": first.from_address, "company_id": self.company_id.id}
        )
        self.partner_id = partner
        first.sudo().partner_id = partner
        return self._customer_values()
