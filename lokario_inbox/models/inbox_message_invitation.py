import base64

import pytz
from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.invitation import read_invitation

_MIMETYPES = ("text/calendar", "application/ics")


class InboxMessage(models.Model):
    """Calendar invitations in a mail: shown as a card, put into the calendar by a person."""

    _inherit = "inbox.message"

    def _invitation(self):
        """Return the Invitation that this mail carries, None without one."""
        parts = self.attachment_ids.filtered(lambda part: part.mimetype in _MIMETYPES and part.content)
        return next(filter(None, (read_invitation(base64.b64decode(part.content)) for part in parts)), None)

    def _invitation_values(self):
        """Return what the reader's card shows; moments are UTC strings, days are days."""
        found = self._invitation()
        if not found:
            return False
        start, end = self._invitation_moments(found)
        return {
            "method": found.method,
            "summary": found.summary,
            "start": start,
            "end": end,
            "is_all_day": found.is_all_day,
            "location": found.location,
            "organiser": found.organiser,
            "attendees": list(found.attendees),
            "can_add": "calendar.event" in self.env and found.method in ("request", "publish"),
        }

    def _invitation_moments(self, found):
        if found.is_all_day:
            return fields.Date.to_string(found.start), fields.Date.to_string(found.end)
        moments = (found.start, found.end)
        if found.is_floating:
            zone = pytz.timezone(self.env.user.tz or "UTC")
            moments = [zone.localize(moment).astimezone(pytz.utc).replace(tzinfo=None) for moment in moments]
        return tuple(map(fields.Datetime.to_string, moments))

    def action_add_to_calendar(self):
        """Return the form of a new event with the invitation's words: a person saves it."""
        self.ensure_one()
        self.check_access("read")
        values = self._invitation_values()
        if not values or not values["can_add"]:
            raise UserError(self.env._("This mail has no invitation that can be put into the calendar."))
        dates = (
            {"start_date": values["start"], "stop_date": values["end"]}
            if values["is_all_day"]
            else {"start": values["start"], "stop": values["end"]}
        )
        defaults = {
            "name": values["summary"] or self.subject,
            "allday": values["is_all_day"],
            "location": values["location"],
            "description": values["organiser"],
            **dates,
        }
        return {
            "type": "ir.actions.act_window",
            "res_model": "calendar.event",
            "views": [(False, "form")],
            "target": "new",
            "context": {f"default_{name}": value for name, value in defaults.items()},
        }
