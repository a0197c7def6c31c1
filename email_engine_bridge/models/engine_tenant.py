import re
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.base.models.res_partner import _tz_get

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SLUG_MAX_LENGTH = 40


class EngineTenant(models.Model):
    """A customer of the engine: its own IPs, pool, domains, quotas and API keys."""

    _name = "engine.tenant"
    _description = "Tenant"
    _inherit = ["mail.thread"]
    _order = "name, id"

    name = fields.Char(required=True, tracking=True)
    slug = fields.Char(required=True, help="Lower case letters, digits and dashes: sos-expat")
    pool_name = fields.Char(compute="_compute_pool_name", store=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    from_name = fields.Char(required=True)
    from_email = fields.Char("From address", required=True)
    reply_to = fields.Char("Reply address")
    tz = fields.Selection(
        _tz_get,
        "Day of the quotas",
        required=True,
        default="UTC",
        help="The time zone in which a day of quota starts and ends.",
    )
    delivery_host = fields.Char("Delivery server host", required=True, default="localhost")
    delivery_port = fields.Integer("Delivery server port", required=True, default=25)
    domain_ids = fields.One2many("engine.domain", "tenant_id", "Domains")
    ip_ids = fields.One2many("engine.ip", "tenant_id", "IP addresses")

    _slug_uniq = models.UniqueIndex("(slug)", "Another tenant has this short name already.")

    @api.depends("slug")
    def _compute_pool_name(self):
        for tenant in self:
            tenant.pool_name = f"{tenant.slug}-pool" if tenant.slug else False

    @api.constrains("slug")
    def _check_slug(self):
        for tenant in self:
            if not SLUG.fullmatch(tenant.slug) or len(tenant.slug) > SLUG_MAX_LENGTH:
                raise ValidationError(
                    self.env._(
                        "Short name: use at most %(length)s lower case letters, digits and single"
                        " dashes, such as sos-expat.",
                        length=SLUG_MAX_LENGTH,
                    )
                )

    @api.constrains("delivery_port")
    def _check_delivery_port(self):
        for tenant in self:
            if not 1 <= tenant.delivery_port <= 65535:
                raise ValidationError(self.env._("Delivery server port: give a number from 1 to 65535."))

    def _get_today(self):
        """Return the current day of the tenant's quotas, in its time zone."""
        self.ensure_one()
        now = fields.Datetime.now().replace(tzinfo=ZoneInfo("UTC"))
        return now.astimezone(ZoneInfo(self.tz)).date()

    def _get_vmta_config(self):
        """Return what a sender must know of the tenant's VirtualMTAs."""
        self.ensure_one()
        statuses = self.ip_ids.mapped("status")
        return {
            "pool_name": self.pool_name,
            "total_ips": len(statuses),
            "active_ips": statuses.count("active"),
            "warming_ips": statuses.count("warming"),
            "ips": [{"ip_id": ip.id, "ip_address": ip.address, "status": ip.status} for ip in self.ip_ids],
            "delivery_server_host": self.delivery_host,
            "delivery_server_port": self.delivery_port,
        }
