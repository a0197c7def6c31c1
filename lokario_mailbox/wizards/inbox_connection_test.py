import secrets
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import hmac as database_hmac

from ..exceptions import MailboxError
from ..tools import smtp_client
from ..tools.connection_check import check_imap, find_test_mail

LOOP_HEADER = "X-Lokario-Loop"
LOOP_SECONDS = 40  # a slow provider filters for half a minute
SMTP_STAGES = {"connect": ("smtp_connect", "network"), "tls": ("smtp_tls", "tls"), "login": ("smtp_login", "login")}


class InboxConnectionTest(models.TransientModel):
    """How far a mailbox can be reached, step by step, with cause and remedy in plain words."""

    _name = "inbox.connection.test"
    _inherit = ["lokario.access.mixin"]
    _description = "Connection test of a mailbox"

    integration_id = fields.Many2one("inbox.integration", required=True, ondelete="cascade", readonly=True)
    step_ids = fields.One2many("inbox.connection.test.step", "test_id", readonly=True)
    nonce = fields.Char(default=lambda self: secrets.token_hex(8), readonly=True, groups="base.group_system")
    state = fields.Selection(
        [("failed", "Not connected"), ("servers", "Servers reached"), ("done", "Everything works")],
        readonly=True,
    )

    def _open(self):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
            "name": self.env._("Test of the connection"),
        }

    # === THE SERVERS === #

    def _check_servers(self):
        """Both servers up to the login; nothing is changed there."""
        integration = self.integration_id.sudo()
        try:
            steps = integration._ask_server__(check_imap)
            for step in steps:
                self._add_step(f"imap_{step.key}", step.ok, step.error_class, step.detail)
            if all(step.ok for step in steps):
                integration._forget_failure()
        except UserError as err:  # the stored secret cannot be decrypted
            self._add_step("imap_login", False, "configuration", str(err))
        if integration.smtp_host:
            self._check_smtp(integration)
        failed = not self.step_ids or not all(self.step_ids.mapped("is_ok"))
        self._set_tested("failed" if failed else "servers")
        if not failed:
            integration._set_connected()

    def _check_smtp(self, integration):
        try:
            with integration._smtp_session__():
                pass
        except smtp_client.SubmissionFailed as err:
            key, error_class = SMTP_STAGES.get(err.stage, ("smtp_connect", "server"))
            self._add_step(key, False, error_class, err.text)
        except UserError as err:
            self._add_step("smtp_login", False, "configuration", str(err))
        else:
            self._add_step("smtp_login", True, "", integration.smtp_host)
            self.env["mailbox.health"]._release_mended_hold(integration)

    def _add_step(self, key, is_ok, error_class="", detail=""):
        self.env["inbox.connection.test.step"].sudo().create(
            {
                "test_id": self.id,
                "key": key,
                "is_ok": is_ok,
                "error_class": error_class or False,
                "detail": detail or "",
            }
        )

    # === THE LOOP === #

    def action_loop(self):
        """Send a mail with a signed token to the mailbox itself and wait for it there.

        It shows that the identity that sends owns the mailbox that receives. The token is fixed
        when the dialog opens: a request that the server repeats sends the same mail to the same
        mailbox, which does no harm.
        """
        self.ensure_one()
        self.integration_id.check_access("write")
        integration = self.integration_id.sudo()
        self.step_ids.filtered(lambda step: step.key in ("loop_send", "loop_receive")).sudo().unlink()
        if self._send_loop_mail(integration):
            self._await_loop_mail(integration)
        done = all(self.step_ids.mapped("is_ok"))
        self._set_tested("done" if done else "servers")
        return self._open()

    def _set_tested(self, state):
        self.sudo().state = state

    def _loop_token(self):
        nonce = self.sudo().nonce
        signature = database_hmac(self.env(su=True), "lokario-inbox-loop", (self.integration_id.id, nonce))
        return f"{nonce}.{signature[:32]}"

    def _send_loop_mail(self, integration):
        mail = EmailMessage()
        mail["From"] = mail["To"] = integration.email_address
        mail["Subject"] = self.env._("Lokario: test of your mailbox")
        mail["Date"] = format_datetime(fields.Datetime.now())
        mail["Message-ID"] = make_msgid(idstring=self.sudo().nonce, domain=integration.email_address.rpartition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"
        mail[LOOP_HEADER] = self._loop_token()
        mail.set_content(self.env._("This mail verifies that your mailbox sends and receives. It deletes itself."))
        try:
            with integration._smtp_session__() as session:
                smtp_client.submit(session, integration.email_address, [integration.email_address], mail.as_bytes())
        except smtp_client.SubmissionFailed as err:
            _key, error_class = SMTP_STAGES.get(err.stage, ("", "server"))
            self._add_step("loop_send", False, error_class, err.text)
            return False
        self._add_step("loop_send", True)
        return True

    def _await_loop_mail(self, integration):
        try:
            found = integration._ask_server__(find_test_mail, LOOP_HEADER, self._loop_token(), self._loop_seconds())
        except MailboxError as err:
            self._add_step("loop_receive", False, err.error_class, str(err))
            return
        detail = self.env._("It arrived in the spam folder.") if found == "junk" else ""
        self._add_step("loop_receive", bool(found), "" if found else "loop", detail)

    def _loop_seconds(self):
        return LOOP_SECONDS


class InboxConnectionTestStep(models.TransientModel):
    _name = "inbox.connection.test.step"
    _inherit = ["lokario.access.mixin"]
    _description = "Step of a connection test"
    _order = "id"

    test_id = fields.Many2one("inbox.connection.test", required=True, ondelete="cascade")
    key = fields.Selection(
        [
            ("imap_address", "Incoming: name and address"),
            ("imap_connect", "Incoming: connection"),
            ("imap_tls", "Incoming: encryption and certificate"),
            ("imap_login", "Incoming: login"),
            ("imap_capabilities", "Incoming: capabilities"),
            ("imap_folders", "Incoming: folders"),
            ("imap_end", "Incoming: end"),
            ("smtp_connect", "Outgoing: connection"),
            ("smtp_tls", "Outgoing: encryption and certificate"),
            ("smtp_login", "Outgoing: login"),
            ("loop_send", "Test mail sent"),
            ("loop_receive", "Test mail received"),
        ],
        string="Step",
        required=True,
    )
    is_ok = fields.Boolean(string="OK")
    error_class = fields.Char()
    detail = fields.Text(string="Technical details")
    remedy = fields.Text(compute="_compute_remedy", string="What to do")

    def _compute_remedy(self):
        for step in self:
            if step.error_class == "loop":
                step.remedy = self.env._(
                    "The mail left but did not arrive: the outgoing account probably belongs to another mailbox. "
                    "Check that both servers use the same address."
                )
            else:
                step.remedy = self.env["mailbox.health"]._remedy(step.error_class)
