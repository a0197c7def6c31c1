import smtplib
import ssl
from contextlib import ExitStack

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize, email_split, ormcache

from odoo.addons.base.models.ir_mail_server import SMTP_TIMEOUT

from ..server_settings import server_setting

STARTTLS_PORT = 587  # RFC 6409, submission
TLS_PORT = 465  # RFC 8314, submission over implicit TLS
CHOOSING = {"is_global", "active"}  # the fields that say which server is the global one
ENCRYPTIONS = ("starttls", "ssl", "none")


class IrMailServer(models.Model):
    """The global server: the one marked in Settings, else the one that the environment names."""

    _inherit = "ir.mail_server"

    is_global = fields.Boolean(
        "Global",
        copy=False,
        help="Every mail that is not a company's business mail leaves by this server: sign-up, password reset, "
        "account deletion, contact form, notifications.",
    )

    _one_global = models.UniqueIndex("(is_global) WHERE is_global", "There is one global server.")

    @api.model_create_multi
    def create(self, vals_list):
        servers = super().create(vals_list)
        self.env.registry.clear_cache()
        return servers

    def write(self, vals):
        result = super().write(vals)
        if not CHOOSING.isdisjoint(vals):
            self.env.registry.clear_cache()
        return result

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    @api.model
    def _global_server(self):
        """Return the server that is marked; each mail asks several times, so this costs no query."""
        return self.sudo().browse(self._global_server_ids())

    @api.model
    @ormcache()
    def _global_server_ids(self) -> tuple[int, ...]:
        return tuple(self.sudo().search([("is_global", "=", True)], limit=1).ids)

    @api.model
    def _environment_server(self) -> dict | None:
        """Return the connection arguments of the environment's server; None when it names none, or in a copy."""
        host = server_setting("SMTP_HOST")
        if not host or self.env["ir.config_parameter"].sudo().get_param("database.is_neutralized"):
            return None
        port = int(server_setting("SMTP_PORT") or STARTTLS_PORT)
        return {
            "host": host,
            "port": port,
            "user": server_setting("SMTP_USERNAME") or None,
            "password": server_setting("SMTP_PASSWORD") or None,
            "encryption": server_setting("SMTP_ENCRYPTION") or ("ssl" if port == TLS_PORT else "starttls"),
        }

    @api.model
    def _global_address(self) -> str | None:
        """Return the address that system mail is sent from, None when nothing names one."""
        if server := self._global_server():
            candidates = [*email_split(server.from_filter or ""), server.smtp_user]
        elif self._environment_server():
            candidates = [server_setting("SMTP_FROM_EMAIL"), server_setting("SMTP_USERNAME")]
        else:
            return None
        return next(filter(None, map(email_normalize, filter(None, candidates))), None)

    @api.model
    def _get_default_from_address(self):
        """A company without an address still sends system mail, as the global address."""
        return super()._get_default_from_address() or self._global_address()

    def _find_mail_server(self, email_from, mail_servers=None):
        """Mail that no company's mailbox sends leaves by the global server, with its own address."""
        server = self._global_server()
        if mail_servers is None or not mail_servers - server:
            address = self._global_address() or email_from
            if server:
                return server, address
            if self._environment_server():
                return None, address
        return super()._find_mail_server(email_from, mail_servers)

    def _connect__(self, host=None, *args, mail_server_id=None, **kwargs):
        environment = None
        if not host and not mail_server_id and not self._global_server():
            environment = self._environment_server()
        if not environment:
            connection = super()._connect__(host, *args, mail_server_id=mail_server_id, **kwargs)
        elif self._disable_send():
            return None
        else:
            connection = self._open_environment_server__(**environment)
        if connection is not None and (environment or self._is_global_choice(host, mail_server_id)):
            connection.lokario_address = self._global_address()
            connection.smtp_from = connection.lokario_address or kwargs.get("smtp_from")
        return connection

    @api.model
    def _open_environment_server__(self, host, port, user, password, encryption):
        """Return a session with a server whose certificate is trusted and names it, unless it has no encryption.

        Odoo checks no certificate of a server that is given by its parameters.

        :raises OSError: among them SSL errors and smtplib.SMTPException
        """
        if encryption not in ENCRYPTIONS:
            known = ", ".join(ENCRYPTIONS)
            raise UserError(
                self.env._("SMTP_ENCRYPTION is “%(given)s”; it can be: %(known)s.", given=encryption, known=known)
            )
        context = ssl.create_default_context()
        with ExitStack() as stack:
            if encryption == "ssl":
                connection = smtplib.SMTP_SSL(host, port, timeout=SMTP_TIMEOUT, context=context)
            else:
                connection = smtplib.SMTP(host, port, timeout=SMTP_TIMEOUT)
            stack.callback(connection.close)
            if encryption == "starttls":
                connection.starttls(context=context)
            if user:
                self._smtp_login__(connection, user, password or "")
            connection.ehlo_or_helo_if_needed()
            stack.pop_all()
        connection.from_filter = self._get_default_from_filter()
        return connection

    @api.model
    def _is_global_choice(self, host, mail_server_id) -> bool:
        server = self._global_server()
        return bool(server) and not host and mail_server_id in (None, False, server.id)

    def _prepare_email_message__(self, message, smtp_session):
        """Through the global server: the sender's name with the global address.

        That address is the envelope too, unless Odoo names one for bounces that the server may use.
        """
        address = getattr(smtp_session, "lokario_address", None)
        if not address:
            return super()._prepare_email_message__(message, smtp_session)
        bounces = self.env.context.get("domain_bounce_address") or message["Return-Path"] or address
        return super(
            IrMailServer, self.with_context(domain_notifications_email=address, domain_bounce_address=bounces)
        )._prepare_email_message__(message, smtp_session)
