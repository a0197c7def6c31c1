from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.email_engine_bridge.tools.contact_rows import normalise_address


class EngineCampaignTry(models.TransientModel):
    """Send a campaign's message to a few addresses before everybody gets it."""

    _name = "engine.campaign.try"
    _inherit = ["lokario.access.mixin"]
    _description = "Try out a campaign"

    campaign_id = fields.Many2one(
        "engine.campaign", required=True, default=lambda self: self.env.context.get("active_id")
    )
    addresses = fields.Char(required=True, default=lambda self: self.env.user.email, help="Separated by commas")

    def action_send(self):
        self.ensure_one()
        addresses = [normalise_address(part) for part in (self.addresses or "").split(",") if part.strip()]
        if not 1 <= len(addresses) <= 10:
            raise UserError(self.env._("Give one to ten addresses, separated by commas."))
        try:
            self.env["engine.campaign.trial"]._send(self.campaign_id, addresses, {})
        except ApiProblem as problem:
            raise UserError(problem.detail) from problem
        return {"type": "ir.actions.act_window_close"}
