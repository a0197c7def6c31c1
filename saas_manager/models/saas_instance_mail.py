from odoo import fields, models

from ..const import MAIL_KINDS, MAIL_STATES


class SaasInstanceMail(models.Model):
    """One attempt to send a mail to a client: what, to whom, when, with which outcome. No content."""

    _name = "saas.instance.mail"
    _inherit = ["lokario.access.mixin"]
    _description = "Mail about a SaaS Instance"
    _order = "id desc"
    _rec_name = "kind"

    instance_id = fields.Many2one("saas.instance", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="instance_id.company_id", store=True)
    kind = fields.Selection(MAIL_KINDS, "Mail", required=True)
    template_id = fields.Many2one("mail.template", ondelete="set null")
    email_to = fields.Char("To")
    occasion = fields.Char(required=True, help="Attempts for the same event share it.")
    state = fields.Selection(
        MAIL_STATES,
        required=True,
        default="sending",
        help="Unknown: the server was stopped between sending and writing down the outcome.",
    )
    reason = fields.Char()
    message_id = fields.Char("Message-ID")

    _occasion_uniq = models.UniqueIndex(
        "(instance_id, occasion) WHERE state IN ('sending', 'sent', 'unknown')", "This mail has left already."
    )
