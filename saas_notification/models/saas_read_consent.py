from odoo import api, fields, models


class SaasReadConsent(models.Model):
    """A person agrees that one sees whether messages were opened and their links followed.

    Given and withdrawn on the person's own page, by nobody else.
    """

    _name = "saas.read.consent"
    _inherit = ["lokario.access.mixin"]
    _description = "Agreement to Read Receipts"
    _rec_name = "partner_id"

    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", "Person", required=True, index=True, ondelete="cascade")
    create_date = fields.Datetime("Agreed on", readonly=True)

    _once = models.UniqueIndex("(company_id, partner_id)", "This person has agreed already.")

    @api.model
    def _of(self, company, person):
        """Return the agreement (as superuser), empty when there is none."""
        return self.sudo().search([("company_id", "=", company.id), ("partner_id", "=", person.id)])

    @api.model
    def _give(self, company, person, is_given):
        consent_sudo = self._of(company, person)
        if is_given and not consent_sudo:
            self.sudo().create({"company_id": company.id, "partner_id": person.id})
        elif not is_given:
            consent_sudo.unlink()
