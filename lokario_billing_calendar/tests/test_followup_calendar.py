from datetime import date, timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.lokario_billing.tests.common import BillingCase


@tagged("post_install", "-at_install")
class TestFollowupCalendar(BillingCase):
    def test_an_appointment_is_followed_up(self):
        self.env.company.partner_id.tz = "Europe/Paris"
        start = fields.Datetime.to_datetime("2026-03-10 23:30:00")  # after midnight there
        event = self.env["calendar.event"].create(
            {
                "name": "Visit",
                "start": start,
                "stop": start + timedelta(hours=1),
                "partner_ids": [fields.Command.set((self.customer | self.env.user.partner_id).ids)],
            }
        )
        followup = self.started(event)
        self.assertEqual((followup.kind, followup.partner_id), ("appointment", self.customer))
        self.assertEqual(
            (followup.event_id, followup._document(), followup.due_date), (event, event, date(2026, 3, 11))
        )
