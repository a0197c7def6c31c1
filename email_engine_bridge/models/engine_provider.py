import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools import pmta_config, pmta_values


class EngineProvider(models.Model):
    """Limits towards one mailbox provider, for all IPs; printed into the MTA's configuration."""

    _name = "engine.provider"
    _description = "Mailbox provider"
    _inherit = ["engine.printed", "lokario.access.mixin"]
    _order = "name"
    _printed_fields = frozenset(
        (
            "name",
            "domains",
            "max_smtp_out",
            "max_msg_per_connection",
            "retry_after",
            "backoff_max_msg_rate",
            "backoff_retry_after",
        )
    )

    name = fields.Char(required=True, help="Letters and digits: gmail")
    domains = fields.Text(required=True, help="The provider's domains, separated by commas or lines")
    max_smtp_out = fields.Integer("Connections per IP", required=True, default=10)
    max_msg_per_connection = fields.Integer("Mails per connection", required=True, default=50)
    retry_after = fields.Char(required=True, default="30m")
    backoff_max_msg_rate = fields.Char("Rate while backing off", required=True, default="60/h")
    backoff_retry_after = fields.Char("Retry while backing off", required=True, default="90m")

    _name_uniq = models.UniqueIndex("(name)", "This provider exists already.")

    @api.constrains(*_printed_fields)
    def _check_values(self):
        for provider in self:
            try:
                provider._get_provider()
            except pmta_values.ConfigValueError as error:
                raise ValidationError(self.env["engine.finding"]._say_refusal(error)) from error

    def _get_provider(self):
        """Return the provider as the printer knows it."""
        self.ensure_one()
        return pmta_config.Provider(
            self.name,
            tuple(sorted({domain.lower() for domain in re.split(r"[\s,]+", self.domains) if domain})),
            self.max_smtp_out,
            self.max_msg_per_connection,
            self.retry_after,
            self.backoff_max_msg_rate,
            self.backoff_retry_after,
        )

    def _shared_by_companies(self):
        return self

    @api.model
    def _shared_expression(self):
        return "True"

    def _get_printing_servers(self):
        return self.env["engine.powermta.server"].sudo().search([])  # pylint: disable=no-search-all  # a handful
