from odoo import api, fields, models

MAIL_KINDS = [
    ("signup", "Signup verification"),
    ("password", "Password reset"),
    ("invitation", "Invitations"),
    ("contact", "Contact form"),
    ("deletion", "Account deletion notices"),
    ("notification", "Internal notifications and digests"),
    ("quote", "Quotes"),
    ("invoice", "Invoices"),
    ("receipt", "Payment receipts"),
    ("followup", "Follow-ups"),
]
BUSINESS_KINDS = ("quote", "invoice", "receipt", "followup")


class MailDoors(models.TransientModel):
    """The table “kind of mail / leaves from” of a company, with a test mail for each line."""

    _name = "lokario.mail.doors"
    _description = "Which mail leaves from where"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    line_ids = fields.One2many("lokario.mail.door", "doors_id", compute="_compute_line_ids", store=True)
    notice = fields.Char(compute="_compute_notice")

    @api.depends("company_id")
    def _compute_line_ids(self):
        for doors in self:
            doors.line_ids = [fields.Command.clear()] + [
                fields.Command.create({"kind": kind}) for kind, _label in MAIL_KINDS
            ]

    @api.depends("company_id")
    def _compute_notice(self):
        for doors in self:
            route = self.env["mail.mail"]._route_of(doors.company_id)
            doors.notice = route.kind == "global" and self.env._(
                "This company has no mailbox: its quotes, invoices and reminders leave from the global server."
                " Connect a mailbox in the inbox to send them from the company's own address."
            )

    @api.model
    def action_open(self):
        doors = self.create({})
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": doors.id,
            "view_mode": "form",
            "name": self.env._("Which mail leaves from where"),
        }


class MailDoor(models.TransientModel):
    _name = "lokario.mail.door"
    _description = "Kind of mail and its way out"

    doors_id = fields.Many2one("lokario.mail.doors", required=True, ondelete="cascade")
    kind = fields.Selection(MAIL_KINDS, required=True)
    door = fields.Char(string="Leaves from", compute="_compute_door")
    sender = fields.Char(compute="_compute_door")
    status = fields.Char(compute="_compute_door")

    @api.depends("kind", "doors_id.company_id")
    def _compute_door(self):
        for line in self:
            line.door, line.sender, line.status = line._describe()

    def _describe(self):
        if self.kind not in BUSINESS_KINDS:
            server, sender = self.env["ir.mail_server"].sudo()._find_mail_server(None)
            return self.env._("Global server"), sender or server.smtp_user or "", server.name or ""
        route = self.env["mail.mail"]._route_of(self.doors_id.company_id)
        names = {
            "mailbox": self.env._("Mailbox of the company"),
            "company": self.env._("Outgoing server of the company"),
            "global": self.env._("Global server (no mailbox is connected)"),
        }
        status = ""
        if route.kind == "mailbox" and route.carrier._is_sending_held():
            status = self.env._("Held: %(cause)s", cause=route.carrier.sending_hold_text or "")
        return names[route.kind], route.address, status

    def action_test(self):
        """Send a test mail to oneself by this door."""
        self.ensure_one()
        company = self.doors_id.company_id
        values = {
            "subject": self.env._("Test: %(kind)s", kind=dict(MAIL_KINDS)[self.kind]),
            "body_html": "<p>Test</p>",
            "email_to": self.env.user.email_formatted,
            "email_from": company.email_formatted,
            "auto_delete": False,
        }
        if self.kind in BUSINESS_KINDS:
            values |= {"model": "res.company", "res_id": company.id}
        mails = self.env["mail.mail"].sudo().with_context(lokario_door_test=self.kind in BUSINESS_KINDS)
        mail = mails.create(values)
        mail.send()
        self.env.invalidate_all()
        sent = mail.state == "sent"
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if sent else "danger",
                "message": self.env._("The server has accepted the test mail.") if sent else mail.failure_reason,
            },
        }
