from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .engine_campaign_recipient import JOURNAL_DAYS
from .engine_event import EVENT_DAYS


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    engine_public_url = fields.Char(
        "Address of links in mails",
        config_parameter="email_engine.public_url",
        help="Where recipients reach unsubscribe pages and counted links; empty: the address of this Odoo.",
    )
    engine_event_days = fields.Integer(
        "Days events are kept", config_parameter="email_engine.event_days", default=EVENT_DAYS
    )
    engine_journal_days = fields.Integer(
        "Days recipients' journals are kept", config_parameter="email_engine.journal_days", default=JOURNAL_DAYS
    )

    @api.constrains("engine_public_url")
    def _check_engine_public_url(self):
        for settings in self:
            settings._check_web_address("engine_public_url")

    @api.constrains("engine_event_days", "engine_journal_days")
    def _check_engine_retention(self):
        for settings in self:
            if settings.engine_event_days < 1 or settings.engine_journal_days < 1:
                raise ValidationError(self.env._("What is forgotten: give numbers of days above 0."))
