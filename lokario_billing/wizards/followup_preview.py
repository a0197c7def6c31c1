from odoo import api, fields, models

from ..const import WHY_NOT
from ..tools.followup_work import proposed_start
from ..tools.penalties import half_year_start


class FollowupPreview(models.TransientModel):
    _name = "lokario.followup.preview"
    _inherit = ["lokario.access.mixin"]
    _description = "Dry run of the follow-ups"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    customer_id = fields.Many2one("res.partner", help="Empty: every customer")
    days = fields.Integer(required=True, default=90)
    assume_enabled = fields.Boolean(string="As if automatic follow-ups were switched on and approved", default=True)
    line_ids = fields.One2many("lokario.followup.preview.line", "preview_id")
    start_ids = fields.One2many("lokario.followup.preview.start", "preview_id")
    sent_count = fields.Integer(compute="_compute_counts")
    today_count = fields.Integer(compute="_compute_counts")
    rate_missing_from = fields.Date(compute="_compute_rate_missing_from", compute_sudo=True)
    approved_at = fields.Datetime(related="company_id.followup_approved_at")

    @api.constrains("company_id")
    def _check_own_company(self):
        """The dry run reads every document of the company: a user plays none of a company he does not work for."""
        self.company_id._check_own()

    @api.depends("company_id")
    def _compute_rate_missing_from(self):
        """The half-year for which formal notices cannot claim penalties."""
        for preview in self:
            company = preview.company_id
            start = half_year_start(company._followup_today())
            known = {rate.starts for rate in company._penalty_rates()}
            needed = company._has_french_law() and start not in known
            preview.rate_missing_from = start if needed else False

    @api.depends("line_ids")
    def _compute_counts(self):
        for preview in self:
            sent = preview.line_ids.filtered("at")
            preview.sent_count = len(sent)
            first = min(sent.mapped("at"), default=False)
            preview.today_count = sum(1 for line in sent if line.at == first)

    def action_run(self):
        """Play the coming days with the decision that the hourly job uses."""
        self.ensure_one()
        self.line_ids.unlink()
        self.env["lokario.followup.run"].sudo().with_company(self.company_id)._create_missing(self.company_id)
        followups = self._followups()
        if not self.approved_at and not self.start_ids:
            self.start_ids = [fields.Command.create(values) for values in self._proposals(followups)]
        starts = {
            start.followup_id.sudo(): start._facts() for start in self.start_ids if start.followup_id in followups
        }
        forecast = followups._forecast(self.days, self.assume_enabled, starts)
        self.line_ids = [fields.Command.create(self._line(decision)) for decision in forecast.sent + forecast.silent]
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
            "name": self.env._("Dry run"),
        }

    def action_approve(self):
        self.company_id.action_approve_followups()
        for start in self.start_ids:
            start.followup_id.sudo().write(start._values())
        return {"type": "ir.actions.act_window_close"}

    def _proposals(self, followups):
        """Yield how the documents begin that are late when follow-ups are switched on."""
        today = self.company_id._followup_today()
        for followup in followups.filtered(lambda each: each.state != "done" and not each.step_count):
            since = followup.sent_date if followup.kind == "quote" else followup.due_date
            choice = proposed_start((today - since).days) if since else "usual"
            if choice != "usual":
                yield {"followup_id": followup.id, "since": since, "choice": choice}

    def _followups(self):
        domain = self.env["lokario.followup.run"]._to_decide(self.company_id)
        if self.customer_id:
            domain &= fields.Domain("customer_id", "=", self.customer_id.commercial_partner_id.id)
        return self.env["lokario.followup"].sudo().search(domain)

    def _line(self, decision):
        followup = self.env["lokario.followup"].sudo().browse(decision.document.key)
        level = followup._level_of(decision)
        return {
            "followup_id": followup.id,
            "level_id": level.id,
            "at": decision.at if decision.send else False,
            "why": False if decision.send else decision.why.value,
            "amount": decision.document.amount,
        }


class FollowupPreviewLine(models.TransientModel):
    _name = "lokario.followup.preview.line"
    _inherit = ["lokario.access.mixin"]
    _description = "Dry run line"
    _order = "at, id"

    preview_id = fields.Many2one("lokario.followup.preview", required=True, ondelete="cascade")
    followup_id = fields.Many2one("lokario.followup", required=True, ondelete="cascade")
    customer_id = fields.Many2one(related="followup_id.customer_id")
    level_id = fields.Many2one("lokario.followup.level", ondelete="cascade")
    at = fields.Datetime(string="Will be sent on")
    why = fields.Selection(WHY_NOT, string="Nothing (more) will be sent")
    amount = fields.Monetary()
    currency_id = fields.Many2one(related="followup_id.currency_id")
    lang = fields.Selection(related="followup_id.partner_id.lang", string="Language")
