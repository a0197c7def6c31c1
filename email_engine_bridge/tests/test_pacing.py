from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, Form, freeze_time, tagged

from ..quota_checker import QuotaChecker
from ..tools import pacing
from .common import EngineCommittedCase

NOON = datetime(2026, 2, 16, 12, 10)
LAST_HOUR = datetime(2026, 2, 16, 23, 5)


@tagged("post_install", "-at_install")
class TestPacing(BaseCase):
    def test_caps(self):
        self.assertEqual(pacing.hourly_cap(10000), 1250)
        self.assertEqual(pacing.hourly_cap(50), 50)
        self.assertEqual(pacing.hourly_cap(200), 50)
        self.assertEqual(pacing.hourly_cap(480, 20), 20)
        self.assertEqual(pacing.hourly_cap(10000, spread=False), 10000)
        self.assertEqual(pacing.hourly_cap(480, 20, spread=False), 20)

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(st.integers(1, 10**6), st.integers(0, 23))
    def test_nothing_of_a_day_is_lost(self, quota, begin):
        """Whenever a whole quota is reserved, the day's hours carry it; before the last one none bursts."""
        left = quota
        for hour in range(begin, 24):
            emails = min(left, pacing.hourly_cap(quota, left_of_day=timedelta(hours=24 - hour)))
            left -= emails
            if hour < 23:
                self.assertLessEqual(emails, max(50, -(-quota // 8)))
        self.assertEqual(left, 0)

    def test_a_provider_that_puts_off_much_gets_half(self):
        self.assertEqual(pacing.throttled_rate(100, 30), 50)
        self.assertEqual(pacing.throttled_rate(100, 30, current=50), 25)
        self.assertEqual(pacing.throttled_rate(0, 30), pacing.LEAST)
        self.assertIsNone(pacing.throttled_rate(0, pacing.PUT_OFF - 1), "an accident")
        self.assertIsNone(pacing.throttled_rate(1000, 30), "few of many")


@tagged("post_install", "-at_install")
class TestHourlyCaps(EngineCommittedCase):
    @classmethod
    def setUpData(cls):
        cls.plan = cls.env.ref("email_engine_bridge.engine_warmup_plan_sendgrid")

    def test_hourly_caps_of_sendgrid_hold_whoever_asks(self):
        checker = QuotaChecker(self.env)
        self.ip_a1.plan_id = self.plan
        with freeze_time(NOON):
            self.assertEqual((self.ip_a1.quota_today, self.ip_a1.hourly_cap), (480, 20))
            first, second = checker.reserve_quota(self.ip_a1.id, 100), checker.reserve_quota(self.ip_a1.id, 100)
            self.assertEqual(checker.may_leave_now(self.ip_a1.id, first, 15), 15)
            self.assertEqual(checker.may_leave_now(self.ip_a1.id, second, 15), 5)
            self.assertEqual(checker.may_leave_now(self.ip_a1.id, first, 1), 0)
            self.quota._consume_hourly_cap(self.ip_a1, second, -2)
            self.assertEqual(checker.may_leave_now(self.ip_a1.id, first, 85), 2)
        with freeze_time(NOON + timedelta(hours=1)):
            self.assertEqual(checker.may_leave_now(self.ip_a1.id, first, 83), 20)
            checker.release_quota(first)
            self.assertEqual(checker.may_leave_now(self.ip_a1.id, first, 1), 0)
        with freeze_time(LAST_HOUR):
            self.assertEqual(checker.may_leave_now(self.ip_a1.id, second, 95), 20)

    def test_an_ip_is_added_by_its_form(self):
        with Form(self.env["engine.ip"]) as form:
            form.address, form.hostname = "192.0.2.7", "mail7.alpha.test"
            form.domain_id = self.ip_a1.domain_id
        self.assertEqual((form.record.hourly_cap, form.record.status), (0, "provisioning"))
