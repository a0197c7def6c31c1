from odoo import models

# who answers for the billing of a company where nobody is named, the first group that has somebody first
BILLING_GROUPS = (
    "lokario_billing.group_lokario_billing_manager",
    "account.group_account_invoice",
    "base.group_system",
)


class ResUsers(models.Model):
    _inherit = "res.users"

    def _still_here(self):
        """Return the colleagues among these users: nobody who has left, no portal user."""
        return self.filtered(lambda user: user.active and not user.share)

    def _readable(self, records):
        """Return those of the records which this user may read, looking into all of his companies."""
        self.ensure_one()
        companies = self.company_id | self.company_ids
        mine = records.with_user(self).with_context(allowed_company_ids=companies.ids)
        return records.browse(mine._filtered_access("read")._ids)


class ResCompany(models.Model):
    _inherit = "res.company"

    def _billing_people(self):
        """Return the colleagues who answer for the company's billing, the best first."""
        self.ensure_one()
        users = self.env["res.users"].sudo()
        for group in map(self.env.ref, BILLING_GROUPS):
            found = users.search([("company_ids", "in", self.ids), ("all_group_ids", "in", group.ids)], order="id")
            users |= found._still_here().sorted(lambda user: user.company_id != self)  # at home here first
        return users

    def _person_for(self, record, named):
        """Return who is asked about a record: a colleague named for it, else one who answers for the company's billing.

        Whoever has left or may not read the record is passed over.
        """
        candidates = named.sudo()._still_here() | self._billing_people()
        return next((user for user in candidates if user._readable(record)), candidates.browse())
