from odoo import api, fields, models

from ..tools import warmup


class EngineWarmupPlan(models.Model):
    """How many mails a new IP may send, stage by stage."""

    _name = "engine.warmup.plan"
    _description = "Warm-up plan"
    _inherit = ["engine.printed", "lokario.access.mixin"]
    _order = "sequence, id"
    _printed_fields = frozenset(("active_quota",))

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", help="Empty: for all companies")
    stage_ids = fields.One2many("engine.warmup.stage", "plan_id", "Stages", copy=True)
    active_quota = fields.Integer("Mails a day afterwards", required=True, default=10000)
    used_share = fields.Integer(
        "Used day (%)",
        required=True,
        default=90,
        help="A day counts when at least this share of its quota was sent.",
    )
    idle_days = fields.Integer("Idle days before a step back", required=True, default=warmup.IDLE_DAYS_BEFORE_STEP_BACK)
    total_days = fields.Integer(compute="_compute_totals")
    total_emails = fields.Integer(compute="_compute_totals")

    _quota_positive = models.Constraint("CHECK(active_quota > 0)", "Mails a day: give a number above 0.")
    _used_share_range = models.Constraint(
        "CHECK(used_share BETWEEN 1 AND 100)", "Used day: give a share from 1 to 100 %."
    )
    _idle_days_positive = models.Constraint("CHECK(idle_days > 0)", "Idle days: give a number above 0.")

    @api.depends("stage_ids.days", "stage_ids.quota")
    def _compute_totals(self):
        for plan in self:
            plan.total_days = sum(plan.stage_ids.mapped("days"))
            plan.total_emails = sum(stage.days * stage.quota for stage in plan.stage_ids)

    def copy_data(self, default=None):
        """Who duplicates a plan of all companies adapts it to his own."""
        values = super().copy_data(default)
        for plan, copied in zip(self, values, strict=True):
            if not plan.company_id and "company_id" not in (default or {}):
                copied["company_id"] = self.env.company.id
        return values

    def _get_printing_servers(self):
        return self.env["engine.ip"].sudo().search([("plan_id", "in", self.ids)]).tenant_id.server_id

    def _get_plan(self):
        """Return the plan as the tools know it."""
        self.ensure_one()
        stages = tuple(warmup.Stage(stage.name, stage.quota, stage.days, stage.hourly) for stage in self.stage_ids)
        return warmup.Plan(stages, self.active_quota, self.used_share / 100, self.idle_days)

    @api.model
    def _load_standard_plans(self):
        """Create the document's, SparkPost's and SendGrid's plans where they are missing."""
        standard = (
            ("engine_warmup_plan_document", "Six weeks, 50 to 10,000 a day", warmup.document_plan()),
            ("engine_warmup_plan_sparkpost", "SparkPost, 29 stages", warmup.sparkpost_plan()),
            ("engine_warmup_plan_sendgrid", "SendGrid, 42 days with hourly caps", warmup.sendgrid_plan()),
        )
        for sequence, (name, title, plan) in enumerate(standard, 1):
            xmlid = f"email_engine_bridge.{name}"
            if not self.env.ref(xmlid, raise_if_not_found=False):
                values = self._prepare_plan(title, sequence, plan)
                self._load_records([{"xml_id": xmlid, "values": values, "noupdate": True}])

    @api.model
    def _prepare_plan(self, title, sequence, plan):
        stages = [
            fields.Command.create(
                {
                    "name": stage.name,
                    "sequence": number,
                    "quota": stage.quota,
                    "days": stage.days,
                    "hourly": stage.hourly,
                }
            )
            for number, stage in enumerate(plan.stages)
        ]
        return {"name": title, "sequence": sequence, "active_quota": plan.active_quota, "stage_ids": stages}
