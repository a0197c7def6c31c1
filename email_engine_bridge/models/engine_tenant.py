import re
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.base.models.res_partner import _tz_get
from odoo.addons.lokario_base.fields import Secret

from ..tools import health, pmta_values, postmaster_client, snds_client, warmup
from ..tools.postmaster_client import PostmasterClient
from ..tools.snds_client import SndsClient
from ..tools.telegram import DEFAULT_URL, TelegramClient

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SLUG_MAX_LENGTH = 40


class EngineTenant(models.Model):
    """A customer of the engine: its own IPs, pool, domains, quotas and API keys."""

    _name = "engine.tenant"
    _description = "Tenant"
    _inherit = [
        "lokario.chatter.mixin",
        "mail.thread",
        "lokario.secret.mixin",
        "engine.printed",
        "lokario.access.mixin",
    ]
    _order = "name, id"
    _printed_fields = frozenset(("slug", "server_id", "active"))

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
    spread_over_day = fields.Boolean(
        default=True,
        help="At most an eighth of an IP's quota leaves within an hour, but 50 mails always may; in the last hour of"
        " the day all that is left. Hourly caps of a warm-up plan hold in any case.",
    )
    delivery_host = fields.Char("Delivery server host", required=True, default="localhost")
    delivery_port = fields.Integer("Delivery server port", required=True, default=25)
    server_id = fields.Many2one(
        "engine.powermta.server",
        "PowerMTA server",
        compute="_compute_server_id",
        store=True,
        readonly=False,
        precompute=True,
        index=True,
        ondelete="restrict",
    )
    max_bounce_rate = fields.Float("Bounces at most (%)", required=True, default=health.MAX_BOUNCE_RATE * 100)
    max_complaint_rate = fields.Float(
        "Complaints at most (%)", required=True, default=health.MAX_COMPLAINT_RATE * 100, digits=(6, 3)
    )
    alert_email = fields.Char("Alerts by mail to")
    telegram_chat = fields.Char("Telegram chat")
    telegram_token = Secret("Telegram bot token")
    google_account = Secret(
        "Google service account", help="Its JSON file. Add the account as a user of the domains in Postmaster Tools."
    )
    snds_key = Secret("SNDS key", help="Of “Automated Data Access” in Microsoft's SNDS")
    reputation_at = fields.Datetime("Reputation asked on", readonly=True, copy=False)
    reputation_problem = fields.Text(readonly=True, copy=False)
    domain_ids = fields.One2many("engine.domain", "tenant_id", "Domains")
    ip_ids = fields.One2many("engine.ip", "tenant_id", "IP addresses")

    ip_count = fields.Integer(compute="_compute_capacity")
    capacity_today = fields.Integer("Quota of today", compute="_compute_capacity")
    remaining_today = fields.Integer("Left today", compute="_compute_capacity")

    _slug_uniq = models.UniqueIndex("(slug)", "Another tenant has this short name already.")

    @api.depends("company_id")
    def _compute_server_id(self):
        """The company's first server, or one that all companies use; a person may choose another one."""
        for tenant in self:
            usable = [False, *tenant.company_id.parent_ids.ids]
            if not tenant.server_id or tenant.server_id.company_id.id not in usable:
                tenant.server_id = tenant.server_id.search([("company_id", "in", usable)], limit=1)

    @api.depends("slug")
    def _compute_pool_name(self):
        for tenant in self:
            tenant.pool_name = f"{tenant.slug}-pool" if tenant.slug else False

    def _compute_capacity(self):
        days = self.env["engine.quota"]._read_today(self)
        for tenant in self:
            rows = [days[ip.id] for ip in tenant.ip_ids]
            tenant.ip_count = len(rows)
            tenant.capacity_today = sum(row["quota"] for row in rows)
            tenant.remaining_today = sum(row["remaining"] for row in rows)

    @api.constrains("from_email")
    def _check_from_email(self):
        for tenant in self:
            if not pmta_values.EMAIL.fullmatch(tenant.from_email):
                raise ValidationError(self.env._("From address: “%s” is not an e-mail address.", tenant.from_email))

    @api.constrains("max_bounce_rate", "max_complaint_rate")
    def _check_rates(self):
        for tenant in self:
            if not (0 < tenant.max_bounce_rate < 100 and 0 < tenant.max_complaint_rate < 100):
                raise ValidationError(self.env._("Limits of bounces and complaints: give a share between 0 and 100 %."))

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

    def _get_end_of_today(self):
        """Return the moment (UTC, naive) at which the tenant's day of quota ends."""
        self.ensure_one()
        return warmup.day_bounds(self._get_today(), ZoneInfo(self.tz))[1].replace(tzinfo=None)

    def _get_capacity(self):
        """Return the tenant's capacity of today as the API shows it."""
        self.ensure_one()
        days = self.env["engine.quota"]._read_today(self)
        ips = [ip._describe_today(days[ip.id]) for ip in self.ip_ids]
        statuses = self.ip_ids.mapped("status")
        return {
            "tenant_id": self.id,
            "total_ips": len(ips),
            "active_ips": statuses.count("active"),
            "warming_ips": statuses.count("warming"),
            "total_daily_capacity": sum(ip["daily_quota"] for ip in ips),
            "remaining_today": sum(ip["remaining"] for ip in ips),
            "ips": ips,
        }

    def _check_quota(self, emails):
        """Return whether `emails` mails can leave today, why, and from which IP first."""
        self.ensure_one()
        capacity = self._get_capacity()
        left = capacity["remaining_today"]
        can_send = left >= emails
        best = max(capacity["ips"], key=lambda ip: (ip["remaining"], -ip["ip_id"]), default=None)
        if best and not best["remaining"]:
            best = None
        if can_send:
            message = f"✅ Can send {emails} emails: {left} left today on {capacity['total_ips']} IP(s)"
        else:
            message = f"❌ Cannot send {emails} emails: {left} left today on {capacity['total_ips']} IP(s)"
            message = "; ".join((message, *self.ip_ids._say_stops()))
        return {"can_send": can_send, "message": message, "recommended_ip": best}

    def _get_vmta_config(self):
        """Return what a sender must know of the tenant's VirtualMTAs."""
        self.ensure_one()
        capacity = self._get_capacity()
        return {
            "tenant_id": self.id,
            "pool_name": self.pool_name,
            **{name: capacity[name] for name in ("total_ips", "active_ips", "warming_ips")},
            "ips": [
                {**row, "vmta_name": ip.vmta_name, "hostname": ip.hostname}
                for row, ip in zip(capacity["ips"], self.ip_ids, strict=True)
            ],
            "delivery_server_host": self.delivery_host,
            "delivery_server_port": self.delivery_port,
        }

    def _get_mailwizz_delivery_server(self):
        """Return what to copy into MailWizz's form of a delivery server (type smtp-pmta)."""
        self.ensure_one()
        capacity = self._get_capacity()
        return {
            "name": f"PowerMTA - {self.name.replace('-', ' ')}",
            "type": "smtp",
            "host": self.delivery_host,
            "port": self.delivery_port,
            "protocol": "smtp",
            "from_email": self.from_email,
            "from_name": self.from_name,
            "reply_to": self.reply_to or self.from_email,
            "hostname": self.delivery_host,
            "mailwizz_type": "smtp-pmta",
            "daily_quota": capacity["total_daily_capacity"],
            "hourly_quota": sum(ip._get_hourly_cap() for ip in self.ip_ids),
            "use_for": "campaigns",
            "additional_headers": [
                {"name": "X-Virtual-MTA", "value": self.pool_name},
                {"name": "X-Job", "value": f"t{self.id}-mailwizz"},
            ],
        }

    def _add_domain(self, name, address, selector="default"):
        """Create a domain with its key and its IP (HELO = the domain); returns the IP."""
        self.ensure_one()
        self._check_unused(name, address)
        domain = self.env["engine.domain"].create({"name": name, "tenant_id": self.id, "dkim_key_ids": []})
        self.env["engine.dkim.key"].sudo().create({"domain_id": domain.id, "selector": selector, "state": "active"})
        return self.env["engine.ip"].create({"address": address, "hostname": domain.name, "domain_id": domain.id})

    @api.model
    def _check_unused(self, name, address):
        """Refuse a domain or an IP that anybody has already, before the database does."""
        domains_sudo = self.env["engine.domain"].sudo().with_context(active_test=False)
        ips_sudo = self.env["engine.ip"].sudo().with_context(active_test=False)
        if domains_sudo.search_count([("name", "=", name.strip().lower().rstrip("."))], limit=1):
            raise UserError(self.env._("Domain: %s is registered already.", name))
        if ips_sudo.search_count([("address", "=", ips_sudo._spell_address(address))], limit=1):
            raise UserError(self.env._("IP address: %s is registered already.", address))

    def _render_config(self):
        """Return the linted PowerMTA configuration of these tenants, which share one server."""
        servers = self.server_id
        if not servers:
            raise UserError(self.env._("There is no tenant with a PowerMTA server here."))
        if len(servers) > 1:
            raise UserError(
                self.env._("These tenants are on several servers: download the configuration of each tenant.")
            )
        tenants = self.filtered("server_id")
        return servers._render_config(tenants, tenants.pool_name if len(tenants) == 1 else "")

    def _get_printing_servers(self):
        return self.sudo().server_id

    def _touch_configuration(self):
        """Note that the configuration of these tenants' servers is no longer that of the data."""
        self._get_printing_servers()._request_generation()

    def action_fetch_reputation(self):
        """Ask Google and Microsoft now, and show what they say."""
        self.ensure_one()
        self.check_access("write")
        self.env["engine.reputation"].sudo()._fetch(self)
        action = self.env["ir.actions.act_window"]._for_xml_id("email_engine_bridge.engine_reputation_action")
        return {**action, "context": {"search_default_tenant_id": self.id}}

    def _get_postmaster_client__(self):
        """Return the client of Gmail's Postmaster Tools; the seam for tests."""
        self.ensure_one()
        get_param = self.env["ir.config_parameter"].sudo().get_param
        return PostmasterClient(
            self.sudo()._reveal_secret__("google_account"),
            get_param("email_engine_bridge.postmaster_url", postmaster_client.DEFAULT_URL),
            get_param("email_engine_bridge.google_token_url", postmaster_client.TOKEN_URL),
            self.env["engine.destination"]._get_pin(),
        )

    def _get_snds_client__(self):
        """Return the client of Microsoft's SNDS; the seam for tests."""
        self.ensure_one()
        url = self.env["ir.config_parameter"].sudo().get_param("email_engine_bridge.snds_url", snds_client.DEFAULT_URL)
        pin = self.env["engine.destination"]._get_pin()
        return SndsClient(self.sudo()._reveal_secret__("snds_key"), url, pin)

    def _get_telegram_client__(self):
        """Return the client of this tenant's bot; the seam for tests."""
        self.ensure_one()
        url = self.env["ir.config_parameter"].sudo().get_param("email_engine_bridge.telegram_url", DEFAULT_URL)
        pin = self.env["engine.destination"]._get_pin()
        return TelegramClient(self.sudo()._reveal_secret__("telegram_token"), url, pin)
