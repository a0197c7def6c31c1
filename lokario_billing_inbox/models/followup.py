from collections import defaultdict

from odoo import api, fields, models

from odoo.addons.lokario_billing.tools.bank_money import plain, references


class Followup(models.Model):
    _inherit = "lokario.followup"

    conversation_id = fields.Many2one("inbox.conversation", ondelete="set null")

    @api.depends("conversation_id")
    def _compute_can_open_document(self):
        super()._compute_can_open_document()

    def _document(self):
        return super()._document() or self.conversation_id

    @api.model
    def _open_of_addresses(self, company, addresses):
        """Return {address: [open follow-ups of the customers who write from it]} of a company."""
        writers = self.env["res.partner"].search([("email_normalized", "in", addresses)])
        domain = [("company_id", "=", company.id), ("customer_id", "in", writers.commercial_partner_id.ids)]
        per_customer = self.search([*domain, ("state", "!=", "done")]).grouped("customer_id")
        found = defaultdict(list)
        for writer in writers:
            if writer.commercial_partner_id in per_customer:
                found[writer.email_normalized].append(per_customer[writer.commercial_partner_id])
        return found

    def _answered_by(self, message):
        """Return those that this mail of their customer is about."""
        before = self.filtered(lambda followup: followup.create_date < message.date)
        said = {*references(f"{message.subject or ''} {message.preview or ''}")}
        named = before.filtered(lambda followup: plain(followup._document_label()) in said)
        return named or before.filtered(
            lambda followup: any(
                step.reminder_id.address == message.from_address and step.sent_at <= message.date  # whole seconds
                for step in followup.step_ids
            )
        )
