from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.segment_rules import WITHOUT_VALUE, Rule, find_problem
from .engine_contact import CONSENTS

SUBJECTS = [
    ("email", "Address"),
    ("domain", "Domain of the address"),
    ("first_name", "First name"),
    ("last_name", "Last name"),
    ("attribute", "Further value"),
    ("consent", "Consent"),
    ("created", "Contact since"),
    ("consented", "Consent given"),
    ("received", "Got a mail"),
    ("opened", "Opened a mail"),
    ("clicked", "Clicked in a mail"),
]
OPERATORS = [
    ("is", "is"),
    ("is_not", "is not"),
    ("contains", "contains"),
    ("above", "is above (number or date)"),
    ("below", "is below (number or date)"),
    ("set", "has a value"),
    ("unset", "has no value"),
    ("within", "within the last days"),
    ("not_within", "not within the last days"),
]


class EngineSegmentRule(models.Model):
    """One rule of a segment: a value of the contact, or something that happened, compared."""

    _name = "engine.segment.rule"
    _inherit = ["lokario.choice.name.mixin", "lokario.access.mixin"]
    _description = "Rule of a segment"
    _order = "segment_id, sequence, id"
    _rec_name = "subject"

    segment_id = fields.Many2one("engine.segment", required=True, index=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="segment_id.tenant_id", store=True)
    company_id = fields.Many2one(related="segment_id.company_id", store=True)
    sequence = fields.Integer(default=10)
    subject = fields.Selection(SUBJECTS, "What", required=True, default="attribute")
    key = fields.Char("Name of the value", help="For a further value: its name in the contacts, such as city")
    operator = fields.Selection(OPERATORS, "How", required=True, default="is")
    value = fields.Char()
    consent = fields.Selection(CONSENTS, compute="_compute_consent", readonly=False)
    days = fields.Integer(default=30)
    problem = fields.Char(compute="_compute_problem")

    @api.depends("subject", "value")
    def _compute_consent(self):
        """The value of a rule about the consent, to be chosen instead of typed."""
        known = dict(CONSENTS)
        for rule in self:
            value = (rule.value or "").lower()
            rule.consent = value if rule.subject == "consent" and value in known else False

    @api.onchange("consent")
    def _onchange_consent(self):
        if self.subject == "consent":
            self.value = self.consent

    @api.depends("subject", "key", "operator", "value", "days")
    @api.depends_context("lang")
    def _compute_display_name(self):
        """The rule as a sentence."""
        for rule in self:
            words = {name: rule._label_of(name) for name in ("subject", "operator", "consent")}
            what = rule.key if rule.subject == "attribute" and rule.key else words["subject"]
            if rule.operator in {"within", "not_within"}:
                rule.display_name = f"{what} {words['operator']} ({rule.days})"
            else:
                how = words["operator"].partition(" (")[0]
                value = "" if rule.operator in WITHOUT_VALUE else words["consent"] or rule.value or ""
                rule.display_name = f"{what} {how} {value}".strip()

    def _label_of(self, name):
        return dict(self._fields[name]._description_selection(self.env)).get(self[name], "")

    @api.depends("subject", "key", "operator", "value", "days")
    def _compute_problem(self):
        for rule in self:
            found = find_problem(rule._read_rule())
            rule.problem = found and self._explain(found)

    @api.constrains("subject", "key", "operator", "value", "days")
    def _check_rule(self):
        for rule in self.filtered("problem"):
            raise ValidationError(rule.problem)

    def _explain(self, problem):
        return {
            "operator": self.env._("A value is compared by “is”, “contains” and the like; a moment by “within”."),
            "key": self.env._("Name of the value: say which of the contacts' further values is meant."),
            "value": self.env._("Value: say what it is compared with."),
            "order": self.env._("Value: give a number, or a date such as 2026-03-01."),
            "consent": self.env._("Value: choose whether the consent is given, unknown or withdrawn."),
            "days": self.env._("Days: give a number from 1 to 36,500."),
        }[problem]

    def _read_rule(self):
        self.ensure_one()
        return Rule(self.subject or "", self.operator or "", self.key or "", self.value or "", self.days or 0)

    def _describe(self):
        """Return the rule as the API gives it: what its kind needs."""
        return {
            "subject": self.subject,
            "operator": self.operator,
            "key": self.key or "",
            "value": self.value or "",
            "days": self.days,
        }
