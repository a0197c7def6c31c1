from odoo import api, fields, models

from ..const import IP_STATUSES, SENDING_STATUSES


class EngineIp(models.Model):
    """A sending IP address with its host name, its warm-up and its state."""

    _name = "engine.ip"
    _description = "IP address"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _rec_name = "address"
    _order = "tenant_id, id"

    address = fields.Char(required=True)
    hostname = fields.Char("Host name (HELO)", required=True)
    domain_id = fields.Many2one("engine.domain", required=True, index=True, ondelete="restrict")
    tenant_id = fields.Many2one(related="domain_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    status = fields.Selection(IP_STATUSES, required=True, default="provisioning", readonly=True, tracking=True)
    phase = fields.Char(readonly=True, help="week_1 … week_6 while warming, then active")
    is_sending = fields.Boolean(compute="_compute_is_sending")
    day_ids = fields.One2many("engine.ip.day", "ip_id", "Days")

    _address_uniq = models.UniqueIndex("(address)", "This IP address is registered already.")

    @api.depends("status")
    def _compute_is_sending(self):
        for ip in self:
            ip.is_sending = ip.status in SENDING_STATUSES

    def _get_quota_on(self, day):
        """Return how many mails this IP may send on `day` as things stand."""
        self.ensure_one()
        return 50 if self.status in SENDING_STATUSES else 0

    def _get_vmta_name(self):
        """Return the name of this IP's VirtualMTA: in the configuration, in X-Virtual-MTA, in accounting."""
        self.ensure_one()
        return f"t{self.tenant_id.id}-ip{self.id}"
