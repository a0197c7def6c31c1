from odoo import api, fields, models
from odoo.exceptions import ValidationError


class InboxRuleCondition(models.Model):
    _name = "inbox.rule.condition"
    _inherit = ["lokario.access.mixin"]
    _description = "Condition of an inbox rule"
    _order = "rule_id, id"
    _rec_name = "value"

    rule_id = fields.Many2one("inbox.rule", required=True, ondelete="cascade", index=True)
    field = fields.Selection(
        [
            ("sender", "Sender"),
            ("recipient", "Recipient"),
            ("subject", "Subject"),
            ("content", "Content"),
            ("header", "Header"),
            ("attachment", "Attachment name"),
        ],
        required=True,
        default="sender",
    )
    header = fields.Char(help="Name of the header, such as X-Priority.")
    operator = fields.Selection(
        [
            ("contains", "contains"),
            ("not_contains", "does not contain"),
            ("equals", "is"),
            ("starts_with", "starts with"),
            ("ends_with", "ends with"),
            ("matches_domain", "is of the domain"),
            ("is_set", "is set"),
            ("is_not_set", "is not set"),
        ],
        required=True,
        default="contains",
    )
    value = fields.Char(help="Several values separated by commas: one of them is enough. Accents and case are ignored.")

    @api.constrains("field", "header", "operator", "value")
    def _check_complete(self):
        for line in self:
            if line.field == "header" and not (line.header or "").strip():
                raise ValidationError(self.env._("Name the header that the rule checks."))
            if line.operator not in ("is_set", "is_not_set") and not (line.value or "").strip():
                raise ValidationError(self.env._("A condition needs a value."))
