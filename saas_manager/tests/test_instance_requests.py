import contextlib
import json
from types import SimpleNamespace
from unittest.mock import patch

import psycopg2
from freezegun import freeze_time
from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.mail.tests.common import MailCommon
from odoo.addons.queue_job.tests.common import trap_jobs

from ..exceptions import ServerUnreachable
from ..tools import admin_credentials
from .common import SaasCase


@tagged("post_install", "-at_install")
class TestInstanceRequests(SaasCase, MailCommon):
    """What the button refuses, and what it queues."""

    @contextlib.contextmanager
    def assertRefused(self, instance, words):
        before = instance.state
        with self.assertRaisesRegex(UserError, words), trap_jobs() as trap:
            yield
        trap.assert_jobs_count(0)
        self.assertEqual(instance.state, before)

    def test_who_is_let_in_again_after_its_date_stays(self):
        instances = self.new_instance("first") | self.new_instance("second")
        for instance in instances:
            self.force_state(instance, "active")
            instance.expiration_date = "2026-03-01"
        instances[0]._set_guarded(reactivation_date="2026-03-05 08:00:00")
        suspended = []
        with patch.object(self.registry["saas.expiry"], "_suspend", lambda _job, instance: suspended.append(instance)):
            self.env.ref("saas_manager.ir_cron_expiry").method_direct_trigger()
            self.assertEqual(suspended, [instances[1]])
            instances[0].expiration_date = "2026-03-10"
            self.env.ref("saas_manager.ir_cron_expiry").method_direct_trigger()
            self.assertIn(instances[0], suspended)

    def test_the_last_day_ends_where_the_company_is(self):
        instance, suspended = self.new_instance(), []
        self.force_state(instance, "active")
        instance._set_guarded(expiry_notified_on="2026-03-01")
        instance.expiration_date = "2026-03-01"
        with (
            patch.object(self.registry["saas.expiry"], "_suspend", lambda _job, one: suspended.append(one)),
            freeze_time("2026-03-02 01:00:00"),
        ):
            for zone, count in (("America/Guadeloupe", 0), ("Europe/Paris", 1)):
                instance.company_id.partner_id.tz = zone
                self.env.ref("saas_manager.ir_cron_expiry").method_direct_trigger()
                self.assertEqual(len(suspended), count, zone)

    def test_who_is_let_in_on_the_day_after_stays_wherever_that_is(self):
        instance, suspended = self.new_instance(), []
        self.force_state(instance, "active")
        instance.expiration_date = "2026-03-01"
        instance.company_id.partner_id.tz = "Europe/Paris"
        instance._set_guarded(reactivation_date="2026-03-01 23:30:00")  # after midnight there
        with (
            patch.object(self.registry["saas.expiry"], "_suspend", lambda _job, one: suspended.append(one)),
            freeze_time("2026-03-03 01:00:00"),
        ):
            for zone, stays in (("Europe/Paris", True), ("America/Guadeloupe", False)):
                instance.company_id.partner_id.tz = zone
                self.env.ref("saas_manager.ir_cron_expiry").method_direct_trigger()
                self.assertEqual(not suspended, stays, zone)

    def test_the_client_reads_why_in_his_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.partner.lang, reasons = "fr_FR", []
        self.force_state(self.new_instance(expiration_date="2026-03-01"), "active")
        with patch.object(self.registry["saas.instance"], "_request", lambda _one, _code, why: reasons.append(why)):
            self.env.ref("saas_manager.ir_cron_expiry").method_direct_trigger()
        self.assertEqual(reasons, ["Elle a expiré le 01/03/2026."])

    def test_the_administrator_of_an_unnamed_contact_has_the_companys_name(self):
        unnamed = {"parent_id": self.partner.id, "type": "invoice", "email": "invoices@martin.test"}
        instance, written = self.new_instance(partner_id=self.env["res.partner"].create(unnamed).id), []
        run = SimpleNamespace(connection=None, password=SimpleNamespace(hash=str))
        with patch.object(admin_credentials, "write_administrator", lambda _run, who, _hash: written.append(who)):
            instance._create_client_admin(run)
        self.assertEqual([(each.name, each.email) for each in written], [("Martin", "invoices@martin.test")])
        instance.partner_id.email = False
        self.assertEqual(instance.admin_login, "admin")

    def test_a_login_that_odoo_has_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "Odoo itself"):
            self.new_instance(admin_login="public")

    def test_names_follow_from_the_subdomain(self):
        self.server.public_port = 8069
        instance = self.new_instance("  MARTIN ")
        self.assertEqual(instance.host, "martin.example.test")
        self.assertEqual(instance.url, "https://martin.example.test:8069")
        self.assertEqual(instance.database_name, "t-martin")
        self.assertEqual(instance.admin_login, "marie@martin.test")
        values = {"subdomain": "martin", "plan_id": False}
        unfinished = self.env["saas.instance"].new(values)  # no template, so no server yet
        self.assertEqual([unfinished.host, unfinished.url, unfinished.database_name], [False] * 3)

    def test_the_form_follows_client_and_plan_until_something_exists(self):
        other = self.env["res.partner"].create({"name": "Alpha", "email": "info@alpha.test, b@alpha.test"})
        small = self.env["saas.template"].create({"name": "L", "code": "large", "server_id": self.server.id})
        large = self.env["saas.plan"].create({"name": "Large", "template_id": small.id})
        form = Form(self.env["saas.instance"])
        form.name = form.subdomain = "alpha"
        form.plan_id = self.plan
        self.assertFalse(form.admin_login, "no client, no login")
        form.partner_id = self.partner
        self.assertEqual((form.admin_login, form.template_id), ("marie@martin.test", self.template))
        form.partner_id, form.plan_id = other, large
        instance = form.save()
        self.assertEqual((instance.admin_login, instance.template_id), ("info@alpha.test", small))
        self.assertEqual(self.env["saas.instance.mail"]._recipient(instance, "provisioned"), "info@alpha.test")
        instance.write({"partner_id": self.partner.id, "plan_id": self.plan.id})
        self.assertEqual((instance.admin_login, instance.template_id), ("marie@martin.test", self.template))
        self.partner.email = "new@martin.test"
        self.assertEqual(instance.admin_login, "new@martin.test")
        self.force_state(instance, "active")
        instance.write({"partner_id": other.id, "plan_id": large.id})
        self.assertEqual((instance.admin_login, instance.template_id), ("new@martin.test", self.template))

    def test_the_only_plan_is_proposed(self):
        form = Form(self.env["saas.instance"])
        self.assertEqual((form.plan_id, form.template_id, form.server_id), (self.plan, self.template, self.server))
        self.plan.copy({"code": "other"})
        self.assertFalse(Form(self.env["saas.instance"]).plan_id)

    def test_who_changes_what_exists_is_told_what_will_happen(self):
        other = self.env["res.partner"].create({"name": "Alpha", "email": "info@alpha.test"})
        instance = self.new_instance()
        instance.partner_id = other
        self.assertIsNone(instance._onchange_partner_id(), "nothing exists yet")
        self.force_state(instance, "active")
        self.assertIn("info@alpha.test", instance._onchange_partner_id()["warning"]["message"])
        self.assertIn("“Standard”", instance._onchange_plan_id()["warning"]["message"])
        trial = self.plan.copy({"purpose": "staging", "code": "trial"})
        with self.assertRefused(instance, "by “Put into Production”"):
            instance.plan_id = trial

    def test_a_plans_limits_reach_the_host(self):
        instance, terminated = self.new_instance(), self.new_instance("gone")
        self.force_state(instance, "active")
        self.force_state(terminated, "terminated")
        routes = self.env["lokario.gate.route"]
        routes._lead_to(instance)
        self.plan.write({"memory_mb": 512, "idle_minutes": 3})
        self.assertEqual(json.loads(routes._of(instance).limits)["memory_mb"], 512)
        self.assertEqual(routes._of(instance).idle_minutes, 3)
        instance.plan_id = self.plan.copy({"code": "large", "memory_mb": 4096})
        self.assertEqual(json.loads(routes._of(instance).limits)["memory_mb"], 4096)
        self.assertFalse(routes._of(terminated))
        with self.assertRaises(psycopg2.errors.CheckViolation), mute_logger("odoo.sql_db"):
            self.plan.memory_mb = 1
            self.env.flush_all()

    def test_a_login_is_one_word(self):
        instance = self.new_instance()
        for login in ("a@x.test, b@x.test", "a b", "a;b"):
            with self.subTest(login), self.assertRaisesRegex(ValidationError, "one address or name"):
                instance.admin_login = login

    def test_an_instance_that_never_lived_mails_nobody(self):
        for state in ("draft", "error"):
            instance = self.new_instance(state)
            if state == "error":
                self.force_state(instance, state)
            with self.mock_mail_gateway():
                answer = instance.action_terminate()
            self.assertEqual((instance.state, instance.mail_ids.ids, self._mails), ("terminated", [], []))
            self.assertEqual(answer["params"]["type"], "success")

    def test_a_new_server_starts_with_the_settings(self):
        settings = {"saas_base_domain": "clients.example", "saas_protocol": "https", "saas_public_port": 8443}
        self.env["res.config.settings"].create(settings).execute()
        server = self.env["saas.server"].create({"name": "Next"})
        self.assertEqual((server.base_domain, server.protocol, server.public_port), ("clients.example", "https", 8443))

    def test_the_button_reserves_and_queues(self):
        instance = self.new_instance()
        with trap_jobs() as trap:
            action = instance.action_provision_instance()
        trap.assert_jobs_count(1, only=instance._job_provision)
        self.assertEqual(instance.state, "provisioning")
        self.assertEqual(action["tag"], "display_notification")

    def test_bad_names(self):
        for name in ("www", "a b", "xn--a", "12", "é" * 5, "x'; DROP TABLE res_users; --"):
            with self.subTest(name), self.assertRaises(ValidationError):
                self.new_instance(name)

    @mute_logger("odoo.sql_db")
    def test_duplicate_subdomain(self):
        self.new_instance()
        with self.assertRaises(psycopg2.IntegrityError):
            self.new_instance()

    def test_client_without_address(self):
        instance = self.new_instance()
        self.partner.email = False
        with self.assertRefused(instance, "no e-mail address"):
            instance.action_provision_instance()

    def test_template_not_built(self):
        instance = self.new_instance()
        self.template.template_db = False
        with self.assertRefused(instance, "not built"):
            instance.action_provision_instance()

    def test_server_not_active(self):
        instance = self.new_instance()
        for state in ("draft", "maintenance"):
            self.server.state = state
            with self.assertRefused(instance, "not active"):
                instance.action_provision_instance()

    def test_server_unreachable(self):
        instance = self.new_instance()
        dead = patch.object(
            self.registry["saas.server"], "_get_postgres__", side_effect=ServerUnreachable("connection refused")
        )
        with dead, self.assertRefused(instance, "does not answer: connection refused"):
            instance.action_provision_instance()

    def test_server_full(self):
        self.server.max_instances = 1
        first, second = self.new_instance("first"), self.new_instance("second")
        with trap_jobs():
            first.action_provision_instance()
        with self.assertRefused(second, "is full"):
            second.action_provision_instance()

    def test_only_once(self):
        instance = self.new_instance()
        with trap_jobs():
            instance.action_provision_instance()
        with self.assertRefused(instance, "in state “Provisioning”"):
            instance.action_provision_instance()

    def test_states_that_do_not_allow_an_action(self):
        instance = self.new_instance()
        for method, words in (
            (instance.action_suspend, "cannot become “Suspended”"),
            (instance.action_reactivate, "cannot become “Active”"),
            (instance.action_send_credentials, "Only an active instance"),
        ):
            with self.assertRefused(instance, words):
                method()
        self.force_state(instance, "terminated")
        with self.assertRefused(instance, "cannot become “Deleted”|cannot become “Terminated”"):
            instance.action_terminate()

    def test_visitors_of_a_suspended_instance_read_what_the_server_says(self):
        instance = self.new_instance()
        self.force_state(instance, "active")
        self.env["lokario.gate.route"]._lead_to(instance)
        self.server.write({"contact": "help@example.test", "suspension_message": "Back on Monday."})
        instance.action_suspend("unpaid invoice")
        self.env.invalidate_all()  # it was written in a transaction of its own
        route = instance._routes()._of(instance)
        self.assertEqual(
            (route.state, route.message, route.contact), ("suspended", "Back on Monday.", "help@example.test")
        )

    def test_deleting_asks_for_the_name(self):
        instance = self.new_instance()
        wizard = self.env["saas.instance.terminate"].create(
            {"instance_id": instance.id, "typed_name": "martin", "reason": "over"}
        )
        with self.assertRefused(instance, "not the name"):
            wizard.action_confirm()
        wizard.typed_name = "Martin"
        wizard.action_confirm()
        self.assertEqual((instance.state, instance.termination_reason), ("terminated", "over"))
        self.assertTrue(self.new_instance(), "the subdomain of a deleted instance is free again")

    def test_several_are_suspended_together_or_none(self):
        first, second = self.new_instance("first"), self.new_instance("second")
        lived = {"activation_date": "2026-01-02 03:04:05"}
        self.force_state(first, "active", **lived)
        with self.assertRefused(first, "“Second” is in state “Draft”"):
            (first | second).action_suspend()
        self.force_state(second, "active", **lived)
        answer = (first | second).action_suspend("unpaid invoice")
        self.env.invalidate_all()
        self.assertEqual((first.state, second.state), ("suspended", "suspended"))
        self.assertEqual((first.mail_state, second.mail_state), ("queued", "queued"))
        self.assertEqual(answer["params"]["message"].count("is queued"), 2)
        (first | second).action_reactivate()
        self.env.invalidate_all()
        self.assertEqual((first.state, second.state), ("active", "active"))
