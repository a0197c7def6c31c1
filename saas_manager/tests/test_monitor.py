import socket
from contextlib import nullcontext
from datetime import date
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from ..exceptions import ServerUnreachable
from ..tools import admin_credentials
from ..tools.instance_database import InstanceDatabase
from ..tools.reachability import Reachability, look
from .common import SaasCase

LOGIN = "2026-03-04 05:06:07"


class TestLook(BaseCase):
    def test_an_address_that_answers_and_one_that_does_not(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            self.assertEqual(look(url), Reachability())
        self.assertTrue(look(url).problem)

    def test_what_is_no_address(self):
        for url in (False, "", "https://", "https://x:99999", "http://" + "a" * 300 + ".test"):
            with self.subTest(url):
                self.assertTrue(look(url).problem)

    def test_one_without_a_certificate_is_no_https(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.assertTrue(look(f"https://127.0.0.1:{server.getsockname()[1]}", timeout=0.2).problem)


@tagged("post_install", "-at_install")
class TestMonitor(SaasCase):
    """Size, users, last login and the address are on the form; what does not answer holds up no other."""

    def setUp(self):
        super().setUp()
        self.found = Reachability(certificate_until=date(2027, 1, 2))
        self.startPatcher(patch.object(self.registry["saas.monitor"], "_reach__", lambda _monitor, _url: self.found))
        self.startPatcher(patch.object(InstanceDatabase, "session", lambda _database: nullcontext()))
        self.startPatcher(patch.object(InstanceDatabase, "size", lambda _database: 3 * 1024 * 1024))
        self.startPatcher(patch.object(admin_credentials, "count_of_users", lambda _connection: 7))
        self.startPatcher(patch.object(admin_credentials, "last_login", lambda _connection: LOGIN))
        self.instance, self.other = self.new_instance("martin"), self.new_instance("other")
        for instance in self.instance | self.other:
            self.force_state(instance, "active", attempt=instance.name)

    def run_cron(self):
        self.env.ref("saas_manager.ir_cron_monitor").method_direct_trigger()
        self.env.invalidate_all()

    def test_figures(self):
        self.run_cron()
        for instance in self.instance | self.other:
            self.assertEqual((instance.database_size, instance.user_count), (3.0, 7))
            self.assertEqual(str(instance.last_login_at), LOGIN)
            self.assertEqual(instance.certificate_until, date(2027, 1, 2))

    def test_an_address_that_is_lost_and_found(self):
        self.run_cron()
        self.found = Reachability("certificate has expired")
        self.run_cron()
        since = self.instance.unreachable_since
        self.assertTrue(since)
        self.assertEqual(self.instance.unreachable_reason, "certificate has expired")
        self.run_cron()
        self.assertEqual(self.instance.unreachable_since, since)
        self.found = Reachability()
        self.run_cron()
        self.assertFalse(self.instance.unreachable_since or self.instance.unreachable_reason)

    def test_one_that_does_not_answer_holds_up_no_other(self):
        with patch.object(admin_credentials, "count_of_users", side_effect=[ServerUnreachable("gone"), 1]):
            self.run_cron()
        self.assertEqual(sorted((self.instance | self.other).mapped("user_count")), [0, 1])
        self.assertTrue(self.instance.measured_at and self.other.measured_at)
