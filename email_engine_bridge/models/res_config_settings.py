from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.dns_lookup import name_servers
from ..tools.pmta_values import HOSTNAME
from ..tools.telegram import DEFAULT_URL


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    engine_dns_servers = fields.Char(
        "Name servers",
        config_parameter="email_engine_bridge.dns_servers",
        help="Whom the DNS board asks, such as 9.9.9.9 or 127.0.0.1:5353, separated by commas; empty: the machine's.",
    )
    engine_blocklists = fields.Char(
        "Blocklists",
        config_parameter="email_engine_bridge.blocklists",
        help="Such as bl.spamcop.net, zen.spamhaus.org, separated by commas; empty: none is asked.",
    )
    engine_telegram_url = fields.Char(
        "Telegram bot API", config_parameter="email_engine_bridge.telegram_url", default=DEFAULT_URL
    )
    engine_allowed_hosts = fields.Char(
        "Private hosts that may be called",
        config_parameter="email_engine_bridge.allowed_hosts",
        help="Such as 127.0.0.1:8080, mta.lan or 10.0.0.0/8. Public hosts need no entry.",
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

    @api.constrains("engine_blocklists")
    def _check_engine_blocklists(self):
        for settings in self:
            names = (settings.engine_blocklists or "").replace(",", " ").split()
            if wrong := [name for name in names if not HOSTNAME.fullmatch(name)]:
                raise ValidationError(self.env._("Blocklists: “%s” is no name of a list.", wrong[0]))

    @api.constrains("engine_telegram_url")
    def _check_engine_telegram_url(self):
        for settings in self:
            settings._check_web_address("engine_telegram_url")

    def _check_web_address(self, name):
        """Raise ValidationError unless the setting `name` is empty or an http(s) address."""
        if self[name] and not self[name].startswith(("https://", "http://")):
            label = self._fields[name]._description_string(self.env)
            raise ValidationError(self.env._("%s: give an address that starts with https://.", label))
