import secrets

from odoo import api, models


class MailTemplate(models.Model):
    _inherit = "mail.template"

    @api.model
    def _render_template_qweb(self, template_src, model, res_ids, add_context=None, options=None):
        """Reminders of a batch share one compilation of their template; Odoo compiles it anew for each record."""
        if model != "lokario.followup.reminder" or len(res_ids) < 2 or not template_src:
            return super()._render_template_qweb(template_src, model, res_ids, add_context, options)
        end = secrets.token_hex(16)
        loop = f'<t t-foreach="objects" t-as="object">{template_src}{end}</t>'
        objects = {"objects": self.env[model].browse(res_ids)}
        [rendered] = (
            super()
            ._render_template_qweb(loop, model, list(res_ids)[:1], {**(add_context or {}), **objects}, options)
            .values()
        )
        return dict(zip(res_ids, rendered.split(end), strict=False))  # nothing comes after the last mark
