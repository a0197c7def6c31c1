from odoo import api, fields, models
from odoo.exceptions import ValidationError

LONGEST_PROMISE = 60  # days


class FollowupPromise(models.Model):
    _name = "lokario.followup.promise"
    _inherit = ["lokario.access.mixin"]
    _description = "Promise to pay"
    _order = "promised_for desc, id desc"
    _machine_writes_as_sudo = True

    followup_id = fields.Many2one("lokario.followup", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="followup_id.company_id", store=True)
    promised_for = fields.Date(required=True)
    amount = fields.Monetary()
    currency_id = fields.Many2one(related="company_id.currency_id")
    note = fields.Text()
    claim_before = fields.Monetary(
        string="Due when promised", compute="_compute_claim_before", store=True, precompute=True
    )
    outcome = fields.Selection(
        [("open", "Open"), ("kept", "Kept"), ("partly", "Kept in part"), ("broken", "Broken")],
        compute="_compute_outcome",
        compute_sudo=True,
    )
    by_customer = fields.Boolean(readonly=True, help="Given by the customer on the statement page")
    withdrawn = fields.Boolean()

    @api.depends("followup_id")
    def _compute_claim_before(self):
        for promise in self:
            promise.claim_before = promise.followup_id.sudo()._left_to_pay()

    @api.depends("promised_for", "amount", "claim_before", "followup_id.move_id.amount_residual_signed")
    def _compute_outcome(self):
        for promise in self:
            promise.outcome = promise._outcome_on(promise.company_id._followup_today())

    def _outcome_on(self, today, covered=None):
        """Return what has become of the promise by a day; `covered` as of _left_to_pay."""
        if not self.promised_for or self.promised_for >= today:
            return "open"
        tolerance, left = self.company_id.followup_tolerance, self.followup_id._left_to_pay(covered)
        paid = self.claim_before - left
        if paid + tolerance >= (self.amount or self.claim_before):
            return "kept"
        return "partly" if paid > tolerance else "broken"

    @api.constrains("promised_for")
    def _check_promised_for(self):
        for promise in self:
            today = promise.company_id._followup_today()  # as the page says it: a visitor has no time zone
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
        for followup in self.followup_id:
            self._update(followup, followup.promise_ids - self)

    def _update_followups(self):
        for followup in self.followup_id:
            self._update(followup, followup.promise_ids)

    @api.model
    def _update(self, followup, promises):
        """Pause the reminders as these promises say; the customer's own count up to the company's number.

        Writing the follow-up locks its row: a reminder that is being checked right now waits for us or we for it.
        """
        given = promises.filtered(lambda promise: not promise.withdrawn)
        by_customer = given.filtered("by_customer").sorted("id")
        allowed = followup.company_id.followup_promises
        followup_sudo = followup.sudo()
        followup_sudo.promised_until = max((given - by_customer[allowed:]).mapped("promised_for"), default=False)
        if len(by_customer) > allowed:
            followup_sudo._ask_responsible("promises", len(by_customer))
        followup_sudo._refresh_plan()

    @api.model
    def _may_be_given(self, followup):
        """Whether one more promise of the customer would pause the reminders."""
        known = followup.promise_ids.filtered(lambda promise: promise.by_customer and not promise.withdrawn)
        return len(known) < followup.company_id.followup_promises
