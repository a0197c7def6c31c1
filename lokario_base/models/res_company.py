from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from odoo import fields, models

DEFAULT_ZONE = "UTC"


class ResCompany(models.Model):
    _inherit = "res.company"

    def _lokario_time_zone(self) -> str:
        """Return the IANA name of the company's time zone: its address's, else its working hours', else UTC."""
        self.ensure_one()
        calendar = self.resource_calendar_id if "resource_calendar_id" in self._fields else None
        return self.partner_id.tz or (calendar and calendar.tz) or DEFAULT_ZONE

    def _lokario_today(self) -> date:
        """Return the calendar day that the company has now."""
        return self._lokario_day(fields.Datetime.now())

    def _lokario_day(self, instant: datetime) -> date:
        """Return the calendar day that the company had at an instant, given as Odoo stores it."""
        return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(self._lokario_time_zone())).date()

    def _colleagues(self, groups):
        """Return the colleagues of these groups (external identifiers) who work for the company, the best first."""
        self.ensure_one()
        users = self.env["res.users"].sudo()
        for group in map(self.env.ref, groups):
            found = users.search([("company_ids", "in", self.ids), ("all_group_ids", "in", group.ids)], order="id")
            users |= found._still_here().sorted(lambda user: user.company_id != self)  # at home here first
        return users
