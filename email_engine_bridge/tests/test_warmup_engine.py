from datetime import date, datetime, timedelta

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, new_test_user, tagged

from .common import EngineCommittedCase

START = datetime(2026, 2, 16, 0, 30)


@tagged("post_install", "-at_install")
class TestWarmupEngine(EngineCommittedCase):
    def _play(self, ip, days, share=1.0, bounced=0.0, complained=0.0, start=START):
        """Send `share` of each day's quota, then let the 00:30 job count the day; returns the day after."""
        with freeze_time(start) as clock:  # one clock: each new one goes through all modules
            for number in range(days):
                today = start + timedelta(days=number)
                clock.move_to(today)
                quota = self.quota._read_today(ip.tenant_id, ip)[ip.id]["quota"]
                sent = round(quota * share)
                if sent:
                    lease = self.quota._reserve(ip.tenant_id, sent, ips=ip)[0]["reservation"]
                    self.quota._settle(lease, sent)
                    counts = {"bounced": round(sent * bounced), "complained": round(sent * complained)}
                    self._count_events(ip, today.date(), **counts)
                clock.move_to(today + timedelta(days=1))
                self._run_cron("consolidate")
        return start + timedelta(days=days)

    def _run_cron(self, name):
        self.run_cron(f"email_engine_bridge.ir_cron_{name}")

    def test_42_used_days_make_an_ip_active(self):
        quotas = []
        after = START
        for _week in range(6):
            quotas.append(self.ip_b1.plan_quota)
            after = self._play(self.ip_b1, 7, bounced=0.01, start=after)
        self.assertEqual(quotas, [50, 200, 500, 1500, 5000, 10000])
        self.assertEqual((self.ip_b1.status, self.ip_b1.phase), ("active", "active"))
        self.assertEqual(sum(self.ip_b1.day_ids.mapped("sent")), 120_750)
        texts = " ".join(self.ip_b1.message_ids.mapped("body"))
        self.assertIn("week_1 is done: week_2, 200 a day", texts)
        self.assertIn("active at 10000 a day", texts)
        with freeze_time(after):
            row = self.quota._read_today(self.tenant_b)[self.ip_b1.id]
        self.assertEqual(row["quota"], 10000)

    def test_the_curve_shows_plan_and_reality(self):
        after = self._play(self.ip_b1, 8)
        self._play(self.ip_b1, 1, share=0.5, start=after)
        curve = self.env["engine.warmup.curve"].search([("ip_id", "=", self.ip_b1.id)])
        planned, sent = (curve.filtered(lambda row, name=name: row.series == name) for name in ("planned", "sent"))
        self.assertEqual(sent.mapped("emails"), [50] * 7 + [200, 100])
        self.assertEqual(planned.mapped("emails")[:9], [50] * 7 + [200] * 2)
        self.assertEqual((len(planned), sum(planned.mapped("emails")[:42])), (49, 120_750))
        self.assertEqual(planned[0].day, sent[0].day)

    def test_idle_days_hold_and_a_day_is_counted_once(self):
        after = self._play(self.ip_b1, 3)
        after = self._play(self.ip_b1, 4, share=0, start=after)
        self.assertEqual((self.ip_b1.used_days, self.ip_b1.idle_days, self.ip_b1.phase), (3, 4, "week_1"))
        with freeze_time(after):
            self._run_cron("consolidate")
            self._run_cron("consolidate")
        self.assertEqual((self.ip_b1.used_days, self.ip_b1.idle_days), (3, 4))

    def test_missed_runs_are_made_up(self):
        self._play(self.ip_b1, 1)
        with freeze_time(START + timedelta(days=11)):
            self._run_cron("consolidate")
        self.assertEqual(self.ip_b1.idle_days, 10)
        self.assertEqual(self.ip_b1.consolidated_on, date(2026, 2, 26))

    def test_bad_list_pauses_explains_and_alerts(self):
        self.tenant_b.write({"alert_email": "ops@beta.test"})
        after = self._play(self.ip_b1, 7, bounced=0.02)
        self._play(self.ip_b1, 1, bounced=0.20, start=after)
        self.assertEqual((self.ip_b1.status, self.ip_b1.health), ("paused", "pause"))
        self.assertIn("bounces in", self.ip_b1.health_reason)
        alert = self.env["engine.alert"].search([("ip_id", "=", self.ip_b1.id)], limit=1)
        self.assertIn("Ok → Pause", alert.text)
        self.assertEqual(alert.telegram_state, "none")
        mail = self.env["mail.mail"].search([("email_to", "=", "ops@beta.test")], limit=1)
        self.assertIn("Ok → Pause", mail.body_html)
        self.assertEqual(self.quota._reserve(self.tenant_b, 1), [])

    def test_pause_probation_and_back(self):
        after = self._play(self.ip_b1, 8, bounced=0.20)
        self.assertEqual(self.ip_b1.health, "probation")
        self.assertEqual(self.ip_b1.status, "warming")
        with freeze_time(after):
            self.assertEqual(self.quota._read_today(self.tenant_b)[self.ip_b1.id]["quota"], 25)
        self._play(self.ip_b1, 4, bounced=0.0, start=after)
        self.assertEqual(self.ip_b1.health, "ok")

    def test_emergency_brake_within_the_day(self):
        with freeze_time(START + timedelta(hours=5)):
            self.quota._reserve(self.tenant_b, 50)
            lease = self.env["engine.lease"].search([], limit=1)
            self.quota._settle(lease.token, 50)
            self._count_events(self.ip_b1, START.date(), bounced=15)
            self._run_cron("judge_today")
        self.assertEqual(self.ip_b1.status, "paused")

    def test_what_mailwizz_did_not_send_yet_hides_no_bounce(self):
        """MailWizz was given 1,000 people for today; of its first 100 mails 15 came back."""
        with freeze_time(START + timedelta(hours=5)):
            counts = {"sent": 1000, "reported": 1000, "recorded": 100, "delivered": 85, "bounced": 15}
            self._count_events(self.ip_b1, START.date(), **counts)
            self._run_cron("judge_today")
        self.assertEqual(self.ip_b1.status, "paused")

    def test_one_complaint_stops_nobody(self):
        after = self._play(self.ip_b1, 6)
        with freeze_time(after):
            self._count_events(self.ip_b1, after.date(), complained=1)
            self._run_cron("judge_today")
        self.assertEqual(self.ip_b1.status, "warming")

    def test_the_day_is_the_tenants(self):
        self.tenant_b.tz = "America/New_York"
        with freeze_time(datetime(2026, 2, 17, 3, 0)):
            self.assertEqual(self.tenant_b._get_today(), date(2026, 2, 16))
            self.quota._reserve(self.tenant_b, 50)
        with freeze_time(datetime(2026, 2, 17, 5, 1)):
            self.assertEqual(self.quota._read_today(self.tenant_b)[self.ip_b1.id]["remaining"], 50)

    def test_reason_and_author_of_every_change_by_hand(self):
        manager = new_test_user(
            self.env, "mta", groups="email_engine_bridge.group_email_engine_bridge_manager", name="Mia Ta"
        )
        ip = self.ip_b1.with_user(manager)
        with self.assertRaisesRegex(UserError, "Change state"):
            ip.status = "paused"
        with self.assertRaisesRegex(UserError, "Change state"):
            ip.write({"stage": 5})
        change = self.env["engine.ip.change"].with_user(manager)
        with self.assertRaisesRegex(UserError, "Say why"):
            change.create({"ip_ids": ip.ids, "action": "pause", "reason": "  "}).action_apply()
        change.create({"ip_ids": ip.ids, "action": "pause", "reason": "Spamhaus listing"}).action_apply()
        self.assertEqual(ip.status, "paused")
        message = ip.message_ids.filtered(lambda message: "Spamhaus" in (message.body or ""))
        self.assertEqual(message.author_id, manager.partner_id)
        change.create({"ip_ids": ip.ids, "action": "resume", "reason": "Delisted"}).action_apply()
        self.assertEqual((ip.status, ip.health), ("warming", "ok"))
        change.create({"ip_ids": ip.ids, "action": "quota", "quota": 10, "reason": "Slowly"}).action_apply()
        self.assertEqual(ip.quota_today, 10)
        self.assertIn("50 → 10. Slowly", ip.message_ids[0].body)
        with self.assertRaisesRegex(UserError, "not in provisioning"):
            change.create({"ip_ids": ip.ids, "action": "accept", "reason": "Twice"}).action_apply()

    def test_user_reads_manager_changes(self):
        user = new_test_user(self.env, "reader", groups="email_engine_bridge.group_email_engine_bridge_user")
        self.assertEqual(self.ip_b1.with_user(user).status, "warming")
        with self.assertRaises(AccessError):
            self.ip_b1.with_user(user).hostname = "x.beta.test"
        with self.assertRaises(AccessError):
            self.env["engine.ip.change"].with_user(user).create({"ip_ids": self.ip_b1.ids, "reason": "Me"})

    def test_new_ip_waits_and_may_be_accepted_with_a_reason(self):
        ip = self.tenant_a._add_domain("mail3.alpha.test", "192.0.2.3")
        self.assertEqual((ip.status, ip.quota_today), ("provisioning", 0))
        change = {"ip_ids": ip.ids, "action": "accept", "reason": "DNS comes tomorrow"}
        self.env["engine.ip.change"].create(change).action_apply()
        ip.invalidate_recordset()
        self.assertEqual((ip.status, ip.quota_today, ip.phase), ("warming", 50, "week_1"))
