from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.segment_rules import compile_rules


class EngineSegment(models.Model):
    """People of a tenant whom rules describe, found anew each time a campaign starts."""

    _name = "engine.segment"
    _inherit = ["engine.named"]
    _description = "Segment"
    _order = "name, id"

    match = fields.Selection([("all", "All rules"), ("any", "One of the rules")], required=True, default="all")
    rule_ids = fields.One2many("engine.segment.rule", "segment_id", "Rules", copy=True)
    contact_count = fields.Integer("Contacts", compute="_compute_counts")
    reachable_count = fields.Integer(
        "May be written to", compute="_compute_counts", help="Not suppressed, no withdrawn consent, a valid address"
    )

    _name_uniq = models.UniqueIndex("(tenant_id, name) WHERE active IS TRUE", "This tenant has this segment already.")

    @api.constrains("rule_ids")
    def _check_rules(self):
        for segment in self:
            if not segment.rule_ids:
                raise ValidationError(self.env._("Give the segment a rule; without one it would be everybody."))

    @api.depends(
        "tenant_id", "match", *(f"rule_ids.{name}" for name in ("subject", "key", "operator", "value", "days"))
    )
    def _compute_counts(self):
        for segment in self:
            counts = (0, 0)
            if segment.tenant_id and segment.rule_ids and not any(map(bool, segment.rule_ids.mapped("problem"))):
                counts = self.env["engine.campaign.audience"]._count_segment(segment)
            segment.contact_count, segment.reachable_count = counts

    def _compile(self):
        """(SQL condition on the contact `c`: of one of these segments, its parameters)."""
        conditions, values = [], {}
        for number, segment in enumerate(self):
            rules = [rule._read_rule() for rule in segment.rule_ids]
            condition, given = compile_rules(rules, segment.match == "all", f"segment_{number}")
            conditions.append(f"({condition})")
            values |= given
        return " OR ".join(conditions) or "true", values

    def _describe(self):
        """Return the segment as the API lists it."""
        self.ensure_one()
        return {
            "id": self.id,
            "tenant_id": self.tenant_id.id,
            "name": self.name,
            "match": self.match,
            "rules": [rule._describe() for rule in self.rule_ids],
        }

    def _describe_counted(self):
        return {**self._describe(), "contacts": self.contact_count, "reachable": self.reachable_count}
