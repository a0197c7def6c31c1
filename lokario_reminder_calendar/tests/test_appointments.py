"""The hourly check over appointments of several people."""

from datetime import timedelta

from freezegun import freeze_time
from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, TransactionCase, tagged

from odoo.addons.lokario_reminder.tests.common import CHECKED, ReminderMixin


class AppointmentCase(ReminderMixin, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ann, cls.bea, cls.cid = cls.colleagues("")

    def appointment(self, minutes, *users, **values):
        start = fields.Datetime.now() + timedelta(minutes=minutes)
        partners = self.env["res.users"].concat(*users).partner_id
        return (
            self.env["calendar.event"]
            .with_user(users[0])
            .create(
                {
                    "name": "Dentist",
                    "start": start,
                    "stop": start + timedelta(hours=1),
                    "user_id": users[0].id,
                    "partner_ids": [Command.set(partners.ids)],
                    "alarm_ids": [Command.clear()],
                    **values,
                }
            )
            .with_env(self.env)
        )


@tagged("post_install", "-at_install")
class TestAppointments(AppointmentCase):
    def test_appointment_at_24_hours_and_at_one_hour(self):
        event = self.appointment(20 * 60, self.ann)
        self.run_check()
        self.run_check()
        with freeze_time(event.start - timedelta(minutes=30)):
            self.run_check()
        leads = [occurrence.split("-")[-1] for occurrence in self.notices(event).mapped("occurrence")]
        self.assertEqual(sorted(leads), ["1h", "24h"])

    def test_who_declined_is_not_reminded(self):
        event = self.appointment(20 * 60, self.ann, self.bea)
        event.attendee_ids.filtered(lambda attendee: attendee.partner_id == self.ann.partner_id).do_decline()
        self.run_check()
        self.assertEqual(self.notices(event).user_id, self.bea)

    def test_an_event_with_alarms_of_its_own_is_not_doubled(self):
        alarm = self.env.ref("calendar.alarm_notif_1")
        event = self.appointment(120, self.ann, alarm_ids=[Command.set(alarm.ids)])
        self.run_check()
        self.assertFalse(self.notices(event))

    def test_every_two_hours_no_reminder_of_an_hour_is_lost(self):
        self.check.endpoint_interval = "2 hours"
        events = [self.appointment(minutes, self.ann) for minutes in (5, 59, 61, 90, 119, 125)]
        later = self.appointment(200, self.ann)
        self.run_check()
        for event in events:
            self.assertTrue(self.notices(event).occurrence.endswith("-1h"), event.start)
        self.assertTrue(self.notices(later).occurrence.endswith("-24h"))
        with freeze_time(fields.Datetime.now() + timedelta(hours=2)):
            self.run_check()
        self.assertEqual(sorted(each[-3:] for each in self.notices(later).mapped("occurrence")), ["-1h", "24h"])
        self.assertEqual({len(self.notices(event)) for event in events}, {1})

    def test_an_appointment_says_what_when_and_where_to_its_guests_only(self):
        self.ann.tz = "Europe/Paris"
        event = self.appointment(600, self.ann, privacy="private", location="Rue Haute 1")
        self.run_check()
        body = self.digests(self.ann).body
        self.assertIn("Dentist", body)
        self.assertIn("Rue Haute 1", body)
        local = fields.Datetime.context_timestamp(event.with_context(tz="Europe/Paris"), event.start)
        self.assertRegex(body, rf"{int(local.strftime('%I'))}:{local:%M}|{local:%H:%M}")
        self.assertFalse(self.digests(self.cid))
        self.assertNotIn("Dentist", self.notices(event).title)


@tagged("post_install", "-at_install")
class TestDocumentedUrl(AppointmentCase, HttpCase):
    def test_the_hourly_check(self):
        event = self.appointment(30, self.ann, self.bea)
        for _twice in range(2):
            self.assertEqual(self.call(), (200, CHECKED))
        self.assertEqual(self.notices(event).user_id, self.ann | self.bea)
