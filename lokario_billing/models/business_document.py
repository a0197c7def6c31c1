from odoo import fields, models
from odoo.tools import format_datetime


class BusinessDocument(models.AbstractModel):
    """A document whose mails leave by the company's own mailbox, and that shows when one of them did not arrive."""

    _name = "lokario.business.document"
    _description = "Document sent from the company's mailbox"
    _sends_business_mail = True

    delivery_problem = fields.Char(compute="_compute_delivery_problem", string="Why the last mail has not arrived")

    def _compute_delivery_problem(self):
        latest = self.env["lokario.delivery"]._latest_of(self)
        for document in self:
            delivery = latest.get(document.id)
            document.delivery_problem = delivery._problem_in_words() if delivery else False


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "lokario.business.document", "lokario.access.mixin"]


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "lokario.business.document", "lokario.access.mixin"]


class AccountPayment(models.Model):
    _name = "account.payment"
    _inherit = ["account.payment", "lokario.business.document", "lokario.access.mixin"]


class FollowupReminder(models.Model):
    _inherit = "lokario.followup.reminder"
    _sends_business_mail = True


class Delivery(models.Model):
    _inherit = "lokario.delivery"

    def _problem_in_words(self):
        """Return the cause and the next try of a mail that has not arrived, False when there is nothing to tell."""
        self.ensure_one()
        if self.state == "sent" and self.refused_recipients:
            return self.cause
        if self.state not in ("failed", "retry", "hold", "uncertain", "bounced"):
            return False
        cause = self.cause or dict(self._fields["state"]._description_selection(self.env))[self.state]
        if not self.next_try_at or self.state in ("failed", "bounced"):
            return self.env._("The mail has not arrived: %(cause)s Nothing more is tried by itself.", cause=cause)
        at = format_datetime(self.env, self.next_try_at)
        return self.env._("The mail has not left yet: %(cause)s Next try: %(at)s.", cause=cause, at=at)
