from odoo import api, fields, models
from odoo.exceptions import UserError

TARGETS = {
    "accept": "warming",
    "hold": "held",
    "pause": "paused",
    "quarantine": "quarantined",
    "retire": "retired",
    "return": "provisioning",
}


class EngineIpChange(models.TransientModel):
    """A change of an IP's state or quota by hand, with the reason it asks for."""

    _name = "engine.ip.change"
    _inherit = ["lokario.access.mixin"]
    _description = "Change an IP address"

    ip_ids = fields.Many2many("engine.ip", string="IP addresses", required=True)
    action = fields.Selection(
        [
            ("accept", "Accept without DNS verification: start the warm-up"),
            ("resume", "Resume sending"),
            ("hold", "Hold"),
            ("pause", "Pause"),
            ("quarantine", "Quarantine"),
            ("retire", "Retire"),
            ("return", "Bring back into provisioning"),
            ("quota", "Set the quota of today"),
        ],
        "What",
        required=True,
        default="accept",
    )
    quota = fields.Integer("Mails today")
    reason = fields.Char("Why", required=True)

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        if "ip_ids" in fields_list and self.env.context.get("active_model") == "engine.ip":
            values["ip_ids"] = [fields.Command.set(self.env.context.get("active_ids", []))]
        return values

    def action_apply(self):
        self.ensure_one()
        if not (self.reason or "").strip():
            raise UserError(self.env._("Say why: it is written on the IP address."))
        self.ip_ids.check_access("write")
        for ip in self.ip_ids:
            self._apply(ip)
        return {"type": "ir.actions.act_window_close"}

    def _apply(self, ip):
        if self.action == "quota":
            if self.quota < 0:
                raise UserError(self.env._("Mails today: give a number from 0."))
            return ip._set_quota_today(self.quota, self.reason)
        if self.action == "accept" and ip.status != "provisioning":
            raise UserError(self.env._("%s is not in provisioning: use “Resume sending”.", ip.address))
        if self.action == "resume":
            return ip._resume(self.reason)
        return ip._set_status(TARGETS[self.action], self.reason)
