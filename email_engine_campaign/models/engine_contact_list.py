from odoo import fields, models


class EngineContactList(models.Model):
    """People of a tenant who asked for the same kind of mail."""

    _name = "engine.contact.list"
    _inherit = ["engine.named"]
    _description = "Contact list"
    _order = "name, id"

    description = fields.Char(help="Shown on the preferences page")
    is_public = fields.Boolean(
        "Offered to everybody", help="On the preferences page people may choose this list who are not in it yet."
    )
    contact_ids = fields.Many2many("engine.contact", "engine_contact_list_rel", "list_id", "contact_id", "Contacts")
    contact_count = fields.Integer(compute="_compute_contact_count")

    _name_uniq = models.UniqueIndex("(tenant_id, name)", "This tenant has this list already.")

    def _describe(self):
        """Return the list as the API lists it."""
        self.ensure_one()
        return {
            "id": self.id,
            "tenant_id": self.tenant_id.id,
            "name": self.name,
            "description": self.description or "",
            "is_public": self.is_public,
            "contacts": self.contact_count,
        }

    def _compute_contact_count(self):
        counted = self.env["engine.contact"]._read_group([("list_ids", "in", self.ids)], ["list_ids"], ["__count"])
        counts = {contact_list.id: count for contact_list, count in counted}
        for contact_list in self:
            contact_list.contact_count = counts.get(contact_list.id, 0)
