from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.email_engine_bridge.tools.contact_rows import normalise_address

REASONS = [
    ("unsubscribe", "Unsubscribed"),
    ("complaint", "Complaint"),
    ("hard_bounce", "Address does not exist"),
    ("manual", "By hand"),
]


SOURCES = [
    ("powermta", "PowerMTA's records"),
    ("page", "The recipient, on our page"),
    ("mailwizz", "MailWizz"),
    ("api", "API"),
    ("screen", "Screen"),
]
# One without an end takes the place of one with an end, a complaint, which is never lifted, that of any other; what was
# lifted stays as it was.
ON_CONFLICT = """ON CONFLICT (email, COALESCE(tenant_id, 0), COALESCE(company_id, 0)) WHERE lifted_at IS NULL DO UPDATE
   SET reason = EXCLUDED.reason, source = EXCLUDED.source, note = EXCLUDED.note, until = EXCLUDED.until,
       write_uid = EXCLUDED.write_uid, write_date = EXCLUDED.write_date
 WHERE (s.until IS NOT NULL AND (EXCLUDED.until IS NULL OR EXCLUDED.until > s.until))
    OR (EXCLUDED.reason = 'complaint' AND s.reason <> 'complaint')"""


class EngineSuppression(models.Model):
    """An address that must not be written to: by one tenant, by all of a company, or by anybody."""

    _name = "engine.suppression"
    _inherit = ["engine.address.mixin", "lokario.access.mixin"]
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
    source = fields.Selection(SOURCES, required=True, default="screen", readonly=True)
    note = fields.Char("Evidence", help="Diagnostic, campaign, or who asked")
    until = fields.Date(help="The last day; empty: until it is lifted")
    lifted_at = fields.Datetime(readonly=True, copy=False)
    lifted_uid = fields.Many2one("res.users", "Lifted by", readonly=True, copy=False)
    lifted_because = fields.Char(readonly=True, copy=False)

    _email_uniq = models.UniqueIndex(
        "(email, COALESCE(tenant_id, 0), COALESCE(company_id, 0)) WHERE lifted_at IS NULL",
        "This address is suppressed already.",
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

    @api.model
    def _suppress(self, tenant, emails, reason, note="", source="screen", until=None):
        """Suppress the addresses for one tenant; those that are already stay as they are."""
        emails = sorted({normalise_address(email) for email in emails if email})
        if not emails:
            return
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                f"""INSERT INTO engine_suppression AS s (email, tenant_id, company_id, reason, note, source, until,
                                                    create_uid, write_uid, create_date, write_date)
                    SELECT email, %s, %s, %s, %s, %s, %s::date, %s, %s,
                           now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
                      FROM unnest(%s) AS email
                    {ON_CONFLICT}""",  # noqa: S608 constants
                tenant.id,
                tenant.company_id.id,
                reason,
                note,
                source,
                until,
                self.env.uid,
                self.env.uid,
                emails,
            )
        )
        self.invalidate_model()

    def action_lift(self):
        """Ask why the address may be written to again."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Lift the suppression"),
            "res_model": "engine.suppression.lift",
            "view_mode": "form",
            "target": "new",
            "context": {"default_suppression_id": self.id},
        }

    def _lift(self, reason):
        """Let the address be written to again; a complaint is for ever."""
        self.check_access("write")
        if complaint := self.filtered(lambda one: one.reason == "complaint")[:1]:
            raise UserError(self.env._("%s complained about a mail: this is not lifted.", complaint.email))
        standing = self.filtered(lambda one: not one.lifted_at)
        standing.sudo().write(
            {"lifted_at": fields.Datetime.now(), "lifted_uid": self.env.uid, "lifted_because": reason}
        )

    def _describe(self):
        """Return the suppression as the API lists it."""
        self.ensure_one()
        return {
            "id": self.id,
            "email": self.email,
            "reason": self.reason,
            "source": self.source,
            "note": self.note or "",
            "since": self.create_date,
            "until": self.until or None,
            "lifted_at": self.lifted_at or None,
            "lifted_because": self.lifted_because or "",
        }
