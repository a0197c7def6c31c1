from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import hash_sign, verify_hash_signed

from odoo.addons.saas_manager.const import MAIL_KINDS

from ..const import REQUIRED

SCOPE = "saas_notification.preferences"
VALIDITY = 24 * 400  # hours: longer than from one yearly message to the next


class SaasPreference(models.Model):
    """What a person wants of one kind of message; without one it comes by e-mail."""

    _name = "saas.preference"
    _inherit = ["lokario.choice.name.mixin", "lokario.access.mixin"]
    _description = "Preference for Messages about Instances"
    _check_company_auto = True
    _order = "partner_id, kind"
    _rec_name = "kind"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    partner_id = fields.Many2one("res.partner", "Person", required=True, check_company=True, ondelete="cascade")
    kind = fields.Selection([*MAIL_KINDS, ("credentials_unused", "Credentials not used")], required=True)
    channel = fields.Selection([("email", "E-mail"), ("none", "Nothing")], required=True, default="email")

    _once = models.UniqueIndex("(company_id, partner_id, kind)", "This person has a preference for it already.")

    @api.constrains("kind", "channel")
    def _check_required(self):
        for preference in self:
            if preference.kind in REQUIRED and preference.channel == "none":
                raise ValidationError(self.env._("“%s” cannot be refused.", dict(self._kinds())[preference.kind]))

    @api.model
    def _kinds(self):
        return self._fields["kind"]._description_selection(self.env)

    @api.model
    def _of(self, company, partner):
        """Return {kind: channel} of what the person has chosen."""
        chosen_sudo = self.sudo().search([("company_id", "=", company.id), ("partner_id", "=", partner.id)])
        return {preference.kind: preference.channel for preference in chosen_sudo}

    # === PAGE BEHIND A SIGNED LINK === #

    @api.model
    def _link(self, company, partner):
        token = hash_sign(self.sudo().env, SCOPE, [company.id, partner.id], expiration_hours=VALIDITY)
        return f"{self.get_base_url()}/saas/preferences/{token}"

    @api.model
    def _of_link(self, token):
        """Return the (company, person) that a link was made for, as superuser; empty when it is none."""
        try:
            company_id, partner_id = verify_hash_signed(self.sudo().env, SCOPE, token) or (False, False)
        except ValueError:
            company_id = partner_id = False
        company_sudo = self.env["res.company"].sudo().browse(company_id).exists()
        return company_sudo, self.env["res.partner"].sudo().browse(partner_id).exists()

    @api.model
    def _rows(self, company, partner):
        """Return what the page shows of each kind: (kind, its name, channel, why it cannot be refused)."""
        chosen, why = self._of(company, partner), self._reasons()
        return [(kind, name, chosen.get(kind, "email"), why.get(kind)) for kind, name in self._kinds()]

    @api.model
    def _reasons(self):
        return {
            "provisioned": self.env._("It carries your credentials."),
            "suspended": self.env._("It says that access is cut, and how it is restored."),
            "terminated": self.env._("It confirms that the data is deleted."),
        }

    @api.model
    def _choose(self, company, partner, chosen):
        """Store what the person chose on the page, a dict {kind: channel}; what is no choice is left out."""
        channels = dict(self._fields["channel"]._description_selection(self.env))
        mine_sudo = self.sudo().search([("company_id", "=", company.id), ("partner_id", "=", partner.id)])
        for kind, _name in self._kinds():
            channel = chosen.get(kind)
            if channel not in channels or (kind in REQUIRED and channel == "none"):
                continue
            if existing := mine_sudo.filtered(lambda one, kind=kind: one.kind == kind):
                existing.channel = channel
            else:
                values = {"company_id": company.id, "partner_id": partner.id, "kind": kind, "channel": channel}
                self.sudo().create(values)
