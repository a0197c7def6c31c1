from odoo import api, fields, models

from ..tools.mailing_html import to_message


class EngineTemplate(models.Model):
    """A template drawn in Odoo's mailing editor: the editor keeps the design, and the same with its styles inlined."""

    _inherit = "engine.template"

    form = fields.Selection(selection_add=[("visual", "Visual editor")], ondelete={"visual": "set default"})
    body_arch = fields.Html("Design", sanitize="email_outgoing", sanitize_output_method="html")
    body_html = fields.Html("Design as mail", sanitize="email_outgoing", sanitize_output_method="html")
    mailing_model_id = fields.Many2one("ir.model", store=False, help="Asked by the editor of mailings; empty here")

    @api.depends("body_html")
    def _compute_html(self):
        super()._compute_html()
        parameters = self.env["ir.config_parameter"].sudo()
        for template in self.filtered(lambda one: one.form == "visual" and one.body_html):
            base_url = parameters.get_param("email_engine.public_url") or template.get_base_url()
            template.html = to_message(template.body_html, base_url, self.env.lang)
