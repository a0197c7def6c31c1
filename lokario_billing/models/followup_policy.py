from odoo import api, fields, models

from ..const import FOLLOWUP_KINDS
from ..tools import followup_plan


class FollowupPolicy(models.Model):
    _name = "lokario.followup.policy"
    _inherit = ["lokario.access.mixin"]
    _description = "Follow-up policy"
    _order = "company_id, kind, sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one("res.company", index=True, help="Empty: every company without a policy of its own.")
    kind = fields.Selection(FOLLOWUP_KINDS, required=True, default="invoice")
    level_ids = fields.One2many("lokario.followup.level", "policy_id", string="Levels", copy=True)
    max_reminders = fields.Integer(string="Reminders at most", default=3, required=True)
    spacing_days = fields.Integer(string="Days between two reminders, at least", default=5, required=True)
    grouped = fields.Boolean(
        string="One mail per customer and level",
        default=True,
        help="Groups the customer's documents that have reached the same level.",
    )
    stop_on_answer = fields.Boolean(
        string="Stop when the customer answers",
        default=True,
        help="Reminders always wait until an answer is handled. For invoices they go on then: an answer pays nothing.",
    )
    stop_on_paid = fields.Boolean(string="Stop when paid", default=True)
    stop_on_refused = fields.Boolean(string="Stop when refused", default=True)
    responsible_id = fields.Many2one("res.users", check_company=True, help="Empty: the document's salesperson.")

    _max_reminders_positive = models.Constraint("CHECK(max_reminders > 0)", "At least one reminder, please.")
    _spacing_positive = models.Constraint("CHECK(spacing_days > 0)", "At least one day between two reminders, please.")

    @api.model
    def _get_for(self, company, kind):
        """Return the policy of a company for one kind: its own first, its nearest parent's, then the shared one."""
        companies = [*company.sudo().parent_ids[::-1], company.browse()]
        domain = [("company_id", "in", [*company.sudo().parent_ids.ids, False]), ("kind", "=", kind)]
        policies = self.sudo().search(domain)
        return policies.sorted(lambda policy: companies.index(policy.company_id.sudo()))[:1]

    def write(self, vals):
        leaving = self.filtered("active") if vals.get("active") is False else self.browse()
        result = super().write(vals)
        leaving._notify_replacement()
        return result

    def _notify_replacement(self):
        """Notify each company's billing manager of what becomes of the open follow-ups of archived policies."""
        open_ones = self.env["lokario.followup"].sudo().search([("policy_id", "in", self.ids), ("state", "!=", "done")])
        for (policy, company), followups in open_ones.grouped(lambda each: (each.policy_id, each.company_id)).items():
            user = company._billing_people()[:1]
            if user:
                self.env["mail.thread"].sudo().message_notify(
                    partner_ids=user.partner_id.ids,
                    subject=policy.with_context(lang=user.lang).env._("The follow-up policy was archived"),
                    body=policy.with_context(lang=user.lang)._replacement_in_words(company, len(followups)),
                )

    def _replacement_in_words(self, company, count):
        other = self._get_for(company, self.kind)
        if not other:
            return self.env._(
                "%(policy)s: the open follow-ups of %(company)s (%(count)s) have no level left and wait for a policy.",
                policy=self.name,
                count=count,
                company=company.name,
            )
        return self.env._(
            "%(policy)s: the open follow-ups of %(company)s (%(count)s) go on with the policy %(other)s.",
            policy=self.name,
            count=count,
            company=company.name,
            other=other.with_env(self.env).name,
        )

    def _plan_policy(self, company, stops, spacing_days=0, assume_enabled=False):
        """Return the pure policy; without a policy it has no level.

        :param stops: (on answer, on paid, on refused) of the follow-up
        :param spacing_days: the follow-up's own frequency, 0 = the policy's
        :param assume_enabled: as if automatic follow-ups were switched on and approved
        """
        switch = company._followup_switch()
        on_answer, on_paid, on_refused = stops
        return followup_plan.Policy(
            key=self.id,
            levels=tuple(level._plan_level() for level in self.level_ids),
            max_reminders=self.max_reminders,
            spacing_days=spacing_days or self.spacing_days,
            grouped=self.grouped,
            minimum_amount=company.followup_minimum_amount,
            tolerance=company.followup_tolerance if self.kind == "invoice" else 0.0,
            stop_on_answer=on_answer and self.kind != "invoice",
            stop_on_paid=on_paid,
            stop_on_refused=on_refused,
            enabled=assume_enabled or bool(switch),
            approved=assume_enabled or bool(switch.followup_approved_at),
            paused_until=company.followup_paused_until or None,
        )
