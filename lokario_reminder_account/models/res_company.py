from odoo import models

# who is notified of a late invoice without a salesperson, the first group with a member first
INVOICING_GROUPS = ("account.group_account_invoice", "base.group_system")


class ResCompany(models.Model):
    _inherit = "res.company"

    def _invoicing_people(self):
        """Return the colleagues who answer for the company's invoices, the best first."""
        return self._colleagues(INVOICING_GROUPS)
