from odoo import api, models
from odoo.tools import formataddr, plaintext2html

from odoo.addons.lokario_base.tools.caller import without_callers_defaults


class Contact(models.AbstractModel):
    """A message of the contact form is a ticket: a task of the company's project for them."""

    _inherit = "lokario.contact"

    @api.model
    def _keep(self, message, company_sudo):
        super()._keep(message, company_sudo)
        if project_sudo := company_sudo.contact_project_id:
            without_callers_defaults(self.env["project.task"].sudo()).create(
                {
                    "name": self.env._("Contact form: %s", message.name),
                    "project_id": project_sudo.id,
                    "email_from": formataddr((message.name, message.email)),
                    "description": plaintext2html(self._text(message)),
                    "user_ids": [],
                }
            )
