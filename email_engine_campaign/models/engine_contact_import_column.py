from odoo import fields, models

from odoo.addons.email_engine_bridge.tools.contact_rows import IGNORED

TARGETS = [
    ("email", "E-mail address"),
    ("first_name", "First name"),
    ("last_name", "Last name"),
    ("lists", "Lists, separated by |"),
    ("tags", "Tags, separated by |"),
    ("consent", "Consent"),
    ("consent_at", "Consent recorded on"),
    ("consent_source", "Proof of consent"),
    ("attribute", "Value for templates"),
    ("ignore", "Leave out"),
]


class EngineContactImportColumn(models.Model):
    """Where a column of the file goes."""

    _name = "engine.contact.import.column"
    _inherit = ["lokario.access.mixin"]
    _description = "Column of an import"
    _order = "id"

    import_id = fields.Many2one("engine.contact.import", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="import_id.company_id", store=True, index=True)
    name = fields.Char("Column of the file", required=True)
    sample = fields.Char("First values")
    target = fields.Selection(TARGETS, "Goes to", required=True)
    attribute = fields.Char("Name in templates")

    def _get_target(self):
        if self.target == "ignore":
            return IGNORED
        return (self.attribute or self.name).strip() if self.target == "attribute" else self.target
