from odoo import api, models


class MailTemplate(models.Model):
    _inherit = "mail.template"

    @api.model
    def _render_eval_context(self):
        """Dates of a message to a client are in its reader's language and on his clock, whomever the text names."""
        values, reader = super()._render_eval_context(), self.env.context.get("saas_reader")
        if not isinstance(reader, tuple):
            return values
        (lang, clock), format_date, format_datetime = reader, values["format_date"], values["format_datetime"]

        def date_of_reader(date, date_format=False, lang_code=False):
            return format_date(date, date_format, lang)

        def moment_of_reader(dt, tz=False, dt_format=False, lang_code=False):
            return format_datetime(dt, clock, dt_format or "short", lang)

        return values | {"format_date": date_of_reader, "format_datetime": moment_of_reader}
