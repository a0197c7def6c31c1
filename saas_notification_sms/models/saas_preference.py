from odoo import api, fields, models

from odoo.addons.saas_notification.const import REQUIRED

from ..const import SMS_TEMPLATES


class SaasPreference(models.Model):
    _inherit = "saas.preference"

    channel = fields.Selection(
        selection_add=[("sms", "SMS"), ("both", "E-mail and SMS"), ("none",)],
        ondelete={"sms": "set default", "both": "set default"},
    )

    @api.model
    def _channels_of(self, kind, person):
        """By SMS, too, who has a number that exists; what must come comes by e-mail in any case."""
        channels = super()._channels_of(kind, person)
        if kind not in SMS_TEMPLATES or not self._number_of(person):
            return channels
        return [channels[0], *([] if kind in REQUIRED else ["sms"]), "both", *channels[1:]]

    @api.model
    def _number_of(self, person):
        """Return the person's number as an operator takes it; empty when it is none, or on the blacklist of phones."""
        person_sudo = person.sudo()
        return "" if person_sudo.phone_sanitized_blacklisted else person_sudo._phone_format(fname="phone")

    @api.model
    def _not_offered(self, kind, person):
        if kind in SMS_TEMPLATES and not self._number_of(person):
            return self.env._("%s has no phone number that an SMS could go to.", person.name)
        return super()._not_offered(kind, person)
