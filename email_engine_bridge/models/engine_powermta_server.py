import hashlib
import re
import secrets

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.lokario_base.fields import Secret
from odoo.addons.lokario_base.identity import confirm_identity

from ..tools import kumomta, pmta_config, pmta_values
from ..tools.key_archive import key_archive
from ..tools.pmta_client import CONFIG_FOLDER, PmtaClient
from ..tools.pmta_lint import lint


class EnginePowermtaServer(models.Model):
    """A machine with PowerMTA: what its file says about itself, and how the file gets there."""

    _name = "engine.powermta.server"
    _description = "PowerMTA server"
    _machine_writes_as_sudo = True
    _inherit = [
        "lokario.chatter.mixin",
        "mail.thread",
        "lokario.secret.mixin",
        "engine.printed",
        "lokario.access.mixin",
    ]
    _order = "sequence, id"
    _printed_fields = frozenset(
        (
            "postmaster",
            "host_name",
            "log_file",
            "spool",
            "accounting_file",
            "listen_port",
            "management_port",
            "source_networks",
            "webhook_url",
        )
    )

    name = fields.Char(required=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        help="Empty: for all companies; only an administrator changes it then.",
        index=True,
        default=lambda self: self.env.company,
    )
    tenant_ids = fields.One2many("engine.tenant", "server_id", "Tenants")
    postmaster = fields.Char(required=True, default="postmaster@localhost.localdomain")
    host_name = fields.Char("Host name", required=True, default="localhost.localdomain")
    log_file = fields.Char(required=True, default="/var/log/pmta/log")
    spool = fields.Char(required=True, default="/var/spool/pmta")
    accounting_file = fields.Char(required=True, default="/var/log/pmta/acct.csv")
    listen_port = fields.Integer("SMTP port", required=True, default=25)
    management_port = fields.Integer(required=True, default=8080)
    source_networks = fields.Char(
        "May hand over mail", required=True, default="127.0.0.1", help="Addresses or networks, separated by commas"
    )
    webhook_url = fields.Char("Accounting webhook", help="Where PowerMTA posts its accounting records")
    api_url = fields.Char("Management API", help="Such as https://mta1.example.com:8080")
    api_key = Secret("Management API key", destination=("api_url",))
    auto_push = fields.Boolean("Push every change", help="Otherwise a manager presses “Push”.")
    pull_token_hash = fields.Char(readonly=True, copy=False, groups="base.group_system")
    is_stale = fields.Boolean("Data changed", readonly=True, copy=False)
    paused_vmtas = fields.Json(readonly=True, copy=False)  # whose queues stand still, because they left the file
    version_ids = fields.One2many("engine.config.version", "server_id", "Versions")
    current_version_id = fields.Many2one("engine.config.version", compute="_compute_current_version")
    error_message = fields.Char(readonly=True, copy=False)

    _pull_token_uniq = models.UniqueIndex("(pull_token_hash)")

    @api.depends("version_ids")
    def _compute_current_version(self):
        for server in self:
            server.current_version_id = server.version_ids.sorted("id")[-1:]

    @api.constrains(*_printed_fields)
    def _check_values(self):
        for server in self:
            try:
                server._get_server()
            except pmta_values.ConfigValueError as error:
                raise ValidationError(self.env["engine.finding"]._say_refusal(error)) from error

    @api.constrains("api_url")
    def _check_api_url(self):
        for server in self.filtered("api_url"):
            label = self._fields["api_url"]._description_string(self.env)
            self.env["engine.destination"]._check_url(label, server.api_url)

    # === THE TEXT === #

    def _get_server(self):
        """Return the machine as the printer knows it."""
        self.ensure_one()
        sources = tuple(source for source in re.split(r"[\s,]+", self.source_networks) if source)
        return pmta_config.Server(
            postmaster=self.postmaster,
            host_name=self.host_name,
            log_file=self.log_file,
            spool=self.spool,
            accounting_file=self.accounting_file,
            listen_port=self.listen_port,
            management_port=self.management_port,
            sources=sources,
            webhook_url=self.webhook_url or "",
        )

    @api.model
    def _get_pools(self, tenants):
        """Return the tenants' pools with the IPs that may send today."""
        ips = tenants.ip_ids.filtered("is_sending")
        days = self.env["engine.quota"]._read_today(tenants, ips)
        pools = []
        for tenant in tenants:
            keys = self._get_keys(tenant)
            vmtas = tuple(
                pmta_config.VirtualMta(
                    ip.vmta_name,
                    ip.address,
                    ip.hostname,
                    quota,
                    keys,
                    ip._get_plan_hourly(),
                    tuple((one.provider_id.name, one.rate) for one in ip.throttle_ids._in_force()),
                )
                for ip in tenant.ip_ids
                if ip.is_sending and (quota := days[ip.id]["quota"])
            )
            domains = tuple(tenant.domain_ids.mapped("name"))
            pools.append(pmta_config.Pool(tenant.pool_name, vmtas, domains))
        return pools

    @api.model
    def _get_keys(self, tenant):
        """Return the tenant's signing keys; PowerMTA 5.0 knows RSA only."""
        keys = tenant.domain_ids.dkim_key_ids.filtered(lambda key: key.state == "active" and key.algorithm == "rsa")
        return tuple(pmta_config.DkimKey(key.selector, key.domain_id.name, key.key_path) for key in keys)

    def _get_providers(self):
        return [provider._get_provider() for provider in self.env["engine.provider"].sudo().search([])]

    def _render_config(self, tenants, default_pool=""):
        """Return the configuration of these tenants on this server; raises UserError if it is not clean."""
        self.ensure_one()
        try:
            server = self.sudo()._get_server()
            tree = pmta_config.build(server, self._get_pools(tenants), self._get_providers(), default_pool)
        except pmta_values.ConfigValueError as error:
            why = self.env["engine.finding"]._say_refusal(error)
            raise UserError(self.env._("The configuration cannot be printed: %s", why)) from error
        text = pmta_config.print_tree(tree)
        findings = lint(text)
        if findings:
            raise UserError(self.env._("The configuration is not served: %s", findings[0].render("config", self.env._)))
        return text

    def _render_kumomta(self, tenants):
        """Return {file name: text} of the same tenants for KumoMTA."""
        pools = self._get_pools(tenants)
        return {
            "sources.toml": kumomta.sources_toml(pools),
            "shaping.toml": kumomta.shaping_toml(pools, self._get_providers()),
            "dkim_data.toml": kumomta.dkim_toml(pools),
        }

    # === VERSIONS === #

    def _get_printing_servers(self):
        return self

    def _request_generation(self):
        """Have the next cron run print the configuration again."""
        stale = self.filtered(lambda server: not server.is_stale)
        if stale:
            stale.sudo().write({"is_stale": True})
            self.env.ref("email_engine_bridge.ir_cron_generate_configuration").sudo()._trigger()

    @api.model
    def _cron_generate(self):
        """Print what changed, and what a new day changes; push where that is wanted."""
        servers = self.search([("active", "=", True)])
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(servers))
        for server in servers:
            locked = server.try_lock_for_update()._in_company_language()
            locked._generate(locked.env._("Data changed"))
            if not commit_progress(1):
                break

    def _generate(self, reason):
        """Store the configuration as a new version if it differs from the last one; returns the last one."""
        for server in self:
            try:
                text = server._render_config(server.tenant_ids)
            except UserError as error:
                server.sudo().write({"error_message": error.args[0], "is_stale": False})
                continue
            server.sudo().write({"error_message": False, "is_stale": False})
            version = self.env["engine.config.version"]._append(server, text, reason)
            if version.state == "draft" and server.auto_push:
                version._request_push()
        return self.version_ids.sorted("id")[-1:]

    def action_generate(self):
        self.check_access("write")
        self._generate(self.env._("Asked by %s", self.env.user.name))
        return True

    @confirm_identity
    def action_create_pull_token(self):
        """Create the secret path for PowerMTA's `include`, shown once; the former path stops working."""
        self.ensure_one()
        self.check_access("write")
        token = secrets.token_urlsafe(32)
        self.sudo().pull_token_hash = self._hash_pull_token(token)
        self.message_post(
            body=self.env._("%s created a new path for the configuration and the DKIM keys.", self.env.user.name)
        )
        url = f"{self.get_base_url()}/engine/pmta/{token}/config"
        message = self.env._(
            "Put this line into /etc/pmta/config; it is shown only now. The DKIM keys come from the same address with"
            " keys.tar in place of config: curl -fsS …/keys.tar | sudo tar -x -C /etc/pmta"
        )
        return self.env["engine.secret.shown"]._show(message, f"include {url}")

    @api.model
    def _hash_pull_token(self, token):
        return hashlib.sha256(token.encode()).hexdigest()

    @api.model
    def _find_by_pull_token(self, token):
        """Return the server that pulls by this token, or none."""
        return self.sudo().search([("pull_token_hash", "=", self._hash_pull_token(token))])

    def _get_pulled_text(self):
        """Return the newest version for a server that fetches it; it is in use from now on."""
        self.ensure_one()
        server = self._in_company_language()
        version = server._generate(server.env._("Fetched by the server"))
        if not version:
            raise UserError(self.env._("There is no configuration yet."))
        version._set_deployed()
        return version.content

    # === THE MACHINE === #

    def _get_pmta_client__(self):
        """Return the client of the management API; the seam for tests."""
        self.ensure_one()
        if not self.api_url:
            raise UserError(self.env._("Management API: give its address on the server first."))
        pin = self.env["engine.destination"]._get_pin()
        return PmtaClient(self.api_url, self._reveal_secret__("api_key") or "", pin)

    def _get_key_files(self):
        """Return {path below /etc/pmta: PEM} of the keys the configuration names."""
        self.ensure_one()
        keys = self.tenant_ids.domain_ids.dkim_key_ids.filtered(
            lambda key: key.state == "active" and key.algorithm == "rsa"
        )
        return {key.key_path.removeprefix(f"{CONFIG_FOLDER}/"): key._reveal_secret__("private_key") for key in keys}

    def _get_key_archive(self):
        """Return the key files as a tar for a machine that fetches them; the server remembers that it did."""
        files = self._get_key_files()
        self.message_post(body=self.env._("%s DKIM key(s) fetched by the server.", len(files)))
        return key_archive(files)
