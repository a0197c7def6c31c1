from odoo import fields, models

from ..tools import followup_plan


class FollowupLevel(models.Model):
    _name = "lokario.followup.level"
    _inherit = ["lokario.access.mixin"]
    _description = "Follow-up level"
    _order = "policy_id, sequence, id"

    name = fields.Char(required=True, translate=True)
    policy_id = fields.Many2one("lokario.followup.policy", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="policy_id.company_id", store=True)
    sequence = fields.Integer(required=True, default=10)
    days = fields.Integer(required=True, help="Days after the reference date; negative = before it")
    anchor = fields.Selection(
        [
            ("due", "Due date"),
            ("sent", "Date of sending"),
            ("answer", "Last answer"),
            ("expiry", "Expiry of the quote"),
        ],
        string="Reference date",
        required=True,
        default="due",
    )
    channel = fields.Selection(
        [
            ("email", "E-mail"),
            ("call", "Call (activity)"),
            ("letter", "Letter (activity)"),
            ("registered", "Registered letter (activity)"),
        ],
        required=True,
        default="email",
    )
    needs_approval = fields.Boolean(
        string="A colleague approves it", help="It waits on the collector's desk until a colleague lets it go."
    )
    order_block = fields.Selection(
        [("warn", "Warn"), ("hold", "Hold")],
        string="New orders of the customer",
        help="From this level on: a warning on his quotes, or no confirmation but by a billing manager.",
    )
    script = fields.Text(string="What to say", translate=True, help="Shown to the colleague who makes the call")
    template_id = fields.Many2one(
        "mail.template", domain=[("model", "=", "lokario.followup.reminder")], ondelete="restrict"
    )
    attach_documents = fields.Boolean(string="Attach the documents", default=True)
    formal_notice = fields.Boolean(
        string="Formal notice", help="Adds late-payment penalties, the recovery indemnity and the mandatory mentions."
    )

    _policy_sequence_uniq = models.Constraint(
        "UNIQUE(policy_id, sequence)", "Two levels of a policy cannot have the same number."
    )

    def _plan_level(self):
        return followup_plan.Level(self.sequence, self.days, self.anchor, self.channel, self.needs_approval)

    def _template(self):
        self.ensure_one()
        kind = self.policy_id.kind if self.policy_id.kind in ("invoice", "quote") else "other"
        return self.template_id or self.env.ref(f"lokario_billing.mail_template_followup_{kind}")
