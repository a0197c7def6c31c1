from odoo import models

DEFAULT_ZONE = "UTC"


class ResCompany(models.Model):
    _inherit = "res.company"

    def _lokario_time_zone(self) -> str:
        """Return the IANA name of the company's time zone: its address's, else its working hours', else UTC."""
        self.ensure_one()
        calendar = self.resource_calendar_id if "resource_calendar_id" in self._fields else None
        return self.partner_id.tz or (calendar and calendar.tz) or DEFAULT_ZONE
