from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.dns_lookup import name_servers
from ..tools.telegram import DEFAULT_URL
from .engine_campaign_recipient import JOURNAL_DAYS
from .engine_event import EVENT_DAYS


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    engine_public_url = fields.Char(
        "Address of links in mails",
        config_parameter="email_engine.public_url",
        help="Where recipients reach unsubscribe pages and counted links; empty: the address of this Odoo.",
    )
    engine_dns_servers = fields.Char(
        "Name servers",
        config_parameter="email_engine_bridge.dns_servers",
        help="Whom the DNS board asks, such as 9.9.9.9 or 127.0.0.1:5353, separated by commas; empty: the machine's.",
    )
    engine_telegram_url = fields.Char(
        "Telegram bot API", config_parameter="email_engine_bridge.telegram_url", default=DEFAULT_URL
    )
    engine_allowed_hosts = fields.Char(
        "Private hosts that may be called",
        config_parameter="email_engine_bridge.allowed_hosts",
        help="Such as 127.0.0.1:8080, mta.lan or 10.0.0.0/8. Public hosts need no entry.",
    )
    engine_event_days = fields.Integer(
        "Days events are kept", config_parameter="email_engine.event_days", default=EVENT_DAYS
    )
    engine_journal_days = fields.Integer(
        "Days recipients' journals are kept", config_parameter="email_engine.journal_days", default=JOURNAL_DAYS
    )

    @api.constrains("engine_dns_servers")
    def _check_engine_dns_servers(self):
        for settings in self:
            try:
                name_servers(settings.engine_dns_servers or "")
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "Name servers: give IP addresses, each with a port if it is not 53: 9.9.9.9, 127.0.0.1:5353"
                    )
                ) from error

    @api.constrains("engine_public_url", "engine_telegram_url")
    def _check_engine_addresses(self):
        for settings in self:
            for name in ("engine_public_url", "engine_telegram_url"):
                if settings[name] and not settings[name].startswith(("https://", "http://")):
                    label = self._fields[name]._description_string(self.env)
                    raise ValidationError(self.env._("%s: give an address that starts with https://.", label))

    @api.constrains("engine_event_days", "engine_journal_days")
    def _check_engine_retention(self):
        for settings in self:
            if settings.engine_event_days < 1 or settings.engine_journal_days < 1:
                raise ValidationError(self.env._("What is forgotten: give numbers of days above 0."))
