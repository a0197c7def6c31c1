from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    contact_project_id = fields.Many2one(
        "project.project",
        "Ticket Project",
        help="Each message of the page /contact becomes a task of this project.",
        groups="base.group_user",
        domain="[('company_id', 'in', (False, id))]",
        check_company=True,
    )
