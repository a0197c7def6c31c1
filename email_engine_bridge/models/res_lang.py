from odoo import api, models


class ResLang(models.Model):
    _inherit = "res.lang"

    @api.model
    def _get_lang_from_accept_language(self, accept_language):
        """Take a header that no parser understands for one that asks for nothing."""
        try:
            return super()._get_lang_from_accept_language(accept_language)
        except ValueError:
            return super()._get_lang_from_accept_language(None)
