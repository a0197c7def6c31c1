from odoo import fields, models

DEFAULT_ZONE = "UTC"


class ResCompany(models.Model):
    _inherit = "res.company"

    deletion_suspends_access = fields.Boolean(
        "Suspend Access During the Delay",
        default=True,
        help="Whoever asked for the deletion of the account cannot log in any more, except to undo it.",
        groups="base.group_user",
    )

    contact_email = fields.Char(
        "Contact Form E-mail", help="Where the messages of the page /contact go.", groups="base.group_user"
    )
    contact_creates_partner = fields.Boolean(
        "Create Contacts From the Form",
        help="Whoever writes by the page /contact becomes a contact.",
        groups="base.group_user",
    )

    def _lokario_time_zone(self) -> str:
        """Return the IANA name of the company's time zone: its address's, else its working hours', else UTC."""
        self.ensure_one()
        calendar = self.resource_calendar_id if "resource_calendar_id" in self._fields else None
        return self.partner_id.tz or (calendar and calendar.tz) or DEFAULT_ZONE
