from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..const import ERROR_CLASSES, SYNC_INTERVAL


class InboxIntegration(models.Model):
    _name = "inbox.integration"
    _description = "Inbox integration"
    _table = "inbox_integrations"
    _inherit = ["mail.thread"]
    _order = "is_primary desc, name, id"
    _mail_post_access = "read"

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    user_id = fields.Many2one(
        "res.users", string="Owner", required=True, index=True,
        default=lambda self: self.env.user,
    )
    visibility = fields.Selection(
        [("shared", "Shared with the company"), ("private", "Private")],
        required=True, default=lambda self: self._default_visibility(), tracking=True,
    )
    owner_id = fields.Many2one(
        "res.users", string="Private to", compute="_compute_owner_id", store=True, index=True,
        help="Set for a private mailbox: only this user reads its mail.",
    )
    email_address = fields.Char(required=True, tracking=True)
    alias_addresses = fields.Text(
        string="Aliases", help="Other addresses this mailbox may send as, one per line."
    )
    integration_type = fields.Selection([("imap", "IMAP mailbox")], required=True, default="imap")
    is_primary = fields.Boolean(
        copy=False, tracking=True, help="Business mail of the company leaves from this mailbox."
    )
    auth_method = fields.Selection(
        [("password", "Password"), ("gmail", "Google (OAuth2)"), ("outlook", "Microsoft (OAuth2)")],
        required=True, default="password",
    )
    login = fields.Char(help="Left empty, the e-mail address is the login.")
    imap_host = fields.Char(string="IMAP server")
    imap_port = fields.Integer(string="IMAP port", default=993)
    imap_security = fields.Selection(
        [("ssl", "SSL/TLS"), ("starttls", "STARTTLS"), ("none", "None")],
        string="IMAP security", required=True, default="ssl",
    )
    smtp_host = fields.Char(string="SMTP server")
    smtp_port = fields.Integer(string="SMTP port", default=465)
    smtp_security = fields.Selection(
        [("ssl", "SSL/TLS"), ("starttls", "STARTTLS"), ("none", "None")],
        string="SMTP security", required=True, default="ssl",
    )

    state = fields.Selection(
        [
            ("draft", "Not connected"),
            ("connected", "Connected"),
            ("error", "In error"),
            ("paused", "Paused"),
        ],
        required=True, default="draft", copy=False, tracking=True,
    )
    sync_interval_minutes = fields.Integer(default=SYNC_INTERVAL, required=True)
    last_sync_at = fields.Datetime(string="Last success", readonly=True, copy=False)
    last_sync_status = fields.Selection(
        [("success", "Success"), ("error", "Error")], readonly=True, copy=False
    )
    last_sync_error = fields.Char(readonly=True, copy=False)
    last_error_class = fields.Selection(ERROR_CLASSES, readonly=True, copy=False)
    last_error_at = fields.Datetime(readonly=True, copy=False)
    failure_count = fields.Integer(readonly=True, copy=False)
    next_sync_at = fields.Datetime(string="Next try", readonly=True, copy=False, index=True)
    lease_until = fields.Datetime(readonly=True, copy=False)
    folder_ids = fields.One2many("inbox.folder", "integration_id", string="Folders")

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

    @api.constrains("is_primary", "visibility")
    def _check_primary_is_shared(self):
        for integration in self:
            if integration.is_primary and integration.visibility == "private":
                raise ValidationError(self.env._(
                    "%(name)s is private: share it with the company before making it primary.",
                    name=integration.name,
                ))
