from odoo import api, fields, models
from odoo.exceptions import UserError


class InboxLinkWizard(models.TransientModel):
    """Link a conversation to any record, and copy chosen mails into its chatter."""

    _name = "inbox.link.wizard"
    _inherit = ["lokario.access.mixin"]
    _description = "Link a conversation to a record"

    conversation_id = fields.Many2one("inbox.conversation", required=True, readonly=True)
    record = fields.Reference(selection="_selection_record", required=True)
    copy_emails = fields.Boolean(string="Copy e-mails to its chatter")
    email_ids = fields.Many2many(
        "inbox.message",
        string="E-mails",
        domain="[('conversation_id', '=', conversation_id)]",
        help="Left empty, all e-mails of the conversation are copied.",
    )

    @api.model
    def _selection_record(self):
        """Return the models with a chatter that the person may read."""
        models_sudo = self.env["ir.model"].sudo().search([("is_mail_thread", "=", True), ("transient", "=", False)])
        return sorted(
            (
                (model.model, model.name)
                for model in models_sudo
                if model.model in self.env
                and not self.env[model.model]._abstract
                and not model.model.startswith("inbox.")
                and self.env[model.model].has_access("read")
            ),
            key=lambda item: item[1],
        )

    def action_link(self):
        self.ensure_one()
        self.conversation_id.check_access("write")
        link = self.env["inbox.link"].search(
            [
                ("conversation_id", "=", self.conversation_id.id),
                ("res_model", "=", self.record._name),
                ("res_id", "=", self.record.id),
            ]
        ) or self.env["inbox.link"].create(
            {"conversation_id": self.conversation_id.id, "res_model": self.record._name, "res_id": self.record.id}
        )
        if self.copy_emails:
            self._copy_emails()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Linked to %s", link.record_name),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _copy_emails(self):
        """Copy mails as messages of the record: no notification leaves, Message-IDs are kept."""
        self.record.check_access("write")
        mails = self.email_ids or self.conversation_id.email_ids
        if mails.conversation_id - self.conversation_id:
            raise UserError(self.env._("Choose mails of this conversation only."))
        mails.check_access("read")
        known = set(
            self.env["mail.message"]
            .sudo()
            .search(
                [
                    ("model", "=", self.record._name),
                    ("res_id", "=", self.record.id),
                    ("message_id", "in", mails.mapped("message_id_header")),
                ]
            )
            .mapped("message_id")
        )
        fresh = mails.filtered(lambda m: not m.message_id_header or m.message_id_header not in known)
        self.record._message_create([mail._chatter_values(self.record) for mail in fresh.sorted("date")])
