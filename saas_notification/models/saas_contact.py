from odoo import api, fields, models

from ..const import ROLES, ROLES_OF_KIND


class SaasContact(models.Model):
    """A person besides the client who is written to about the client's instances, by role."""

    _name = "saas.contact"
    _inherit = ["lokario.access.mixin"]
    _description = "Contact for a Client's Instances"
    _check_company_auto = True
    _order = "client_id, id"
    _rec_name = "partner_id"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    client_id = fields.Many2one("res.partner", required=True, index=True, check_company=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", "Contact", required=True, check_company=True, ondelete="cascade")
    email = fields.Char(related="partner_id.email")
    role = fields.Selection(ROLES, required=True, default="technical")

    _once = models.UniqueIndex("(company_id, client_id, partner_id)", "This contact has a role already: change it.")

    @api.model
    def _concerned(self, instance, kind):
        """Return the people, besides the client, who are written to about such an event."""
        contacts_sudo = self.sudo().search(
            [("company_id", "=", instance.company_id.id), ("client_id", "=", instance.partner_id.id)]
        )
        concerned = contacts_sudo.filtered(lambda contact: contact.role in ROLES_OF_KIND.get(kind, ()))
        return concerned.partner_id - instance.partner_id
