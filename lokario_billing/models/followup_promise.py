from odoo import api, fields, models
from odoo.exceptions import ValidationError

LONGEST_PROMISE = 60  # days


class FollowupPromise(models.Model):
    _name = "lokario.followup.promise"
    _inherit = ["lokario.access.mixin"]
    _description = "Promise to pay"
    _order = "promised_for desc, id desc"

    followup_id = fields.Many2one("lokario.followup", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="followup_id.company_id", store=True)
    promised_for = fields.Date(required=True)
    amount = fields.Monetary()
    currency_id = fields.Many2one(related="company_id.currency_id")
    note = fields.Text()
    by_customer = fields.Boolean(help="Given by the customer on the statement page")
    withdrawn = fields.Boolean()

    @api.constrains("promised_for")
    def _check_promised_for(self):
        today = fields.Date.context_today(self)
        for promise in self:
            if not 0 <= (promise.promised_for - today).days <= LONGEST_PROMISE:
                raise ValidationError(self.env._("Choose a date within the next %(days)s days.", days=LONGEST_PROMISE))

    @api.model_create_multi
    def create(self, vals_list):
        promises = super().create(vals_list)
        promises._update_followups()
        return promises

    def write(self, vals):
        result = super().write(vals)
        self._update_followups()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_and_update(self):
        for promise in self:
            promise.followup_id._set_promised_until(promise.followup_id.promise_ids - self)

    def _update_followups(self):
        """Writing the follow-up locks its row: a reminder being checked right now waits for us or we for it."""
        for followup in self.followup_id:
            followup._set_promised_until(followup.promise_ids)
