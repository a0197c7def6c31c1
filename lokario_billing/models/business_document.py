from odoo import models


class AccountMove(models.Model):
    _inherit = "account.move"
    _sends_business_mail = True


class AccountPayment(models.Model):
    _inherit = "account.payment"
    _sends_business_mail = True


class SaleOrder(models.Model):
    _inherit = "sale.order"
    _sends_business_mail = True


class FollowupReminder(models.Model):
    _inherit = "lokario.followup.reminder"
    _sends_business_mail = True
