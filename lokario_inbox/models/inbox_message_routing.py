from datetime import timedelta

from odoo import fields, models
from odoo.tools.mail import email_normalize, email_split_tuples

from ..tools.mail_addresses import addresses
from ..tools.rule_match import RuleMail

_LIVE = timedelta(days=1)  # older mail belongs to a first sync: nobody is told, nobody is created


class InboxMessage(models.Model):
    _inherit = "inbox.message"

    is_newsletter = fields.Boolean()
    is_automatic = fields.Boolean(help="Nobody wrote it: robot, list, bounce.")
    automatic_kind = fields.Selection(
        [
            ("failure", "Delivery failure"),
            ("delayed", "Delayed delivery"),
            ("delivered", "Delivery confirmation"),
            ("receipt", "Read receipt"),
            ("vacation", "Automatic answer"),
            ("list", "List or newsletter"),
            ("notification", "Notification"),
        ],
        readonly=True,
        help="What a machine wrote; empty when a person may have written it.",
    )
    report_address = fields.Char(readonly=True, help="The recipient that a delivery report is about.")
    report_reason = fields.Char(readonly=True, help="What the delivery report says: status and the server's words.")
    returned_ref = fields.Char(
        readonly=True, index="btree_not_null", help="Message-ID, case folded, of the mail a delivery report is about."
    )

    def _after_store(self):
        super()._after_store()
        conversations = self.conversation_id.sudo()
        conversations._refresh_from_emails()
        self._index_soon()
        conversations._follow_new_mail(self)
        conversations._apply_rules(self)
        since = fields.Datetime.now() - _LIVE
        live = self.filtered(lambda m: m.date and m.date > since)
        live.conversation_id.sudo()._announce_change(new_mail=True)

    def _after_change(self):
        super()._after_change()
        conversations = self.conversation_id.sudo()
        conversations._refresh_from_emails()
        conversations._announce_change()

    # === PARTNERS === #

    def _find_partners(self, integration, rows):
        """Give each new row its ``partner_id``, by address; unknown ones are created when the company wants it."""
        own = integration._own_addresses()
        outsiders = {row["id"]: self._outsider(row, own) for row in rows}
        known = self._partners_by_address(integration.company_id, set(filter(None, outsiders.values())))
        if integration.company_id.inbox_create_partners:
            strangers = [row for row in rows if outsiders[row["id"]] and outsiders[row["id"]] not in known]
            known |= self._create_partners(integration.company_id, strangers, outsiders)
        for row in rows:
            row["partner_id"] = known.get(outsiders[row["id"]])

    def _outsider(self, row, own):
        """Return the normalised address of the outsider: author of a received, first recipient of a sent mail."""
        if row["direction"] == "in":
            is_nobody = row["is_newsletter"] or row["from_address"] in own  # a From of ours that nothing proves
            return "" if is_nobody else row["from_address"] or ""
        return next((address for address in addresses(row["email_to"]) if address not in own), "")

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

    def _create_partners(self, company, rows, outsiders):
        """Create the people who wrote today: no robot, no forged author."""
        since, values = fields.Datetime.now() - _LIVE, {}
        for row in rows:
            is_person = row["direction"] == "in" and not row["is_automatic"] and row["authentication"] != "fail"
            address = email_normalize(outsiders[row["id"]])
            if address and is_person and row["date"] > since:
                names = email_split_tuples(row["email_from"] or "")
                name = (names and names[0][0]) or address
                values[address] = {"name": name, "email": address, "company_id": company.id}
        created = self.env["res.partner"].sudo().create(list(values.values()))
        return {partner.email_normalized: partner.id for partner in created}

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
