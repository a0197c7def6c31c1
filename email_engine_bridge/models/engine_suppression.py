from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.contact_rows import normalise_address

REASONS = [
    ("unsubscribe", "Unsubscribed"),
    ("complaint", "Complaint"),
    ("hard_bounce", "Address does not exist"),
    ("manual", "By hand"),
]


class EngineSuppression(models.Model):
    """An address that must not be written to: by one tenant, or by nobody when no tenant is named."""

    _name = "engine.suppression"
    _description = "Suppression"
    _order = "id desc"
    _rec_name = "email"

    email = fields.Char("Address", required=True, index=True)
    tenant_id = fields.Many2one("engine.tenant", index=True, ondelete="cascade", help="Empty: all tenants")
    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", store=True, readonly=False, index=True, precompute=True
    )
    reason = fields.Selection(REASONS, required=True, default="manual")
    note = fields.Char(help="Diagnostic, campaign, or who asked")

    _email_uniq = models.UniqueIndex(
        "(email, COALESCE(tenant_id, 0), COALESCE(company_id, 0))", "This address is suppressed already."
    )

    @api.depends("tenant_id")
    def _compute_company_id(self):
        for suppression in self:
            suppression.company_id = suppression.tenant_id.company_id or suppression.company_id or self.env.company

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals["email"] = normalise_address(vals.get("email") or "")
        return super().create(vals_list)

    @api.model
    def _suppress(self, tenant, emails, reason, note=""):
        """Suppress the addresses for one tenant; those that are already stay as they are."""
        emails = sorted({normalise_address(email) for email in emails if email})
        if not emails:
            return
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """INSERT INTO engine_suppression (email, tenant_id, company_id, reason, note,
                                                   create_uid, write_uid, create_date, write_date)
                   SELECT email, %s, %s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
                     FROM unnest(%s) AS email
                       ON CONFLICT DO NOTHING""",
                tenant.id,
                tenant.company_id.id,
                reason,
                note,
                self.env.uid,
                self.env.uid,
                emails,
            )
        )
        self.invalidate_model()
