from odoo import fields, models


class BusinessDocument(models.AbstractModel):
    """A document whose mails leave by the company's own mailbox, and that shows when one of them did not arrive."""

    _name = "lokario.business.document"
    _description = "Document sent from the company's mailbox"
    _sends_business_mail = True

    delivery_problem = fields.Char(compute="_compute_delivery_problem", string="Why the last mail has not arrived")

    def _still_due(self):
        """Return those whose mails may still leave; asked before a mail is taken up and right before it leaves."""
        return self

    def _deliveries_changed(self, deliveries):
        """Note what became of mails of these documents; `deliveries`: lokario.delivery."""

    def _compute_delivery_problem(self):
        latest = self.env["lokario.delivery"]._latest_of(self)
        for document in self:
            problems = (delivery._problem_in_words() for delivery in latest.get(document.id, ()))
            document.delivery_problem = next(filter(None, problems), False)
