import asyncio
from functools import partial

from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools.urls import urljoin

from odoo.addons.lokario_base.fields import Secret

from ..tools.sync_plan import TokenSource
from .inbox_integration import MAIL_SERVERS

GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
PREFIXES = {"gmail": "google_gmail", "outlook": "microsoft_outlook"}


class InboxIntegration(models.Model):
    """OAuth through Odoo's own mixins; tokens are secrets, renewed outside the writer's thread."""

    _name = "inbox.integration"
    _inherit = ["inbox.integration", "google.gmail.mixin", "microsoft.outlook.mixin"]

    _email_field = "email_address"
    _OUTLOOK_SCOPE = "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send"

    google_gmail_refresh_token = Secret("Google refresh token", groups=None, destination=MAIL_SERVERS)
    google_gmail_access_token = Secret("Google access token", groups=None, destination=MAIL_SERVERS)
    google_gmail_access_token_expiration = fields.Integer(groups=None, copy=False)
    microsoft_outlook_refresh_token = Secret("Microsoft refresh token", groups=None, destination=MAIL_SERVERS)
    microsoft_outlook_access_token = Secret("Microsoft access token", groups=None, destination=MAIL_SERVERS)
    microsoft_outlook_access_token_expiration = fields.Integer(groups=None, copy=False)

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
        self._release_mended_hold()

    # === TOKENS === #

    def _token_source__(self):
        """The provider's token endpoint and what is known, as scalars for the network side."""
        self.ensure_one()
        prefix = PREFIXES[self.auth_method]
        parameters = self.env["ir.config_parameter"].sudo()
        form = {
            "client_id": parameters.get_param(f"{prefix}_client_id") or "",
            "client_secret": parameters.get_param(f"{prefix}_client_secret") or "",
        }
        url = parameters.get_param("lokario_inbox.google_token_url") or GOOGLE_TOKEN_URL
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
        """Keep the new tokens at once: the provider may have made the old refresh token useless."""
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

    def _ask_server__(self, question, *arguments):
        """Return what ``await question(plan, emit, *arguments)`` returns, on a connection of its own."""
        self.ensure_one()
        (plan,) = self._plan_sync__()

        async def emit(event):
            self._store_tokens(event)
            self.env.cr.postrollback.add(partial(self._store_tokens_again, event))

        return asyncio.run(question(plan, emit, *arguments))

    def _store_tokens_again(self, event):
        """Whatever became of the request: its old refresh token may be worthless by now."""
        with self.env.registry.cursor() as cr:
            self.with_env(self.env(cr=cr))._store_tokens(event)

    def _get_gmail_csrf_token(self):
        self._check_may_connect()
        return super()._get_gmail_csrf_token()

    def _get_outlook_csrf_token(self):
        self._check_may_connect()
        return super()._get_outlook_csrf_token()

    def _check_may_connect(self):
        """The consent's way back runs as sudo: ask for the right of the person behind it."""
        person = self.with_user(self.env.user).with_company(self.company_id)
        if not self.env.user._is_superuser() and not person.has_access("write"):
            raise AccessError(self.env._("You cannot connect somebody else's mailbox."))
