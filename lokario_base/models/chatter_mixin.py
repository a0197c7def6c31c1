from odoo import models


class ChatterMixin(models.AbstractModel):
    """A record whose chatter is read by the people of its company, whoever writes on it: a person, a job, the API.

    Stands before ``mail.thread`` among what a model inherits.
    """

    _name = "lokario.chatter.mixin"
    _description = "Chatter in the Company's Language"

    def _in_company_language(self):
        """Return the records with the language of the people who read what is written on them."""
        company_sudo = self.sudo().company_id[:1] or self.env.company.sudo()
        return self.with_context(lang=company_sudo.partner_id.lang or self.env.lang)

    def _creation_message(self):
        """Odoo's own sentence ("%s created") takes every thing for masculine in French."""
        ours = self._in_company_language()
        return ours.env._("Created: %s", ours.env["ir.model"]._get(self._name).name)

    def _mail_track(self, tracked_fields, initial_values):
        """The words of a selection and the names of records are stored as they are called here and now."""
        ours = self._in_company_language()
        described = ours.fields_get(list(tracked_fields), ("string", "type", "selection", "currency_field"))
        return super(ChatterMixin, ours)._mail_track(described, initial_values)
