import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

WEB_LINK = re.compile(r"https?://[^/\\\s]", re.IGNORECASE)


class EngineCampaignLink(models.Model):
    """A target of a campaign whose clicks are counted; nothing else is ever redirected to."""

    _name = "engine.campaign.link"
    _inherit = ["lokario.access.mixin"]
    _description = "Campaign link"
    _order = "campaign_id, position"
    _rec_name = "url"

    campaign_id = fields.Many2one("engine.campaign", required=True, readonly=True, ondelete="cascade")
    position = fields.Integer(required=True, readonly=True)
    url = fields.Char(required=True, readonly=True)
    clicks = fields.Integer(default=0, required=True, readonly=True)

    _position_uniq = models.UniqueIndex("(campaign_id, position)")

    @api.constrains("url")
    def _check_url(self):
        for link in self:
            if not link._is_web():
                raise ValidationError(self.env._("A link of a campaign begins with http:// or https://: %s", link.url))

    def _is_web(self):
        """Whether the click redirect may lead there; asked again at each click, for links older than the check."""
        return bool(WEB_LINK.match(self.url))
