"""A mailbox of a company or a person: its account, its two servers, its health, and the identity it sends as."""

import asyncio
import contextlib
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.http import STORED_SESSION_BYTES, request
from odoo.tools import email_normalize
from odoo.tools import hmac as database_hmac
from odoo.tools.urls import urljoin

from odoo.addons.lokario_base.fields import Secret

from ..const import ERROR_CLASSES, IMAP_PORTS, SMTP_PORTS, SYNC_INTERVAL
from ..exceptions import ConfigurationFault
from ..tools import sent_mailbox, smtp_client
from ..tools.host_policy import HostPolicy
from ..tools.imap_account import MailboxPlan
from ..tools.mailbox_login import MailboxLogin, TokenSource, TokensRenewed, credentials
from ..tools.providers import PROVIDERS, by_domain, by_mx, look_up_mx
from ..tools.sent_mailbox import Access, SentMailbox

MAIL_SERVERS = (
    *("imap_host", "imap_port", "imap_security", "smtp_host", "smtp_port", "smtp_security"),
    *("login", "email_address", "auth_method"),
)
MENDS_READING = {"auth_method", "email_password", "imap_host", "imap_port", "imap_security", "login"}
MENDS_SENDING = {"auth_method", "email_password", "login", "smtp_host", "smtp_port", "smtp_security"}
# New state: the states it follows.
TRANSITIONS = {
    "draft": {"paused"},
    "connected": {"draft", "error"},
    "paused": {"draft", "connected", "error"},
}
GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
PREFIXES = {"gmail": "google_gmail", "outlook": "microsoft_outlook"}
FILING_PROVIDERS = ("smtp.gmail.com", "smtp.office365.com", "smtp-mail.outlook.com")


def _directly(call, *arguments):
    """The `ask` of code that runs in the database's own thread."""
    return call(*arguments)


class InboxIntegration(models.Model):
    _name = "inbox.integration"
    _description = "Inbox integration"
    _table = "inbox_integrations"
    _inherit = [
        "lokario.chatter.mixin",
        "mail.thread",
        "mail.activity.mixin",
        "lokario.secret.mixin",
        "lokario.access.mixin",
        "google.gmail.mixin",
        "microsoft.outlook.mixin",
    ]
    _order = "is_primary desc, name, id"
    _mail_post_access = "read"
    _email_field = "email_address"
    _OUTLOOK_SCOPE = "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send"

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    user_id = fields.Many2one(
        "res.users",
        string="Owner",
        required=True,
        index=True,
        default=lambda self: self.env.user,
    )
    visibility = fields.Selection(
        [("shared", "Shared with the company"), ("private", "Private")],
        required=True,
        default=lambda self: self._default_visibility(),
        tracking=True,
    )
    owner_id = fields.Many2one(
        "res.users",
        string="Private to",
        compute="_compute_owner_id",
        store=True,
        index=True,
        help="Set for a private mailbox: only this user reads its mail.",
    )
    can_manage = fields.Boolean(compute="_compute_can_manage", help="Whether the reader may change this mailbox")
    email_address = fields.Char(required=True, tracking=True)
    email_password = Secret("Password", destination=MAIL_SERVERS)
    alias_addresses = fields.Text(string="Aliases", help="Other addresses this mailbox may send as, one per line.")
    integration_type = fields.Selection([("imap", "IMAP mailbox")], required=True, default="imap")
    is_primary = fields.Boolean(
        copy=False, tracking=True, help="Business mail of the company leaves from this mailbox."
    )
    auth_method = fields.Selection(
        [("password", "Password"), ("gmail", "Google (OAuth2)"), ("outlook", "Microsoft (OAuth2)")],
        required=True,
        default="password",
    )
    login = fields.Char(string="User name", help="Left empty, the e-mail address is the login.")
    imap_host = fields.Char(string="IMAP server")
    imap_port = fields.Integer(string="IMAP port", default=993)
    imap_security = fields.Selection(
        [("ssl", "SSL/TLS"), ("starttls", "STARTTLS"), ("none", "None")],
        string="IMAP security",
        required=True,
        default="ssl",
    )
    smtp_host = fields.Char(string="SMTP server")
    smtp_port = fields.Integer(string="SMTP port", default=465)
    smtp_security = fields.Selection(
        [("ssl", "SSL/TLS"), ("starttls", "STARTTLS"), ("none", "None")],
        string="SMTP security",
        required=True,
        default="ssl",
    )
    state = fields.Selection(
        [
            ("draft", "Not connected"),
            ("connected", "Connected"),
            ("error", "In error"),
            ("paused", "Paused"),
        ],
        required=True,
        default="draft",
        copy=False,
        tracking=True,
    )
    sync_interval_minutes = fields.Integer(default=SYNC_INTERVAL, required=True)
    last_sync_at = fields.Datetime(string="Last success", readonly=True, copy=False)
    last_sync_status = fields.Selection([("success", "Success"), ("error", "Error")], readonly=True, copy=False)
    last_sync_error = fields.Char(readonly=True, copy=False)
    last_error_class = fields.Selection(ERROR_CLASSES, readonly=True, copy=False)
    last_error_at = fields.Datetime(readonly=True, copy=False)
    failure_count = fields.Integer(readonly=True, copy=False)
    next_sync_at = fields.Datetime(string="Next try", readonly=True, copy=False, index=True)

    retention_days = fields.Integer(
        string="Keep mail for (days)", help="0 keeps it for ever. Older mail is purged here, never at the server."
    )
    on_departure = fields.Selection(
        [
            ("keep", "Keep the mail, stop the synchronisation"),
            ("share", "Share it with the company"),
            ("purge", "Purge the mail and the password"),
        ],
        string="When the owner leaves",
        required=True,
        default="keep",
        groups="lokario_mailbox.group_lokario_mailbox_manager",
    )

    error_remedy = fields.Char(compute="_compute_error_remedy", string="What to do")
    provider_hint = fields.Char(compute="_compute_provider_hint", string="Provider")
    stock_server_names = fields.Char(compute="_compute_stock_server_names", compute_sudo=True)

    google_gmail_refresh_token = Secret("Google refresh token", groups=None, destination=MAIL_SERVERS)
    google_gmail_access_token = Secret("Google access token", groups=None, destination=MAIL_SERVERS)
    google_gmail_access_token_expiration = fields.Integer(groups=None, copy=False)
    microsoft_outlook_refresh_token = Secret("Microsoft refresh token", groups=None, destination=MAIL_SERVERS)
    microsoft_outlook_access_token = Secret("Microsoft access token", groups=None, destination=MAIL_SERVERS)
    microsoft_outlook_access_token_expiration = fields.Integer(groups=None, copy=False)

    signature = fields.Html(help="Closes the mails that are written from this mailbox.")
    sent_filing = fields.Selection(
        [("auto", "Find out"), ("provider", "The provider files it"), ("append", "Lokario files it")],
        string="Copy in Sent",
        required=True,
        default="auto",
        help="Some providers file what leaves by SMTP in the Sent folder themselves; a second copy would be a double.",
    )
    sent_mail_seen_at = fields.Datetime(
        readonly=True,
        copy=False,
        help="Last time a mail that was sent was seen in the mailbox's own folders: after a cut connection, its "
        "absence there then means that it was not sent.",
    )
    sending_hold_until = fields.Datetime(string="Sending held until", readonly=True, copy=False)
    sending_hold_cause = fields.Selection(
        [("login", "Login refused"), ("tls", "TLS certificate"), ("limit", "Sending limit"), ("network", "Network")],
        readonly=True,
        copy=False,
    )
    sending_hold_text = fields.Char(readonly=True, copy=False, help="What the server said.")
    daily_quota = fields.Integer(
        readonly=True, copy=False, help="Mails in 24 hours after which the provider refused more; 0 = not known."
    )
    daily_quota_learned_at = fields.Datetime(readonly=True, copy=False)

    _address_uniq = models.UniqueIndex(
        "(company_id, lower(email_address), user_id) WHERE active IS TRUE",
        "You have already connected this mailbox.",
    )
    _primary_uniq = models.UniqueIndex(
        "(company_id) WHERE is_primary IS TRUE AND active IS TRUE",
        "A company has one primary mailbox only.",
    )

    def _default_visibility(self):
        is_manager = self.env.user.has_group("lokario_mailbox.group_lokario_mailbox_manager")
        return "shared" if is_manager else "private"

    @api.depends("visibility", "user_id")
    def _compute_owner_id(self):
        for integration in self:
            private = integration.visibility == "private"
            integration.owner_id = integration.user_id if private else False

    @api.depends("visibility", "user_id", "company_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_can_manage(self):
        stored = self.filtered("id")
        manageable = self - stored | stored.sudo(False)._filtered_access("write")
        for integration in self:
            integration.can_manage = integration in manageable

    @api.depends_context("uid")
    def _compute_display_name(self):
        super()._compute_display_name()
        self._hide_unreadable_names()

    @api.constrains("is_primary", "visibility")
    def _check_primary_is_shared(self):
        for integration in self:
            if integration.is_primary and integration.visibility == "private":
                raise ValidationError(
                    self.env._(
                        "%(name)s is private: share it with the company before making it primary.",
                        name=integration.name,
                    )
                )

    @api.constrains("email_address", "alias_addresses")
    def _check_addresses(self):
        for integration in self:
            if not email_normalize(integration.email_address):
                raise ValidationError(self.env._("“%s” is not an e-mail address.", integration.email_address))
            for line in filter(None, map(str.strip, (integration.alias_addresses or "").splitlines())):
                if not email_normalize(line):
                    raise ValidationError(self.env._("The alias “%s” is not an e-mail address.", line))

    @api.constrains("sync_interval_minutes", "retention_days")
    def _check_durations(self):
        if any(i.sync_interval_minutes < 1 or i.retention_days < 0 for i in self):
            raise ValidationError(
                self.env._("The interval is at least one minute; the retention is 0 (for ever) or more days.")
            )

    # === WRITING, AND THE PRIMARY MAILBOX === #

    @api.model_create_multi
    def create(self, vals_list):
        """Known providers fill in their servers; the first shared mailbox of a company becomes its primary one."""
        integrations = super().create([self._completed(vals) for vals in vals_list])
        for integration in integrations.filtered(lambda i: i.active and i.visibility == "shared"):
            integration._check_may_be_primary()
            if not integration._primary_of_company():
                integration.sudo().is_primary = True
        return integrations

    @api.model
    def _completed(self, vals):
        """Return the values with what is known of the provider: imports need no server names."""
        provider = None if vals.get("imap_host") else by_domain(vals.get("email_address") or "", self._mail_providers())
        found = self._provider_values(provider) if provider else {}
        if vals.get("email_password"):
            found.pop("auth_method", None)
        name = {"name": vals["email_address"]} if vals.get("email_address") else {}
        return {**name, **found, **{k: v for k, v in vals.items() if v or k not in found}}

    def write(self, vals):
        """Keep company, privacy and primary choice consistent in everything that hangs on them."""
        if vals.get("is_primary"):
            self._check_may_choose_primary()
            self.ensure_one()
            (self._primary_of_company() - self).sudo().write({"is_primary": False})
            self.flush_model()
        if "active" in vals and not vals["active"]:
            self._check_successor()
            vals = {**vals, "is_primary": False}
        result = super().write(vals)
        if {"company_id", "visibility", "user_id"} & vals.keys():
            self._propagate_access()
        if MENDS_READING & vals.keys():
            self._forget_failure()
        if MENDS_SENDING & vals.keys():
            self.env["mailbox.health"]._release_mended_hold(self)
        return result

    def _primary_of_company(self):
        return self.sudo().search([("company_id", "=", self.company_id.id), ("is_primary", "=", True)])

    def _check_may_be_primary(self):
        if self.is_primary:
            self._check_may_choose_primary()

    def _check_may_choose_primary(self):
        if not (self.env.su or self.env.user.has_group("lokario_mailbox.group_lokario_mailbox_manager")):
            raise AccessError(
                self.env._("Only a manager of mailboxes chooses the mailbox that the company's mail leaves from.")
            )

    def _check_successor(self):
        """A primary mailbox goes only when another one takes over, or none is left."""
        for integration in self.filtered("is_primary"):
            others = self.sudo().search(
                [
                    ("company_id", "=", integration.company_id.id),
                    ("visibility", "=", "shared"),
                    ("id", "not in", self.ids),
                ]
            )
            if others:
                raise UserError(
                    self.env._(
                        "%(name)s is the primary mailbox of %(company)s: make another one primary first.",
                        name=integration.name,
                        company=integration.company_id.name,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_primary(self):
        self._check_successor()

    @api.ondelete(at_uninstall=False)
    def _unlink_files_of_the_outbox(self):
        self.env["mailbox.outgoing"].sudo().search([("integration_id", "in", self.ids)]).write({"raw": False})

    def _propagate_access(self):
        """Hook: company, privacy or owner changed; who stores what is tested by record rules copies them."""

    def _forget_failure(self):
        """New credentials, a new server or a test that succeeded: try again immediately."""
        failed = self.sudo().filtered(lambda i: i.state == "error")
        failed.write({"failure_count": 0})
        failed._synchronise_soon()

    def _synchronise_soon(self):
        """Have the mailbox looked at by the next synchronisation."""
        self.write({"next_sync_at": fields.Datetime.now()})

    # === ADDRESSES === #

    def _sender_addresses(self):
        """Return the addresses this mailbox may send as, lower case, its own first."""
        self.ensure_one()
        aliases = (email_normalize(line) for line in (self.alias_addresses or "").splitlines())
        return [email_normalize(self.email_address) or "", *filter(None, aliases)]

    @api.model
    def _all_own_addresses(self):
        """Every address this database answers from, in any company: our robots never answer each other."""
        addresses = set()
        for integration in self.sudo().with_context(active_test=False).search([]):  # pylint: disable=no-search-all  # a few per company
            addresses.update(integration._sender_addresses())
        return addresses

    @api.model
    def _primary_for_company(self, company):
        """The primary mailbox of ``company``; a branch without one uses its parent's."""
        while company:
            found = self.sudo().search([("company_id", "=", company.id), ("is_primary", "=", True)], limit=1)
            if found:
                return found
            company = company.sudo().parent_id
        return self.browse()

    # === STATE AND HEALTH === #

    def _set_state(self, state):
        """Change the state of those that may have it; a synchronisation writes its outcomes itself."""
        self.filtered(lambda mailbox: mailbox.state in TRANSITIONS[state]).write({"state": state})

    def _set_draft(self):
        """Looked at again, as if it were new."""
        self._set_state("draft")

    def _set_paused(self):
        self._set_state("paused")

    def action_pause(self):
        """Stop looking at this mailbox until a person asks again."""
        self._set_paused()

    def _set_connected(self):
        """Both servers take the mailbox: what kept it back is over, and its mail is fetched soon."""
        self._set_state("connected")
        self.env["mailbox.health"]._withdraw_warnings(self)
        self._synchronise_soon()

    def action_make_primary(self):
        self.ensure_one()
        self.write({"is_primary": True})

    @api.depends("last_error_class")
    def _compute_error_remedy(self):
        for integration in self:
            integration.error_remedy = self.env["mailbox.health"]._remedy(integration.last_error_class)

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
        providers = self._mail_providers()
        known = by_domain(address, providers)
        if known or not ask_dns:
            return known
        return by_mx(self._look_up_mx__(address.rpartition("@")[2]), providers)

    @api.model
    def _mail_providers(self):
        """Return the providers (tools.providers.Provider) that are recognised; an addon appends its own."""
        return PROVIDERS

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
                "template": "/lokario_mailbox/static/csv/inbox_integrations.csv",
            }
        ]

    # === THE OWNER LEAVES === #

    def _owner_left(self):
        """Apply each mailbox's choice; a shared one goes on, in the name of the company."""
        for integration in self:
            if integration.visibility == "shared":
                continue
            if integration.on_departure == "share":
                integration.visibility = "shared"
            else:
                integration._set_paused()
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
        while self._erase_stored_mail():
            pass

    def _erase_stored_mail(self):
        """Hook: erase a batch of what was stored from these mailboxes; return {model: ids}, {} when all is gone."""
        return {}

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

    def action_test_connection(self):
        """Button: show step by step how far the mailbox can be reached."""
        self.ensure_one()
        self.check_access("write")
        test = self.env["inbox.connection.test"].create({"integration_id": self.id})
        test._check_servers()
        return test._open()

    def _is_unconnected(self):
        """Whether no password was entered and no consent of the provider given yet."""
        self.ensure_one()
        if self.auth_method == "password":
            return not self.email_password
        return not self[f"{PREFIXES[self.auth_method]}_refresh_token"]

    # === OAUTH === #

    def action_connect_provider(self):
        """Button “Connect”: open the provider's consent page for one's own or a managed mailbox."""
        self.ensure_one()
        self.check_access("write")
        if self.auth_method not in PREFIXES:
            raise UserError(self.env._("This mailbox uses a password."))
        sudo = self.sudo()
        uri = sudo.google_gmail_uri if self.auth_method == "gmail" else sudo.microsoft_outlook_uri
        if not uri:
            raise UserError(
                self.env._(
                    "An administrator must first enter the provider's client ID and secret in the general settings."
                )
            )
        return {"type": "ir.actions.act_url", "url": uri, "target": "self"}

    def open_google_gmail_uri(self):
        """The owner connects his own mailbox: no administrator is needed."""
        return self.action_connect_provider()

    def open_microsoft_outlook_uri(self):
        return self.action_connect_provider()

    def _fetch_gmail_refresh_token(self, authorization_code):
        tokens = super()._fetch_gmail_refresh_token(authorization_code)
        self._take_consent()
        return tokens

    def _fetch_outlook_refresh_token(self, authorization_code):
        tokens = super()._fetch_outlook_refresh_token(authorization_code)
        self._take_consent()
        return tokens

    def _take_consent(self):
        """The owner has just connected the mailbox again: nothing waits any longer."""
        self._forget_failure()
        self.env["mailbox.health"]._release_mended_hold(self)

    def _token_source__(self):
        """The provider's token endpoint and what is known, as scalars for the network side."""
        self.ensure_one()
        prefix = PREFIXES[self.auth_method]
        parameters = self.env["ir.config_parameter"].sudo()
        form = {
            "client_id": parameters.get_param(f"{prefix}_client_id") or "",
            "client_secret": parameters.get_param(f"{prefix}_client_secret") or "",
        }
        url = parameters.get_param("lokario_mailbox.google_token_url") or GOOGLE_TOKEN_URL
        if self.auth_method == "outlook":
            url = urljoin(self._get_microsoft_endpoint(), "token")
            form["scope"] = f"offline_access {self._OUTLOOK_SCOPE}"
        return TokenSource(
            url=url,
            fields=form,
            refresh_token=self._reveal_secret__(f"{prefix}_refresh_token") or "",
            access_token=self._reveal_secret__(f"{prefix}_access_token") or "",
            expires_at=self[f"{prefix}_access_token_expiration"] or 0,
        )

    def _store_tokens(self, event):
        """Keep the new tokens immediately: the provider may have made the old refresh token useless."""
        prefix = PREFIXES.get(self.auth_method)
        if prefix:
            self.sudo().with_context(tracking_disable=True).write(
                {
                    f"{prefix}_access_token": event.access_token,
                    f"{prefix}_refresh_token": event.refresh_token,
                    f"{prefix}_access_token_expiration": event.expires_at,
                }
            )
        return False

    # === THE SERVERS, FOR THE NETWORK SIDE === #

    def _plan_values__(self):
        """The scalars of a MailboxPlan; the secret is decrypted for this run only."""
        self.ensure_one()
        return {
            "id": self.id,
            "host": self.imap_host,
            "port": self.imap_port,
            "security": self.imap_security,
            "login": self.login or self.email_address,
            "policy": self._host_policy(IMAP_PORTS),
            "ca_file": self._ca_file(),
            **self._plan_credentials__(),
        }

    @api.model
    def _ca_file(self):
        """Certificate authorities to trust; None: those of the machine."""
        return

    def _plan_credentials__(self):
        """Password or token source, decrypted for this run only."""
        self.ensure_one()
        if self.auth_method == "password":
            return {"secret": self._reveal_secret__("email_password") or ""}
        return {"token_source": self._token_source__()}

    @api.model
    def _host_policy(self, ports):
        """The addresses that mail servers may have (an administrator's list opens more)."""
        allowed = self.env["ir.config_parameter"].sudo().get_param("lokario_mailbox.allowed_hosts")
        return HostPolicy.from_text(allowed, ports)

    def _ask_server__(self, question, *arguments):
        """Return what ``await question(plan, emit, *arguments)`` returns, on a connection of its own."""
        self.ensure_one()
        plan = MailboxPlan(**self._plan_values__())

        async def emit(event):
            self._store_tokens(event)
            self.env.cr.postrollback.add(partial(self._store_tokens_again, event))

        return asyncio.run(question(plan, emit, *arguments))

    def _store_tokens_again(self, event):
        """Whatever became of the request: its old refresh token may be worthless by now."""
        with self.env.registry.cursor() as cr:
            self.with_env(self.env(cr=cr))._store_tokens(event)

    def _get_gmail_csrf_token(self):
        return self._session_bound(super()._get_gmail_csrf_token())

    def _get_outlook_csrf_token(self):
        return self._session_bound(super()._get_outlook_csrf_token())

    def _session_bound(self, token):
        """The consent comes back to the browser session that asked for it: a link that somebody else made, with the
        consent of his own account, connects nothing. Odoo's token is the same for everybody and for ever.
        """
        self._check_may_connect()
        session = request.session.sid[:STORED_SESSION_BYTES] if request else ""
        return database_hmac(self.env(su=True), "lokario-mailbox-consent", (token, self.env.uid, session))

    def _check_may_connect(self):
        """The consent's way back runs as sudo: ask for the right of the person behind it."""
        person = self.with_user(self.env.user).with_company(self.company_id)
        if not self.env.user._is_superuser() and not person.has_access("write"):
            raise AccessError(self.env._("You cannot connect another user's mailbox."))

    # === THE SESSION === #

    @contextlib.contextmanager
    def _smtp_session__(self):
        """Open, log in and close one SMTP session of this mailbox. Raises smtp_client.SubmissionFailed."""
        session = self._open_smtp__()
        try:
            yield session
        finally:
            smtp_client.quit_quietly(session)

    def _open_smtp__(self):
        """Return a logged-in smtplib session: pinned address, verified certificate; the secret is kept nowhere."""
        self.ensure_one()
        return self._session_opener__()(_directly)

    def _session_opener__(self):
        """Return open_session(ask): it opens the SMTP session in any thread, and has `ask` make the calls that need the
        database. What it opens with is read now, the secret right before the login. It raises SubmissionFailed.
        """
        self.ensure_one()
        integration_sudo = self.sudo()
        policy, context = self._host_policy(SMTP_PORTS), self._smtp_tls_context__()
        host, port, security = integration_sudo.smtp_host, integration_sudo.smtp_port, integration_sudo.smtp_security
        timeout = self._timeout("smtp", smtp_client.TIMEOUT)

        def open_session(ask):
            with smtp_client.connect_stage():
                pinned = policy.pin(host, port)
            session = smtp_client.connect(
                pinned.host, port, security, address=pinned.address, context=context, timeout=timeout
            )
            try:
                with smtp_client.login_stage():
                    smtp_client.login(session, *integration_sudo._credentials_for__(ask))
            except BaseException:
                session.close()
                raise
            return session

        return open_session

    def _smtp_tls_context__(self):
        """The TLS context of SMTP sessions; None is the platform's verified default."""
        return

    @api.model
    def _timeout(self, protocol, default):
        """Seconds a server may take for each answer ("smtp": before the mail itself)."""
        return int(self.env["ir.config_parameter"].sudo().get_param(f"lokario_mailbox.{protocol}_timeout", default))

    def _credentials_for__(self, ask):
        """Return (user, method, secret) in a thread that has `ask` make the calls that need the database."""
        return credentials(partial(ask, self._mailbox_login__), partial(ask, self._keep_tokens__))

    def _mailbox_login__(self):
        """The one place where the secret of a mailbox is decrypted for sending, at the moment of use."""
        self.ensure_one()
        user = self.login or self.email_address
        try:
            if self.auth_method == "password":
                return MailboxLogin(user, self._reveal_secret__("email_password") or "")
            return MailboxLogin(user, source=self._token_source__())
        except UserError as err:  # the key is lost
            raise ConfigurationFault(str(err)) from err

    def _keep_tokens__(self, access_token, refresh_token, expires_at):
        self._store_tokens(TokensRenewed(self.id, access_token, refresh_token, expires_at))
        if self.env.context.get("ir_cron_progress_id"):
            self.env.cr.commit()  # pylint: disable=invalid-commit  # the old refresh token may be worthless by now

    # === DELIVERY CONFIRMATION === #

    def _mailbox_opener__(self):
        """Return open_mailbox(ask), like `_session_opener__`: a SentMailbox, which raises MailboxUnavailable."""
        self.ensure_one()
        integration_sudo = self.sudo()
        access = partial(
            Access,
            self._host_policy(IMAP_PORTS),
            integration_sudo.imap_host,
            integration_sudo.imap_port,
            integration_sudo.imap_security,
            context=self._smtp_tls_context__(),
            timeout=self._timeout("imap", sent_mailbox.TIMEOUT),
        )
        names = integration_sudo._folder_names()
        return lambda ask: SentMailbox(access(credentials=partial(integration_sudo._credentials_for__, ask)), **names)

    def _folder_names(self):
        """Hook: return {"sent": path, "drafts": path} as far as they are known; the server is asked for the others."""
        return {}

    def _shows_sent_mail(self):
        return bool(self.sent_mail_seen_at)

    @api.model
    def _confirmation_grace(self):
        """Seconds a server may take to file a mail it accepted before absence means "not accepted"."""
        return int(self.env["ir.config_parameter"].sudo().get_param("lokario_mailbox.evidence_grace", 300))

    def _files_sent_itself(self):
        """Whether the provider is known to file Sent copies, so that neither APPEND nor a Bcc self-copy is needed."""
        known = self.smtp_host in FILING_PROVIDERS and self.sent_filing == "auto"
        return known or self.sent_filing == "provider"

    def _self_copy_address(self, recipients):
        """Return the mailbox's own address when a Bcc to it is needed as delivery confirmation, else ""."""
        own = self._sender_addresses()[0]
        return "" if self._files_sent_itself() or own in recipients else own

    def action_release_hold(self):
        self.check_access("write")
        self.env["mailbox.health"]._release_hold(self)
