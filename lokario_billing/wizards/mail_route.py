from odoo import api, fields, models
from odoo.exceptions import UserError

MAIL_KINDS = [
    ("signup", "Signup verification"),
    ("password", "Password reset"),
    ("invitation", "Invitations"),
    ("two_factor", "Two-factor codes"),
    ("contact", "Contact form"),
    ("deletion", "Account deletion notices"),
    ("notification", "Internal notifications"),
    ("digest", "Digests"),
    ("quote", "Quotes"),
    ("invoice", "Invoices"),
    ("receipt", "Payment receipts"),
    ("followup", "Follow-ups"),
    ("answer", "Answers from the inbox"),
    ("auto_answer", "Automatic answers of the AI"),
]
ANSWERS = ("answer", "auto_answer")
BUSINESS_KINDS = ("quote", "invoice", "receipt", "followup", *ANSWERS)


class MailRoutes(models.TransientModel):
    """The table “kind of mail / leaves from” of a company, with a test mail for each line."""

    _name = "lokario.mail.routes"
    _inherit = ["lokario.access.mixin"]
    _description = "Which mail leaves from where"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    line_ids = fields.One2many("lokario.mail.route", "routes_id", compute="_compute_line_ids", store=True)
    notice = fields.Char(compute="_compute_notice")

    def _compute_display_name(self):
        self.display_name = self.env._("Which mail leaves from where")

    @api.constrains("company_id")
    def _check_own_company(self):
        """The routes of a company are shown to those who work for it, and only they send by them."""
        self.company_id._check_own()

    @api.depends("company_id")
    def _compute_line_ids(self):
        for routes in self:
            routes.line_ids = [fields.Command.clear()] + [
                fields.Command.create({"kind": kind}) for kind, _label in MAIL_KINDS
            ]

    @api.depends("company_id")
    def _compute_notice(self):
        for routes in self:
            route = self.env["mail.mail"]._route_of(routes.company_id)
            routes.notice = route.kind == "global" and self.env._(
                "This company has no mailbox: its quotes, invoices and reminders leave from the global server."
                " Connect a mailbox in the inbox to send them from the company's own address."
            )

    @api.model
    def action_open(self):
        routes = self.create({})
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": routes.id,
            "view_mode": "form",
            "name": self.env._("Which mail leaves from where"),
        }


class MailRoute(models.TransientModel):
    _name = "lokario.mail.route"
    _inherit = ["lokario.business.document", "lokario.access.mixin"]  # a test mail goes the way of its kind
    _description = "Kind of mail and its way out"

    routes_id = fields.Many2one("lokario.mail.routes", required=True, ondelete="cascade")
    company_id = fields.Many2one(related="routes_id.company_id")
    kind = fields.Selection(MAIL_KINDS, required=True)
    route = fields.Char(string="Leaves from", compute="_compute_route")
    sender = fields.Char(compute="_compute_route")
    status = fields.Char(compute="_compute_route")

    @api.depends("kind", "routes_id.company_id")
    def _compute_route(self):
        for line in self:
            line.route, line.sender, line.status = line._describe()

    def _describe(self):
        if self.kind not in BUSINESS_KINDS:
            servers = self.env["ir.mail_server"].sudo()
            server, sender = servers._find_mail_server(None)
            server = server or servers  # none: whatever the configuration file names
            address = sender or server.smtp_user or servers._get_default_from_address() or ""
            return self.env._("Global server"), address, server.name or ""
        route = self.env["mail.mail"]._route_of(self.company_id)
        if self.kind in ANSWERS and route.kind != "mailbox":
            return self.env._("No mailbox is connected"), "", ""
        names = {
            "mailbox": self.env._("Mailbox of the company"),
            "company": self.env._("Outgoing server of the company"),
            "global": self.env._("Global server (no mailbox is connected)"),
        }
        name = self.env._("Mailbox that got the mail") if self.kind in ANSWERS else names[route.kind]
        return name, route.address, self._held(route)

    def _held(self, route):
        return self.env["mailbox.health"]._sending_problem(route.carrier) if route.kind == "mailbox" else ""

    def action_test(self):
        """Send a test mail to oneself by this route."""
        self.ensure_one()
        if self.kind in ANSWERS and not self.sender:
            raise UserError(self.env._("Connect a mailbox in the inbox first: there is nothing to answer from."))
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        values = {
            "subject": self.env._("Test: %(kind)s", kind=kinds[self.kind]),
            "body_html": "<p>Test</p>",
            "email_to": self.env.user.email_formatted,
            "email_from": self.company_id.email_formatted,
            "auto_delete": False,
        }
        if self.kind in BUSINESS_KINDS:
            values |= {"model": self._name, "res_id": self.id}
        mail = self.env["mail.mail"].sudo().create(values)
        mail.send(auto_commit=mail._is_business_mail())  # immediately, not after the click
        self.env.invalidate_all()
        if mail.state == "outgoing":
            mail._set_test_cancelled()
        return self._outcome(mail)

    def _outcome(self, mail):
        sent = mail.state == "sent"
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if sent else "danger",
                "message": self.env._("The server has accepted the test mail.") if sent else mail.failure_reason,
            },
        }
