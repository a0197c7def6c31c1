from odoo import api, models
from odoo.tools import plaintext2html

from odoo.addons.lokario_base.tools.caller import without_callers_defaults

ENRICHED = ("iap_enrich_done",)  # else the visitor's address goes to a service of Odoo, which is a third party


class Contact(models.AbstractModel):
    """A message of the contact form is a lead."""

    _inherit = "lokario.contact"

    @api.model
    def _keep(self, message, company_sudo):
        super()._keep(message, company_sudo)
        if company_sudo.contact_creates_lead:
            without_callers_defaults(self.env["crm.lead"].sudo()).create(self._lead_values(message, company_sudo))

    @api.model
    def _lead_values(self, message, company_sudo) -> dict:
        """Without a salesperson, which the visitor on whose behalf the page runs is not."""
        with_leads = self.env.ref("crm.group_use_lead") in self.env.ref("base.group_user").sudo().all_implied_ids
        return {
            "name": self.env._("Contact form: %s", message.name),
            "type": "lead" if with_leads else "opportunity",
            "contact_name": message.name,
            "partner_name": message.company,
            "email_from": message.email,
            "description": plaintext2html(message.message),
            "company_id": company_sudo.id,
            "user_id": False,
            **{field: True for field in ENRICHED if field in self.env["crm.lead"]._fields},
        }
