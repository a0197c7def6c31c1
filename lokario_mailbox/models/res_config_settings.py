from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    outgoing_all_or_none = fields.Boolean(related="company_id.outgoing_all_or_none", readonly=False)
    inbox_allowed_hosts = fields.Char(
        string="Allowed mail servers",
        config_parameter="lokario_mailbox.allowed_hosts",
        help="Servers in your own network that mailboxes may use, such as mail.lan, 10.0.0.0/8 or 192.168.1.5:1143. "
        "Public servers on the usual ports need no entry.",
    )
