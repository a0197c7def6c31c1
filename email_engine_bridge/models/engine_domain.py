from itertools import count

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.lokario_base.identity import confirm_identity

from ..tools import dns_board, dns_records, pmta_values


class EngineDomain(models.Model):
    """A name a tenant sends from, or an IP says HELO with; it carries the DKIM keys."""

    _name = "engine.domain"
    _description = "Domain"
    _inherit = ["lokario.chatter.mixin", "mail.thread", "engine.printed", "lokario.access.mixin"]
    _machine_writes_as_sudo = True
    _order = "name"
    _printed_fields = frozenset(("name", "tenant_id", "active"))

    name = fields.Char("Domain", required=True)
    active = fields.Boolean(default=True)
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="restrict", tracking=True)
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    ip_ids = fields.One2many("engine.ip", "domain_id", "IP addresses")
    dkim_key_ids = fields.One2many("engine.dkim.key", "domain_id", "DKIM keys")
    check_ids = fields.One2many("engine.dns.check", "domain_id", "DNS board")
    checked_at = fields.Datetime("DNS checked", readonly=True, copy=False)
    dns_state = fields.Selection(
        [("ok", "Green"), ("warning", "Could be better"), ("error", "Red"), ("unknown", "Not known")],
        "DNS",
        compute="_compute_dns_state",
    )
    zone_text = fields.Text("Zone export", compute="_compute_zone_text")
    zone_copy = fields.Text("Copy the zone", related="zone_text")

    _name_uniq = models.UniqueIndex("(name)", "This domain is registered already.")

    @api.constrains("name")
    def _check_name(self):
        for domain in self:
            if not pmta_values.HOSTNAME.fullmatch(domain.name) or domain.name != domain.name.lower():
                raise ValidationError(self.env._("Domain: give a full name in lower case, such as mail1.example.com."))

    @api.depends("name", "ip_ids.address", "dkim_key_ids.record", "dkim_key_ids.state", "tenant_id.alert_email")
    def _compute_zone_text(self):
        for domain in self:
            domain.zone_text = dns_records.zone_export(domain.name, domain._get_records()) if domain.name else ""

    @api.depends("check_ids.verdict")
    def _compute_dns_state(self):
        for domain in self:
            required = domain.check_ids.filtered(lambda check: check.kind in dns_board.REQUIRED)
            verdicts = set(required.mapped("verdict"))
            domain.dns_state = next((state for state in ("error", "unknown", "warning") if state in verdicts), "ok")
            if not verdicts:
                domain.dns_state = "unknown"

    def action_check_dns(self):
        """Ask the name servers now."""
        self.check_access("read")
        checks = self.env["engine.dns.check"]
        lookup = checks._get_lookup__()
        for domain in self:
            checks._check_domain(domain, lookup)
            domain.sudo().checked_at = fields.Datetime.now()
        return True

    def _enqueue_check(self):
        """Ask the name servers in a job, for they may be slow to answer."""
        self.sudo().with_delay(identity_key=f"email_engine_bridge.dns.{self.id}").action_check_dns()

    def _get_records(self):
        """Return (name, type, value) of all this domain has to publish."""
        self.ensure_one()
        published = self.dkim_key_ids.filtered(lambda key: key.state != "retired" and key.record)
        return dns_records.domain_records(
            self.name,
            self.ip_ids.filtered(lambda ip: ip.status != "retired").mapped("address"),
            [(key.selector, key.record) for key in published.sorted("selector")],
            self.tenant_id.alert_email or "",
        )

    def _describe(self):
        """Return the domain as the API lists it."""
        self.ensure_one()
        return {
            "id": self.id,
            "tenant_id": self.tenant_id.id,
            "domain": self.name,
            "dns_state": self.dns_state,
            "checked_at": self.checked_at or None,
            "ip_addresses": self.ip_ids.mapped("address"),
        }

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("name"):
                vals["name"] = str(vals["name"]).strip().lower().rstrip(".")
        domains = super().create(vals_list)
        keys_sudo = self.env["engine.dkim.key"].sudo()
        for domain, vals in zip(domains, vals_list, strict=True):
            if "dkim_key_ids" not in vals:  # a domain begins with a key that signs, unless its keys are given
                keys_sudo.create({"domain_id": domain.id, "state": "active"})
        return domains

    @confirm_identity
    def action_rotate_dkim(self):
        """Create the next key; it signs as soon as the DNS board finds it published."""
        return self._add_dkim_key("rsa")

    @confirm_identity
    def action_add_ed25519(self):
        """Create a key for MTAs that sign with Ed25519 (RFC 8463), beside the RSA key."""
        return self._add_dkim_key("ed25519")

    def _add_dkim_key(self, algorithm):
        self.env["engine.dkim.key"].check_access("create")
        self.check_access("write")
        for domain in self:
            used = set(domain.dkim_key_ids.mapped("selector"))
            selector = next(f"s{number}" for number in count(2) if f"s{number}" not in used)
            values = {"domain_id": domain.id, "selector": selector, "algorithm": algorithm}
            self.env["engine.dkim.key"].sudo().create(values)
            domain.message_post(
                body=self.env._("%(user)s created the DKIM key %(key)s.", user=self.env.user.name, key=selector)
            )
        return True
