from odoo import models


class AccountPayment(models.Model):
    _name = "account.payment"
    _inherit = ["account.payment", "lokario.business.document", "lokario.access.mixin"]
