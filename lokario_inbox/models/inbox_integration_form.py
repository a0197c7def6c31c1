from odoo import api, fields, models

from ..tools.providers import by_domain, by_mx, look_up_mx


class InboxIntegration(models.Model):
    """What the form shows and fills in beside the stored fields."""

    _inherit = "inbox.integration"

    error_remedy = fields.Char(compute="_compute_error_remedy", string="What to do")
    message_count = fields.Integer(compute="_compute_message_count", string="E-mails")
    provider_hint = fields.Char(compute="_compute_provider_hint", string="Provider")
    stock_server_names = fields.Char(compute="_compute_stock_server_names", compute_sudo=True)

    @api.depends("last_error_class")
    def _compute_error_remedy(self):
        for integration in self:
            integration.error_remedy = integration._error_remedy(integration.last_error_class)

    def _compute_message_count(self):
        counts = dict(
            self.env["inbox.message"]._read_group(
                [("integration_id", "in", self.ids), ("deleted_at", "=", False)],
                ["integration_id"],
                ["__count"],
            )
        )
        for integration in self:
            integration.message_count = counts.get(integration, 0)

    @api.depends("email_address", "imap_host")
    def _compute_provider_hint(self):
        for integration in self:
            provider = integration._known_provider(integration.email_address, ask_dns=False)
            hint = provider.name if provider else ""
            if provider and provider.needs_application_password:
                hint = self.env._("%s: create an application password in the security settings of the account.", hint)
            integration.provider_hint = hint

    def _compute_stock_server_names(self):
        servers = self._stock_servers()
        for integration in self:
            names = [s.name for s in servers if integration._is_read_by(s)]
            integration.stock_server_names = ", ".join(names)

    # === PROVIDERS === #

    @api.onchange("email_address")
    def _onchange_email_address(self):
        """Known providers fill in servers, ports and the way to log in; nothing typed is lost."""
        if not self.email_address or "@" not in self.email_address or self.imap_host:
            return
        provider = self._known_provider(self.email_address)
        self.name = self.name or self.email_address
        if provider:
            self.update(self._provider_values(provider))

    @api.model
    def _known_provider(self, address, ask_dns=True):
        if not address or "@" not in address:
            return None
        known = by_domain(address)
        return known or (by_mx(self._look_up_mx__(address.rpartition("@")[2])) if ask_dns else None)

    @api.model
    def _look_up_mx__(self, domain):
        return look_up_mx(domain)

    @api.model
    def _provider_values(self, provider):
        return {
            "imap_host": provider.imap_host,
            "imap_port": provider.imap_port,
            "imap_security": "ssl",
            "smtp_host": provider.smtp_host,
            "smtp_port": provider.smtp_port,
            "smtp_security": provider.smtp_security,
            "auth_method": provider.auth_method,
        }

    @api.model
    def get_import_templates(self):
        """Mass onboarding: one line a mailbox; servers of known providers may stay empty."""
        return [
            {
                "label": self.env._("Mailboxes (CSV)"),
                "template": "/lokario_inbox/static/csv/inbox_integrations.csv",
            }
        ]

    @api.model_create_multi
    def create(self, vals_list):
        """Addresses of known providers need no server names, in imports above all."""
        completed = []
        for vals in vals_list:
            provider = None if vals.get("imap_host") else by_domain(vals.get("email_address") or "")
            found = self._provider_values(provider) if provider else {}
            if vals.get("email_password"):
                found.pop("auth_method", None)
            name = {"name": vals["email_address"]} if vals.get("email_address") else {}
            completed.append({**name, **found, **{k: v for k, v in vals.items() if v or k not in found}})
        return super().create(completed)

    # === THE OWNER LEAVES === #

    def _owner_left(self):
        """Apply each mailbox's choice; a shared one goes on, in the name of the company."""
        for integration in self:
            if integration.visibility == "shared":
                continue
            if integration.on_departure == "share":
                integration.visibility = "shared"
            else:
                integration.state = "paused"
            if integration.on_departure == "purge":
                integration._purge_mail()

    def action_purge(self):
        """Button “Purge”: erase what Odoo keeps of the mailbox; the mail at the provider stays."""
        self.check_access("write")
        self._purge_mail()

    def _purge_mail(self):
        """Forget password, tokens and mail; the integration stays as a trace, archived."""
        self.write(
            {
                "email_password": False,
                "google_gmail_refresh_token": False,
                "google_gmail_access_token": False,
                "microsoft_outlook_refresh_token": False,
                "microsoft_outlook_access_token": False,
                "active": False,
            }
        )
        downloaded = self.env["inbox.attachment"].sudo().search([("integration_id", "in", self.ids)]).attachment_id
        downloaded.unlink()
        for model in ("inbox.quarantine", "inbox.conversation", "inbox.message", "inbox.folder"):
            records = self.env[model].sudo().with_context(active_test=False)
            records.search([("integration_id", "in", self.ids)]).unlink()

    # === ODOO'S OWN INCOMING SERVERS === #

    @api.model
    def _stock_servers(self):
        return self.env["fetchmail.server"].sudo().search([("state", "=", "done")])

    def _is_read_by(self, server):
        """Odoo's own incoming server reads the same mailbox: same login."""
        logins = {(self.login or "").lower(), (self.email_address or "").lower()} - {""}
        return (server.user or "").lower() in logins

    def action_take_over(self):
        """Odoo's own incoming servers on this mailbox stop, so that no mail is read twice."""
        self.ensure_one()
        self._stop_stock_servers(self._stock_servers().with_env(self.env).filtered(self._is_read_by))

    def _stop_stock_servers(self, servers):
        """Odoo's own servers keep no password in clear text either."""
        servers.check_access("write")
        servers.write({"state": "draft", "active": False, "password": False})
        self.message_post(
            body=self.env._("Taken over from Odoo's incoming servers: %s", ", ".join(servers.mapped("name")))
        )

    # === OTHER PLACES === #

    def action_test_connection(self):
        """Button: show step by step how far the mailbox can be reached."""
        self.ensure_one()
        self.check_access("write")
        test = self.env["inbox.connection.test"].create({"integration_id": self.id})
        test._check_servers()
        return test._open()

    def action_open_folders(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("lokario_inbox.inbox_folder_action")
        return {**action, "domain": [("integration_id", "=", self.id)]}
