import base64
import contextlib

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from ..const import IMAP_PORTS, SMTP_PORTS
from ..exceptions import AddressRefused, MailboxError
from ..tools import smtp_client, smtp_retry
from ..tools.sent_mailbox import Access, MailboxUnavailable, SentMailbox

SERVER_ENCRYPTION = {"ssl": "ssl_strict", "starttls": "starttls_strict", "none": "none"}
FILING_PROVIDERS = ("smtp.gmail.com", "smtp.office365.com", "smtp-mail.outlook.com")


class InboxIntegration(models.Model):
    """The way out of a mailbox: one SMTP session, one place for the secret, evidence from its own folders."""

    _inherit = "inbox.integration"

    signature = fields.Html(help="Closes the mails that are written from this mailbox.")
    sent_filing = fields.Selection(
        [("auto", "Find out"), ("provider", "The provider files it"), ("append", "Lokario files it")],
        string="Copy in Sent",
        required=True,
        default="auto",
        help="Some providers file what leaves by SMTP in the Sent folder themselves; a second copy would be a double.",
    )
    evidence_proven_at = fields.Datetime(
        readonly=True,
        copy=False,
        help="Last time a mail that was sent was seen in the mailbox's own folders: after a cut connection, its "
        "absence there then proves that it was not sent.",
    )
    sending_hold_until = fields.Datetime(string="Sending held until", readonly=True, copy=False)
    sending_hold_cause = fields.Selection(
        [("login", "Login refused"), ("tls", "TLS certificate"), ("limit", "Sending limit"), ("network", "Network")],
        readonly=True,
        copy=False,
    )
    sending_hold_text = fields.Char(readonly=True, copy=False, help="What the server said.")
    outgoing_ids = fields.One2many("inbox.outgoing", "integration_id")

    def write(self, vals):
        result = super().write(vals)
        if {"smtp_host", "smtp_port", "smtp_security", "login", "email_address", "alias_addresses", "active"} & set(
            vals
        ):
            self._sync_mail_server()
        if {"email_password", "login", "smtp_host", "smtp_port", "smtp_security", "auth_method"} & set(vals):
            self.filtered("sending_hold_until")._release_hold()
        return result

    # === THE MAIL SERVER === #

    def _get_mail_server(self):
        """Return the ir.mail_server of this mailbox (sudoed), made at the first need.

        Only mail that names it explicitly leaves by it: it is never anybody's default or fallback.
        """
        self.ensure_one()
        servers_sudo = self.env["ir.mail_server"].sudo().with_context(active_test=False)
        server_sudo = servers_sudo.search([("inbox_integration_id", "=", self.id)], limit=1)
        return server_sudo or servers_sudo.create(self.sudo()._prepare_mail_server())

    def _prepare_mail_server(self):
        return {
            "name": self.email_address,
            "inbox_integration_id": self.id,
            "smtp_authentication": "inbox",
            "smtp_host": self.smtp_host or "",
            "smtp_port": self.smtp_port,
            "smtp_user": self.login or self.email_address,
            "smtp_pass": False,
            "smtp_encryption": SERVER_ENCRYPTION[self.smtp_security],
            "from_filter": self.email_address,
            "sequence": 1000,
            "active": self.active,
        }

    def _sync_mail_server(self):
        servers_sudo = self.env["ir.mail_server"].sudo().with_context(active_test=False)
        for server_sudo in servers_sudo.search([("inbox_integration_id", "in", self.ids)]):
            server_sudo.write(server_sudo.inbox_integration_id._prepare_mail_server())

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
        integration_sudo = self.sudo()  # a user who may send does not read the connection settings
        server_sudo = integration_sudo._get_mail_server()
        try:
            pinned = self._host_policy(SMTP_PORTS).pin(integration_sudo.smtp_host, integration_sudo.smtp_port)
        except AddressRefused as err:
            raise smtp_client.SubmissionFailed("connect", 550, str(err)) from err
        session = smtp_client.connect(
            pinned.host,
            pinned.port,
            integration_sudo.smtp_security,
            address=pinned.address,
            context=self._smtp_tls_context__(),
        )
        try:
            with smtp_client.login_stage():
                server_sudo._smtp_login__(session, server_sudo.smtp_user, "")
        except BaseException:
            session.close()
            raise
        session.from_filter, session.smtp_from = server_sudo.from_filter, integration_sudo.email_address
        session.inbox_integration_id = self.id
        return session

    def _smtp_tls_context__(self):
        """The TLS context of SMTP sessions; None is the platform's verified default."""
        return

    # === THE MAILBOX AS EVIDENCE === #

    def _open_sent_mailbox__(self):
        """Return a SentMailbox of this mailbox; entering it raises MailboxUnavailable."""
        self.ensure_one()
        integration_sudo = self.sudo()
        try:
            pinned = self._host_policy(IMAP_PORTS).pin(integration_sudo.imap_host, integration_sudo.imap_port)
        except AddressRefused as err:
            raise MailboxUnavailable(str(err)) from err
        access = Access(
            pinned, integration_sudo.imap_security, integration_sudo._imap_login__, self._smtp_tls_context__()
        )
        uses = {folder.special_use: folder.path for folder in integration_sudo.folder_ids if folder.special_use}
        return SentMailbox(access, sent=uses.get("sent", ""), drafts=uses.get("drafts", ""))

    def _imap_login__(self, client):
        login = self.login or self.email_address
        try:
            method, secret = self._sending_credentials__()
        except (MailboxError, UserError) as err:
            raise MailboxUnavailable(str(err), login=True) from err
        if method == "oauth":
            client.oauth2_login(login, secret)
        else:
            client.login(login, secret)

    def _sending_credentials__(self):
        """Return ("password" or "oauth", the secret), decrypted for immediate use."""
        self.ensure_one()
        if self.auth_method == "password":
            return "password", self._reveal_secret__("email_password") or ""
        return "oauth", self._access_token__()

    def _find_evidence__(self, message_id):
        """Say whether a mail with this Message-ID left by this mailbox: "present" or "absent".

        It looks for the provider's own Sent copy and for the hidden copy in the inbox. Raises MailboxUnavailable when
        the mailbox cannot be asked. "absent" is a proof only when `_evidence_is_proven()` and when the server has had
        `_evidence_grace()` seconds since the mail was handed over.
        """
        with self._open_sent_mailbox__() as box:
            present = box.find("sent", message_id) or box.find("inbox", message_id)
        return "present" if present else "absent"

    def _evidence_is_proven(self):
        return bool(self.evidence_proven_at)

    @api.model
    def _evidence_grace(self):
        """Seconds a server may take to file a mail it accepted before absence means "not accepted"."""
        return int(self.env["ir.config_parameter"].sudo().get_param("lokario_inbox.evidence_grace", 300))

    def _files_sent_itself(self):
        """Whether the provider is known to file Sent copies, so that neither APPEND nor a hidden copy is needed."""
        known = self.smtp_host in FILING_PROVIDERS and self.sent_filing == "auto"
        return known or self.sent_filing == "provider"

    def _hidden_copy_address(self, recipients):
        """Return the mailbox's own address when a hidden Bcc to it is needed as evidence, else ""."""
        own = self._sender_addresses()[0]
        return "" if self._files_sent_itself() or own in recipients else own

    def _queue_sent_copy(self, message_id, raw, *, hidden_copy=False):
        """See to it that the mail is once in the Sent folder; called in the transaction that records its acceptance.

        raw: the bytes that were sent; hidden_copy: whether a Bcc to the mailbox went along and is to be removed.
        """
        self.ensure_one()
        copies_sudo = self.env["inbox.sent.copy"].sudo()
        if not copies_sudo.search_count(
            [("integration_id", "=", self.id), ("message_id_header", "=", message_id)], limit=1
        ):
            copies_sudo.create(
                {
                    "integration_id": self.id,
                    "message_id_header": message_id,
                    "raw": base64.b64encode(raw),
                    "hidden_copy": hidden_copy,
                }
            )
        self.env.ref("lokario_inbox.ir_cron_file_sent_copies").sudo()._trigger()

    # === HOLD === #

    def _hold(self, verdict, text):
        """Stop sending from this mailbox for a while and tell its owner once."""
        until = fields.Datetime.add(fields.Datetime.now(), seconds=smtp_retry.with_jitter(verdict.wait))
        told = self.sending_hold_cause == verdict.cause
        cause = verdict.cause if verdict.cause in ("login", "tls", "limit") else "network"
        self.write({"sending_hold_until": until, "sending_hold_cause": cause, "sending_hold_text": text})
        if not told:
            self._notify_hold(text)

    def _notify_hold(self, text):
        """Tell the owner of the mailbox that its mails wait."""
        self.message_notify(
            partner_ids=self.user_id.partner_id.ids,
            subject=self.env._("Sending from %(address)s is held", address=self.email_address),
            body=self.env._(
                "The mail server refuses to send from this mailbox; its mails wait and leave by themselves once it "
                "works again. The server said: %(text)s",
                text=text,
            ),
        )

    def _release_hold(self):
        """Let the waiting mails leave again."""
        self.write({"sending_hold_until": False, "sending_hold_cause": False, "sending_hold_text": False})

    def action_release_hold(self):
        self.check_access("write")
        self._release_hold()
        self.env.ref("lokario_inbox.ir_cron_send_outgoing").sudo()._trigger()
