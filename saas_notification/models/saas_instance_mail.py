import re

from markupsafe import Markup
from odoo import api, fields, models

from odoo.addons.saas_manager.tools.admin_credentials import BLANK

TEMPLATES = {"credentials_unused": "saas_notification.mail_template_credentials_unused"}
FOOTER = Markup('<p style="margin-top: 24px; font-size: 12px; color: #666;"><a href="%s">%s</a></p>')
LINK = re.compile(r"/saas/preferences/[\w-]+")


class SaasInstanceMail(models.Model):
    _inherit = "saas.instance.mail"

    kind = fields.Selection(
        selection_add=[("credentials_unused", "Credentials not used")], ondelete={"credentials_unused": "cascade"}
    )

    @api.model
    def _template_of(self, kind):
        return TEMPLATES.get(kind) or super()._template_of(kind)

    @api.model
    def _recipients(self, instance, kind):
        people = self.env["saas.contact"]._concerned(instance, kind)
        return [*((person, "email") for person in people), *super()._recipients(instance, kind)]

    def _refusal(self):
        wanted = self.env["saas.preference"]._of(self.company_id, self._reader()).get(self.kind)
        return self.env._("the recipient does not want it") if wanted == "none" else super()._refusal()

    def _reader(self):
        return self.contact_id or self.instance_id.partner_id

    def _render(self):
        """Each mail leads to the page where its reader chooses what comes."""
        mail_sudo = super()._render()
        link = self.env["saas.preference"]._link(self.company_id, self._reader())
        words = self.with_context(lang=self._language()).env._("Choose which messages you get")
        mail_sudo.body_html = f"{mail_sudo.body_html or ''}{FOOTER % (link, words)}"
        return mail_sudo

    def _keep_text(self, mail_sudo):
        """The link opens the reader's page: it is not kept."""
        super()._keep_text(mail_sudo)
        self.body = LINK.sub(f"/saas/preferences/{BLANK}", self.body or "")
