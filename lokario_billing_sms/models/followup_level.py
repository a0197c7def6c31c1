from odoo import fields, models


class FollowupLevel(models.Model):
    _inherit = "lokario.followup.level"

    channel = fields.Selection(selection_add=[("sms", "SMS")], ondelete={"sms": "set default"})
    sms_template_id = fields.Many2one(
        "sms.template", domain=[("model", "=", "lokario.followup.reminder")], ondelete="restrict"
    )

    def _sms_template(self):
        self.ensure_one()
        return self.sms_template_id or self.env.ref("lokario_billing_sms.sms_template_followup")
