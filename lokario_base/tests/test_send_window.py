from datetime import date, datetime, time, timedelta

from odoo.tests import BaseCase, tagged

from ..tools.send_window import SendWindow, clock, public_holidays


@tagged("post_install", "-at_install")
class TestSendWindow(BaseCase):
    def test_hours_follow_the_time_zone_and_its_summer_time(self):
        office = SendWindow("Europe/Paris", time(9), time(18), country="FR")
        self.assertFalse(office.is_open(datetime(2026, 1, 5, 7, 59)))  # 8:59 in winter
        self.assertTrue(office.is_open(datetime(2026, 1, 5, 8, 0)))
        self.assertTrue(office.is_open(datetime(2026, 7, 6, 7, 0)))  # 9:00 in summer
        self.assertFalse(office.is_open(datetime(2026, 7, 14, 10, 0)))  # holiday
        self.assertFalse(office.is_open(datetime(2026, 1, 4, 10, 0)))  # Sunday
        self.assertEqual(office.next_open(datetime(2026, 5, 7, 16, 10)), datetime(2026, 5, 11, 7, 0))

    def test_a_night_shift_belongs_to_the_evening_before(self):
        night = SendWindow("UTC", time(22), time(6), frozenset({4}), country="")  # Friday night
        self.assertTrue(night.is_open(datetime(2026, 1, 10, 3, 0)))  # Saturday 3:00
        self.assertFalse(night.is_open(datetime(2026, 1, 9, 3, 0)))

    def test_holidays_of_france(self):
        self.assertIn(date(2027, 3, 29), public_holidays("FR", 2027))  # Easter Monday
        self.assertIn(date(2024, 5, 9), public_holidays("FR", 2024))  # Ascension
        self.assertEqual(len(public_holidays("FR", 2026)), 11)

    def test_around_the_clock(self):
        always = SendWindow("Europe/Paris", time(0), time(0), frozenset(range(5)), country="")
        self.assertTrue(always.is_open(datetime(2026, 1, 5, 23, 0) - timedelta(minutes=1)))
        self.assertEqual(always.next_open(datetime(2026, 1, 9, 23, 30)), datetime(2026, 1, 11, 23, 0))
        self.assertEqual(clock(24), time.max)
        self.assertEqual(clock(9.5), time(9, 30))

    def test_the_next_opening_of_a_night_shift(self):
        night = SendWindow("UTC", time(22), time(6), frozenset(range(5)), country="")
        self.assertEqual(night.next_open(datetime(2026, 1, 5, 6, 0)), datetime(2026, 1, 5, 22, 0))
        self.assertEqual(night.next_open(datetime(2026, 1, 10, 7, 0)), datetime(2026, 1, 12, 22, 0))
        self.assertEqual(night.next_open(datetime(2026, 1, 10, 3, 0)), datetime(2026, 1, 10, 3, 0))
