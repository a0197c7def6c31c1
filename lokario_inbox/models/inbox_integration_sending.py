import base64
import contextlib
from functools import partial

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from ..const import IMAP_PORTS, SMTP_PORTS
from ..exceptions import ConfigurationFault
from ..tools import sent_mailbox, smtp_client, smtp_retry
from ..tools.mailbox_login import MailboxLogin, credentials
from ..tools.sent_mailbox import Access, SentMailbox
from ..tools.sync_plan import TokensRenewed

SERVER_ENCRYPTION = {"ssl": "ssl_strict", "starttls": "starttls_strict", "none": "none"}
FILING_PROVIDERS = ("smtp.gmail.com", "smtp.office365.com", "smtp-mail.outlook.com")


MENDS_SENDING = {
    "auth_method",
    "email_password",
    "login",
    "smtp_host",
    "smtp_port",
    "smtp_security",
}


def _directly(call, *arguments):
    """The `ask` of code that runs in the database's own thread."""
    return call(*arguments)


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
        if MENDS_SENDING & set(vals):
            self._release_mended_hold()
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
        session = self._session_opener__()(_directly)
        session.from_filter = session.smtp_from = integration_sudo.email_address
        session.inbox_integration_id = self.id
        return session

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
        return int(self.env["ir.config_parameter"].sudo().get_param(f"lokario_inbox.{protocol}_timeout", default))

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

    # === THE MAILBOX AS EVIDENCE === #

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
        uses = {folder.special_use: folder.path for folder in integration_sudo.folder_ids if folder.special_use}
        names = {"sent": uses.get("sent", ""), "drafts": uses.get("drafts", "")}
        return lambda ask: SentMailbox(access(credentials=partial(integration_sudo._credentials_for__, ask)), **names)

    def _find_evidence__(self, message_id):
        """Say whether a mail with this Message-ID left by this mailbox: "present" or "absent".

        It looks for the provider's own Sent copy and for the hidden copy in the inbox. Raises MailboxUnavailable when
        the mailbox cannot be asked. "absent" is a proof only when `_evidence_is_proven()` and when the server has had
        `_evidence_grace()` seconds since the mail was handed over.
        """
        with self._mailbox_opener__()(_directly) as box:
            return box.evidence(message_id)

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
        self._queue_sent_copies([(message_id, raw, hidden_copy)])

    def _queue_sent_copies(self, copies):
        """The same for many mails: (message_id, raw, hidden_copy) of each."""
        self.ensure_one()
        raws = {message_id: raw for message_id, raw, _hidden in reversed(copies)}  # one for all who got the same mail
        hidden = {message_id for message_id, _raw, hidden_copy in copies if hidden_copy}
        copies_sudo = self.env["inbox.sent.copy"].sudo()
        known = copies_sudo.search([("integration_id", "=", self.id), ("message_id_header", "in", list(raws))])
        later = known.filtered(lambda copy: copy.message_id_header in hidden)
        later.write({"hidden_copy": True, "next_look_at": fields.Datetime.now()})
        taken = set(known.mapped("message_id_header"))
        copies_sudo.create(
            [
                {
                    "integration_id": self.id,
                    "message_id_header": message_id,
                    "raw": base64.b64encode(raw),
                    "hidden_copy": message_id in hidden,
                }
                for message_id, raw in raws.items()
                if message_id not in taken
            ]
        )
        self.env.ref("lokario_inbox.ir_cron_file_sent_copies").sudo()._trigger()

    # === HOLD === #

    def _hold(self, verdict, text):
        """Stop sending from this mailbox for a while and tell its owner once."""
        until = fields.Datetime.add(fields.Datetime.now(), seconds=smtp_retry.with_jitter(verdict.wait))
        cause = verdict.cause if verdict.cause in ("login", "tls", "limit") else "network"
        is_known = self.sending_hold_cause == cause
        self.write({"sending_hold_until": until, "sending_hold_cause": cause, "sending_hold_text": text})
        if is_known:
            return
        if cause in ("login", "tls"):
            self._warn_owner(cause)
        self.with_context(lang=self.user_id.lang)._notify_hold(text)

    def _notify_hold(self, text):
        """Tell the owner of the mailbox that its mails wait."""
        self.message_notify(
            partner_ids=self.user_id.partner_id.ids,
            subject=self.env._("Sending from %(address)s is held", address=self.email_address),
            body=Markup("<p>%s</p><details><summary>%s</summary>%s</details>")
            % (self._sending_problem(), self.env._("Technical details"), text),
        )

    def _release_hold(self):
        """Let the waiting mails leave again."""
        held = self.filtered("sending_hold_until")
        held.write({"sending_hold_until": False, "sending_hold_cause": False, "sending_hold_text": False})
        held.filtered(lambda mailbox: mailbox.state != "error")._withdraw_warnings()
        if held:
            self.env.ref("lokario_inbox.ir_cron_send_outgoing").sudo()._trigger()

    def _release_mended_hold(self):
        """Password, connection or server changed or tested: only a provider's limit still holds."""
        self.filtered(lambda mailbox: mailbox.sending_hold_cause != "limit")._release_hold()

    def action_release_hold(self):
        self.check_access("write")
        self._release_hold()
