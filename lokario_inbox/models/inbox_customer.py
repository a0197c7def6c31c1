from datetime import timedelta

from odoo import api, fields, models
from odoo.tools.mail import email_normalize, email_split_tuples

from odoo.addons.lokario_base.tools.caller import without_callers_defaults

from ..tools.mail_addresses import addresses

RECENT = timedelta(days=1)  # older mail belongs to a first synchronisation: no contact is created from it
COUNT_LIMIT = 1000  # "999+" says enough: the user need not wait for more


class InboxCustomer(models.AbstractModel):
    """The people who write: found or created by their address, shown beside their conversation."""

    _name = "inbox.customer"
    _description = "Customers who write"

    # === FOUND BY ADDRESS === #

    @api.model
    def _find_partners(self, integration, rows):
        """Give each new row its ``partner_id``, by address; unknown ones are created when the company wants it."""
        own = integration._sender_addresses()
        outsiders = {row["id"]: self._outsider(row, own) for row in rows}
        known = self._partners_by_address(integration.company_id, set(filter(None, outsiders.values())))
        if integration.company_id.inbox_create_partners:
            strangers = [row for row in rows if outsiders[row["id"]] and outsiders[row["id"]] not in known]
            known |= self._create_partners(integration.company_id, strangers, outsiders)
        for row in rows:
            row["partner_id"] = known.get(outsiders[row["id"]])

    @api.model
    def _outsider(self, row, own):
        """Return the normalised address of the outsider: author of a received, first recipient of a sent mail."""
        if row["direction"] == "in":
            is_ignored = row["is_newsletter"] or row["from_address"] in own  # a From of ours that nothing verifies
            return "" if is_ignored else row["from_address"] or ""
        return next((address for address in addresses(row["email_to"]) if address not in own), "")

    @api.model
    def _partners_by_address(self, company, wanted):
        """Return {address: partner id}, partners of the company before those of everybody."""
        partners = (
            self.env["res.partner"]
            .sudo()
            .search_fetch(
                [("email_normalized", "in", list(wanted)), ("company_id", "in", [False, company.id])],
                ["email_normalized"],
                order="company_id, parent_id, id",
            )
        )
        return {partner.email_normalized: partner.id for partner in reversed(partners)}

    @api.model
    def _create_partners(self, company, rows, outsiders):
        """Create the people who wrote today: no robot, no forged author."""
        since, values = fields.Datetime.now() - RECENT, {}
        for row in rows:
            is_person = row["direction"] == "in" and not row["is_automatic"] and row["authentication"] != "fail"
            address = email_normalize(outsiders[row["id"]])
            if address and is_person and row["date"] > since:
                names = email_split_tuples(row["email_from"] or "")
                name = (names and names[0][0]) or address
                values[address] = {"name": name, "email": address, "company_id": company.id}
        created = without_callers_defaults(self.env["res.partner"].sudo()).create(list(values.values()))
        return {partner.email_normalized: partner.id for partner in created}

    # === SHOWN BESIDE THE CONVERSATION === #

    @api.model
    def _values(self, conversation):
        partner = conversation.partner_id._filtered_access("read")
        first = conversation._first_received()
        if not partner:
            return {
                "id": False,
                "name": first._author_name(),
                "email": first.from_address or "",
                "facts": [],
                "history": self._history(conversation),
            }
        return {
            "id": partner.id,
            "name": partner.display_name,
            "email": partner.email or first.from_address or "",
            "phone": partner.phone or "",
            "city": partner.city or "",
            "company": partner.commercial_company_name or "",
            "facts": self._facts(conversation),
            "history": self._history(conversation),
        }

    @api.model
    def _facts(self, conversation):
        """Return [{label, value, action}] about the customer; only what the user may read."""
        facts = [self._fact(conversation, *fact) for fact in self._counted_documents()]
        return [fact for fact in facts if fact] + self.env["inbox.hooks"]._customer_facts(conversation)

    @api.model
    def _counted_documents(self):
        """Return (model, label, domain) of what is counted for a customer."""
        return [
            ("sale.order", self.env._("Quotations and orders"), []),
            ("account.move", self.env._("Invoices"), [("move_type", "in", ("out_invoice", "out_refund"))]),
        ]

    @api.model
    def _fact(self, conversation, model, label, extra):
        """Return the fact about the documents of a model, None when there are none or the user may not read them."""
        if model not in self.env or not self.env[model].has_access("read"):
            return None
        domain = [("partner_id", "child_of", conversation.partner_id.commercial_partner_id.id), *extra]
        count = self.env[model].search_count(domain, limit=COUNT_LIMIT)
        action = {
            "type": "ir.actions.act_window",
            "res_model": model,
            "name": label,
            "domain": domain,
            "views": [(False, "list"), (False, "form")],
        }
        return {"label": label, "value": count, "action": action} if count else None

    @api.model
    def _history(self, conversation):
        """Return the other conversations with the same customer, newest first."""
        if conversation.partner_id:
            domain = [("partner_id", "=", conversation.partner_id.id)]
        else:
            address = conversation._first_received().from_address
            if not address:
                return []
            domain = [("email_ids.from_address", "=", address)]
        others = conversation.search([*domain, ("id", "!=", conversation.id), ("message_count", ">", 0)], limit=8)
        return [
            {
                "id": c.id,
                "subject": c.display_name,
                "state": c.state,
                "date": fields.Datetime.to_string(c.last_message_date) if c.last_message_date else False,
            }
            for c in others
        ]
