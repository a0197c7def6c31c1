from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

_METHODS = {"imap": "password", "gmail": "gmail", "outlook": "outlook"}  # POP has no folders to synchronise


class InboxTakeOver(models.TransientModel):
    """Odoo's own incoming servers become mailboxes: read by one reader only, the password no longer in clear text."""

    _name = "inbox.take.over"
    _inherit = ["lokario.access.mixin"]
    _description = "Take over of incoming mail servers"

    line_ids = fields.One2many("inbox.take.over.line", "wizard_id", default=lambda self: self._default_lines())

    @api.model
    def _default_lines(self):
        servers = self.env["fetchmail.server"].search([("server_type", "in", list(_METHODS))])
        return [Command.create({"server_id": server.id}) for server in servers]

    def action_take_over(self):
        """Connect the chosen servers' mailboxes, stop the servers and forget their passwords."""
        lines = self.line_ids.filtered("is_chosen")
        if nameless := lines.filtered(lambda line: not line.integration_id and not line.email_address):
            servers = ", ".join(nameless.server_id.mapped("name"))
            raise UserError(self.env._("Which e-mail address does the server read? Enter it for: %s", servers))
        for line in lines:
            line._take_over()
        action = self.env["ir.actions.act_window"]._for_xml_id("lokario_mailbox.inbox_integration_action")
        return {**action, "domain": [("id", "in", lines.integration_id.ids)]}


class InboxTakeOverLine(models.TransientModel):
    _name = "inbox.take.over.line"
    _inherit = ["lokario.access.mixin"]
    _description = "Incoming mail server to take over"

    wizard_id = fields.Many2one("inbox.take.over", required=True, ondelete="cascade")
    server_id = fields.Many2one("fetchmail.server", string="Incoming server", required=True, ondelete="cascade")
    is_chosen = fields.Boolean(string="Take over", default=True)
    email_address = fields.Char(compute="_compute_email_address", store=True, readonly=False)
    integration_id = fields.Many2one(
        "inbox.integration",
        string="Mailbox",
        compute="_compute_integration_id",
        store=True,
        help="Empty: it will be connected.",
    )

    @api.depends("server_id")
    def _compute_email_address(self):
        for line in self:
            line.email_address = email_normalize(line.server_id.user or "")

    @api.depends("server_id")
    def _compute_integration_id(self):
        integrations = self.env["inbox.integration"].search([("company_id", "in", self.env.companies.ids)])
        for line in self:
            line.integration_id = integrations.filtered(lambda i, server=line.server_id: i._is_read_by(server))[:1]

    def _take_over(self):
        self.integration_id = self.integration_id or self.integration_id.create(self._integration_values())
        self.integration_id._stop_stock_servers(self.server_id)

    def _integration_values(self):
        server = self.server_id
        provider = self.env["inbox.integration"]._known_provider(self.email_address, ask_dns=False)
        known = self.env["inbox.integration"]._provider_values(provider) if provider else {}
        return {
            **known,
            "name": server.name,
            "email_address": self.email_address,
            "login": server.user if server.user != self.email_address else False,
            "email_password": server.password,
            "auth_method": _METHODS[server.server_type],
            "imap_host": server.server,
            "imap_port": server.port,
            "imap_security": "ssl" if server.is_ssl else "none",
            "visibility": "shared",
        }
