from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.email_engine_bridge.tools.contact_rows import normalise_address

REASONS = [
    ("unsubscribe", "Unsubscribed"),
    ("complaint", "Complaint"),
    ("hard_bounce", "Address does not exist"),
    ("manual", "By hand"),
]


class EngineSuppression(models.Model):
    """An address that must not be written to: by one tenant, by all of a company, or by anybody."""

    _name = "engine.suppression"
    _inherit = ["lokario.access.mixin"]
    _description = "Suppression"
    _order = "id desc"
    _rec_name = "email"

    email = fields.Char("Address", required=True, index=True)
    tenant_id = fields.Many2one("engine.tenant", index=True, ondelete="cascade", help="Empty: all tenants")
    everywhere = fields.Boolean("In all companies", groups="base.group_system", help="No tenant of any company")
    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", store=True, readonly=False, index=True, precompute=True
    )
    reason = fields.Selection(REASONS, required=True, default="manual")
    note = fields.Char(help="Diagnostic, campaign, or who asked")

    _email_uniq = models.UniqueIndex(
        "(email, COALESCE(tenant_id, 0), COALESCE(company_id, 0))", "This address is suppressed already."
    )

    _everywhere_without_tenant = models.Constraint(
        "CHECK(NOT everywhere OR (tenant_id IS NULL AND company_id IS NULL))",
        "A suppression in all companies names no tenant and no company.",
    )

    @api.depends("tenant_id", "everywhere")
    def _compute_company_id(self):
        for suppression in self:
            if suppression.sudo().everywhere:
                suppression.company_id = False
            else:
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
