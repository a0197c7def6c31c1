from odoo import api, models


class MailTemplate(models.Model):
    _inherit = "mail.template"

    @api.model
    def _render_eval_context(self):
        """A message to a client knows its `reader_name`; dates are in the reader's language and on his clock."""
        values, reader = super()._render_eval_context(), self.env.context.get("saas_reader")
        if not isinstance(reader, tuple):
            return values
        (lang, clock, name), format_date, format_datetime = reader, values["format_date"], values["format_datetime"]

        def date_of_reader(date, date_format=False, lang_code=False):
            return format_date(date, date_format, lang)

        def moment_of_reader(dt, tz=False, dt_format=False, lang_code=False):
            return format_datetime(dt, clock, dt_format or "short", lang)

        formats = {"format_date": date_of_reader, "format_datetime": moment_of_reader}
        return values | formats | {"reader_name": name}
