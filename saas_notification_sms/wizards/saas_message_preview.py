from odoo import api, fields, models

from ..const import SMS_TEMPLATES
from ..tools.sms_text import segments


class SaasMessagePreview(models.TransientModel):
    _inherit = "saas.message.preview"

    sms_text = fields.Text("SMS", compute="_compute_sms")
    sms_segments = fields.Integer("Segments", compute="_compute_sms", help="Each is paid for.")

    @api.depends("instance_id", "kind", "lang")
    def _compute_sms(self):
        for preview in self:
            name, instance = SMS_TEMPLATES.get(preview.kind), preview.instance_id
            template = name and instance and self.env.ref(name, raise_if_not_found=False)
            texts = template and template.sudo()._render_field("body", instance.ids, set_lang=preview.lang)
            preview.sms_text = texts and texts[instance.id].strip()
            preview.sms_segments = segments(preview.sms_text or "")
