from odoo import api, fields, models

from ..const import WHY_NOT


class FollowupPreview(models.TransientModel):
    _name = "lokario.followup.preview"
    _inherit = ["lokario.access.mixin"]
    _description = "Dry run of the follow-ups"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    customer_id = fields.Many2one("res.partner", help="Empty: every customer")
    days = fields.Integer(required=True, default=90)
    assume_enabled = fields.Boolean(string="As if automatic follow-ups were switched on and approved", default=True)
    line_ids = fields.One2many("lokario.followup.preview.line", "preview_id")
    sent_count = fields.Integer(compute="_compute_counts")
    today_count = fields.Integer(compute="_compute_counts")
    approved_at = fields.Datetime(related="company_id.followup_approved_at")

    @api.constrains("company_id")
    def _check_own_company(self):
        """The dry run reads every document of the company: a user plays none of a company he does not work for."""
        self.company_id._check_own()

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
        forecast = self._followups()._forecast(self.days, self.assume_enabled)
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
        return {"type": "ir.actions.act_window_close"}

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
