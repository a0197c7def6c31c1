from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import hash_sign, verify_hash_signed

from odoo.addons.saas_manager.const import MAIL_KINDS

from ..const import REMINDERS, REQUIRED

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
    kind = fields.Selection([*MAIL_KINDS, *REMINDERS], required=True)
    channel = fields.Selection([("email", "E-mail"), ("none", "Nothing")], required=True, default="email")

    _once = models.UniqueIndex("(company_id, partner_id, kind)", "This person has a preference for it already.")

    @api.constrains("kind", "channel")
    def _check_required(self):
        for preference in self:
            if preference.kind in REQUIRED and preference.channel == "none":
                raise ValidationError(self.env._("“%s” cannot be refused.", dict(self._kinds())[preference.kind]))
            if preference.channel not in self._channels_of(preference.kind, preference.partner_id):
                raise ValidationError(self._not_offered(preference.kind, preference.partner_id))

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
    def _channels_of(self, kind, person):
        """Hook: return by which channels the person may get messages of a kind."""
        return ["email"] if kind in REQUIRED else ["email", "none"]

    @api.model
    def _not_offered(self, kind, person):
        """Hook: say why a channel that exists is not one of `_channels_of`."""
        return self.env._("“%s” is not sent by this channel.", dict(self._kinds())[kind])

    @api.model
    def _page(self, company, person):
        """Return what the page of a person shows."""
        receipts = bool(self.env["saas.read.consent"]._of(company, person))
        return {"company": company, "rows": self._rows(company, person), "receipts": receipts}

    @api.model
    def _companies_of(self, person):
        """Return the companies (as superuser) that write to the person about instances."""
        instances_sudo = self.env["saas.instance"].sudo().search([("partner_id", "=", person.id)])
        contacts_sudo = self.env["saas.contact"].sudo().search([("partner_id", "=", person.id)])
        return instances_sudo.company_id | contacts_sudo.company_id

    @api.model
    def _rows(self, company, person):
        """Return what the page shows: (kind, its name, {channel: its name}, the chosen channel, why it must come)."""
        chosen, why = self._of(company, person), self._reasons()
        names = dict(self._fields["channel"]._description_selection(self.env))
        return [
            (
                kind,
                name,
                {channel: names[channel] for channel in self._channels_of(kind, person)},
                chosen.get(kind, "email"),
                why.get(kind),
            )
            for kind, name in self._kinds()
        ]

    @api.model
    def _reasons(self):
        return {
            "provisioned": self.env._("It carries your credentials."),
            "suspended": self.env._("It says that access is cut, and how it is restored."),
            "terminated": self.env._("It confirms that the data is deleted."),
        }

    @api.model
    def _choose(self, company, partner, chosen):
        """Store what the person chose on the page, {kind: channel, "receipts": any}; what is no choice is left out."""
        self.env["saas.read.consent"]._give(company, partner, bool(chosen.get("receipts")))
        mine_sudo = self.sudo().search([("company_id", "=", company.id), ("partner_id", "=", partner.id)])
        for kind, _name in self._kinds():
            channel = chosen.get(kind)
            if channel not in self._channels_of(kind, partner):
                continue
            if existing := mine_sudo.filtered(lambda one, kind=kind: one.kind == kind):
                existing.channel = channel
            else:
                values = {"company_id": company.id, "partner_id": partner.id, "kind": kind, "channel": channel}
                self.sudo().create(values)
