import re

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import email_normalize, email_normalize_all

from odoo.addons.lokario_base.fields import Secret

from ..const import ERROR_CLASSES, SYNC_INTERVAL

MENDS_READING = {
    "auth_method",
    "email_password",
    "imap_host",
    "imap_port",
    "imap_security",
    "login",
}

MAIL_SERVERS = (
    *("imap_host", "imap_port", "imap_security", "smtp_host", "smtp_port", "smtp_security"),
    *("login", "email_address", "auth_method"),
)


class InboxIntegration(models.Model):
    _name = "inbox.integration"
    _description = "Inbox integration"
    _table = "inbox_integrations"
    _inherit = ["mail.thread", "mail.activity.mixin", "lokario.secret.mixin", "lokario.access.mixin"]
    _order = "is_primary desc, name, id"
    _mail_post_access = "read"

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
    folder_ids = fields.One2many("inbox.folder", "integration_id", string="Folders")

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
        groups="lokario_inbox.group_lokario_inbox_manager",
    )

    _address_uniq = models.UniqueIndex(
        "(company_id, lower(email_address), user_id) WHERE active IS TRUE",
        "You have already connected this mailbox.",
    )
    _primary_uniq = models.UniqueIndex(
        "(company_id) WHERE is_primary IS TRUE AND active IS TRUE",
        "A company has one primary mailbox only.",
    )

    def _default_visibility(self):
        is_manager = self.env.user.has_group("lokario_inbox.group_lokario_inbox_manager")
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

    # === PRIMARY MAILBOX === #

    @api.model_create_multi
    def create(self, vals_list):
        """The first shared mailbox of a company becomes its primary one."""
        integrations = super().create(vals_list)
        for integration in integrations.filtered(lambda i: i.active and i.visibility == "shared"):
            integration._check_may_be_primary()
            if not integration._primary_of_company():
                integration.sudo().is_primary = True
        return integrations

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
        return result

    def _primary_of_company(self):
        return self.sudo().search([("company_id", "=", self.company_id.id), ("is_primary", "=", True)])

    def _check_may_be_primary(self):
        if self.is_primary:
            self._check_may_choose_primary()

    def _check_may_choose_primary(self):
        if not (self.env.su or self.env.user.has_group("lokario_inbox.group_lokario_inbox_manager")):
            raise AccessError(
                self.env._("Only a manager of the inbox chooses the mailbox that the company's mail leaves from.")
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

    def _propagate_access(self):
        """Company and privacy are copied to the rows that record rules test by the thousand."""
        for integration in self:
            values = {"company_id": integration.company_id.id, "owner_id": integration.owner_id.id}
            domain = [("integration_id", "=", integration.id)]
            for model in ("inbox.message", "inbox.conversation"):
                self.env[model].sudo().with_context(tracking_disable=True, active_test=False).search(domain).write(
                    values
                )

    def _forget_failure(self):
        """New credentials, a new server or a test that succeeded: try again at once."""
        failed = self.sudo().filtered(lambda i: i.state == "error")
        failed.write({"failure_count": 0, "next_sync_at": fields.Datetime.now()})
        if failed:
            self.env.ref("lokario_inbox.ir_cron_sync_all").sudo()._trigger()

    # === ADDRESSES === #

    def _own_addresses(self):
        """The addresses that write from this mailbox, lower case."""
        text = "\n".join([self.email_address or "", self.alias_addresses or ""])
        return set(email_normalize_all(re.sub(r"[\s;]+", ",", text)))

    @api.model
    def _primary_for_company(self, company):
        """The primary mailbox of ``company``; a branch without one uses its parent's."""
        while company:
            found = self.sudo().search([("company_id", "=", company.id), ("is_primary", "=", True)], limit=1)
            if found:
                return found
            company = company.sudo().parent_id
        return self.browse()

    # === STATE === #

    def action_pause(self):
        """Stop looking at this mailbox until somebody asks again."""
        self.write({"state": "paused"})

    def action_make_primary(self):
        self.ensure_one()
        self.write({"is_primary": True})

    def _error_remedy(self, error_class):
        """What a person does about a failure, in plain words."""
        remedies = {
            "login": self.env._(
                "The server refuses login or password. Enter the password again; "
                "with two-step verification, create an application password."
            ),
            "network": self.env._(
                "The server cannot be reached. Check its name and port; "
                "if they are right, the provider may be down: it is tried again by itself."
            ),
            "tls": self.env._(
                "The server's certificate is not valid for its name. Check the server's name, "
                "or ask its administrator to renew the certificate."
            ),
            "quota": self.env._(
                "The provider limits the connections or the mailbox is full. It is tried again more slowly by itself."
            ),
            "server": self.env._(
                "The server answers wrongly. It is tried again by itself; if it lasts, ask the provider."
            ),
            "policy": self.env._(
                "This server address is not allowed here. "
                "An administrator can add it to the allowed mail servers in the settings."
            ),
            "configuration": self.env._(
                "Something is missing: enter the server and the password, or connect the account with its provider."
            ),
        }
        return remedies.get(error_class, "")
