import base64
import io
import re
import tarfile

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules import neutralize
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from lokario_testing.environments import pmta_api, telegram

from .common import EngineCommittedCase, EngineHttpCase


@tagged("post_install", "-at_install")
class TestConfiguration(EngineCommittedCase):
    @classmethod
    def setUpData(cls):
        cls.server = cls.env["engine.powermta.server"].create({"name": "MTA 1", "api_key": "k" * 32})
        (cls.tenant_a | cls.tenant_b).server_id = cls.server

    def _run_cron(self, name):
        self.run_cron(f"email_engine_bridge.ir_cron_{name}")

    def test_changes_print_a_version_with_a_semantic_diff(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env.company.partner_id.lang = "fr_FR"
        first = self.server._generate("Start")
        self.assertEqual((first.number, first.changes), (1, "First version"))
        self.assertEqual(self.server._generate("Again"), first)
        self.ip_a1.stage = 1
        self.assertTrue(self.server.is_stale)
        self._run_cron("generate_configuration")
        second = self.server.current_version_id
        self.assertEqual((second.number, second.reason), (2, "Données modifiées"))
        self.assertIn("IP 192.0.2.1: 50/d → 200/d", second.changes.splitlines())
        self.assertFalse(self.server.is_stale)
        self.ip_b1._set_status("paused", "Test")
        third = self.server._generate("Paused")
        self.assertIn("- pool beta-pool virtual-mta: beta-198.51.100.1", third.changes)

    def test_whatever_is_printed_has_the_text_printed_again(self):
        plan = self.ip_a1.plan_id.copy()
        self.ip_a1.plan_id = plan
        provider = self.env["engine.provider"].create({"name": "x", "domains": "x.test"})
        domain = self.env["engine.domain"].create({"name": "other.alpha.test", "tenant_id": self.tenant_a.id})
        changes = {
            "a domain": lambda: domain.copy({"name": "more.alpha.test"}),
            "its archive": lambda: domain.write({"active": False}),
            "a key": lambda: domain.dkim_key_ids.unlink(),
            "a provider": lambda: provider.unlink(),
            "a stage": lambda: plan.stage_ids[0].write({"quota": 60}),
            "a plan": lambda: plan.write({"active_quota": 20000}),
            "a tenant": lambda: self.tenant_b.write({"active": False}),
        }
        for what, change in changes.items():
            self.server.is_stale = False
            change()
            self.assertTrue(self.server.is_stale, what)
        self.server.is_stale = False
        domain.checked_at = "2026-01-01"
        self.assertFalse(self.server.is_stale)

    def test_a_version_is_a_file(self):
        version = self.server._generate("Start")
        self.assertEqual(base64.b64decode(version.content_file).decode(), version.content)
        self.assertEqual(version.content_filename, "pmta-1.conf")

    def test_an_ed25519_key_stands_beside_the_rsa_key(self):
        domain = self.tenant_a._add_domain("mail3.alpha.test", "192.0.2.3").domain_id
        domain.action_add_ed25519()
        key = domain.dkim_key_ids.filtered(lambda key: key.algorithm == "ed25519")
        self.assertIn("k=ed25519", key.record)
        self.assertIn(key.record_name, domain.zone_text)
        key.action_sign()
        self.assertEqual(set(domain.dkim_key_ids.mapped("state")), {"active"})
        (domain.dkim_key_ids - key).unlink()
        domain.action_rotate_dkim()
        self.assertEqual(set(domain.dkim_key_ids.mapped("selector")), {"s2", "s3"})

    def test_settings(self):
        settings = self.env["res.config.settings"]
        for bad in (
            {"engine_dns_servers": "dns.example.com"},
            {"engine_dns_servers": "9.9.9.9:dns"},
            {"engine_telegram_url": "api.telegram.org"},
        ):
            with self.assertRaisesRegex(ValidationError, "^(Name servers|Telegram bot API): give"):
                settings.create(bad)
        settings.create({"engine_dns_servers": "127.0.0.1:5353, 2620:fe::fe"}).execute()
        resolver = self.env["engine.dns.check"]._get_lookup__()._resolver
        servers = [(server.address, server.port) for server in resolver.nameservers]
        self.assertEqual(servers, [("127.0.0.1", 5353), ("2620:fe::fe", 53)])

    def test_a_manager_prints_pushes_and_rolls_back_but_writes_no_version(self):
        manager = new_test_user(self.env, "mta", groups="email_engine_bridge.group_email_engine_bridge_manager")
        server = self.server.with_user(manager)
        server.api_url = "http://127.0.0.1:1"
        server.action_generate()
        version = server.current_version_id
        version.action_push()
        self.assertEqual(version.state, "pending")
        version.action_rollback()
        self.assertEqual(version.create_uid, manager)
        with self.assertRaises(AccessError):
            version.content = "always-allow-relaying yes"

    def test_push_rollback_and_refusals(self):
        fake = pmta_api.FakeManagement("k" * 32)
        with pmta_api.serving(fake) as url:
            self.server.write({"api_url": url, "api_key": "k" * 32})
            first = self.server._generate("Start")
            first.action_push()
            self._run_cron("push_configuration")
            self.assertEqual((first.state, first.error_message), ("deployed", False))
            self.assertEqual(fake.files["config"], first.content)
            self.assertEqual(fake.commands, ["reload"])

            self.ip_a1._set_status("paused", "Test")
            self.ip_a2.stage = 1
            second = self.server._generate("Paused")
            fake.refused = ("200/d",)
            second.action_push()
            self._run_cron("push_configuration")
            self.assertEqual(second.state, "failed")
            self.assertIn("Error in line", second.error_message)
            self.assertIn("The former version is in use again.", second.error_message)
            self.assertEqual(fake.files["config"], first.content)
            queue = "queue */alpha-192.0.2.1"
            self.assertEqual(fake.commands[1:], [f"pause {queue}", "reload", "reload", f"resume {queue}"])
            self.assertEqual(first.state, "deployed")

            fake.refused = ()
            second.action_push()
            self._run_cron("push_configuration")
            self.assertEqual((first.state, second.state), ("replaced", "deployed"))
            self.assertEqual(self.server.paused_vmtas, ["alpha-192.0.2.1"])
            first.action_rollback()
            self._run_cron("push_configuration")
            self.assertEqual(fake.commands[-2:], ["reload", f"resume {queue}"])
            self.assertFalse(self.server.paused_vmtas)
            third = self.server.current_version_id
            self.assertEqual((third.number, third.state), (3, "deployed"))
            self.assertEqual(fake.files["config"], first.content)

            fake.refuse_writes = True
            second.action_push()
            self._run_cron("push_configuration")
            self.assertIn("writing is not allowed", second.error_message)
            fake.refuse_writes, fake.unavailable = False, True
            second.action_push()
            self._run_cron("push_configuration")
            self.assertEqual(second.state, "failed")
            self.assertEqual(fake.files["config"], first.content)
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env.company.partner_id.lang = "fr_FR"
        second.action_push()
        self._run_cron("push_configuration")
        self.assertIn("PowerMTA ne répond pas", second.error_message)
        self.assertIn("n’a pas été prise", self.server.message_ids[0].body)

    def test_keys_travel_with_the_configuration(self):
        self.tenant_a._add_domain("mail3.alpha.test", "192.0.2.3")._set_status("warming", "Test")
        fake = pmta_api.FakeManagement("k" * 32)
        with pmta_api.serving(fake) as url:
            self.server.write({"api_url": url, "api_key": "k" * 32, "auto_push": True})
            self.server._generate("Start")
            self._run_cron("push_configuration")
        self.assertIn("BEGIN PRIVATE KEY", fake.files["dkim/mail3.alpha.test.default.pem"])
        self.assertIn("domain-key default, mail3.alpha.test, /etc/pmta/dkim/", fake.files["config"])

    def test_unprintable_data_is_shown_and_nothing_is_served(self):
        self.server._generate("Start")
        self.env.cr.execute(
            "UPDATE engine_ip SET hostname = %s WHERE id = %s", ("x\nalways-allow-relaying yes", self.ip_a1.id)
        )
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "cannot be printed|not served"):
            self.tenant_a._render_config()
        self.server._generate("Broken")
        self.assertIn("Host name (HELO)", self.server.error_message)
        self.assertEqual(self.server.current_version_id.number, 1)

    def test_linter_in_the_web_client(self):
        check = self.env["engine.config.lint"].create({"content": "log-file /x\nmax-msg-rate 0/h\n"})
        self.assertIn("Error in line 2 of config: max-msg-rate is not allowed", check.result)
        self.assertEqual(check.error_count, 2)

    def test_dkim_rotation_overlaps(self):
        ip = self.tenant_a._add_domain("mail3.alpha.test", "192.0.2.3")
        first = ip.domain_id.dkim_key_ids
        self.assertEqual(first.private_key, "set")
        ip.domain_id.action_rotate_dkim()
        second = ip.domain_id.dkim_key_ids - first
        self.assertEqual((first.state, second.state, second.selector), ("active", "new", "s2"))
        self.assertIn(second.record_name, ip.domain_id.zone_text)
        second.action_sign()
        self.assertEqual((first.state, second.state), ("overlap", "active"))
        self.assertIn(first.record_name, ip.domain_id.zone_text)
        first.overlap_until = "2020-01-01"
        self._run_cron("end_dkim_overlap")
        self.assertEqual(first.state, "retired")
        self.assertNotIn(first.record_name, ip.domain_id.zone_text)

    def test_500_ips_in_50_tenants(self):
        """At most 20 queries; the time is measured by `./lokario bench configuration`."""
        server = self.env["engine.powermta.server"].create({"name": "Big"})
        tenants = self.env["engine.tenant"].create(
            [
                {
                    "name": f"T{n}",
                    "slug": f"t{n}",
                    "from_name": "T",
                    "from_email": f"a@t{n}.test",
                    "server_id": server.id,
                }
                for n in range(50)
            ]
        )
        domains = self.env["engine.domain"]
        domains = domains.create(
            [
                {"name": f"m{n}.t{tenant.id}.test", "tenant_id": tenant.id, "dkim_key_ids": []}
                for tenant in tenants
                for n in range(10)
            ]
        )
        self.env["engine.ip"].create(
            [
                {
                    "address": f"10.{n // 250}.{n % 250}.1",
                    "hostname": domain.name,
                    "domain_id": domain.id,
                    "status": "warming",
                }
                for n, domain in enumerate(domains)
            ]
        )
        server._render_config(tenants)  # the first time creates the rows of today
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(20):
            text = server._render_config(tenants)
        self.assertEqual(text.count("max-smtp-msg-rate 50/d"), 500)

    def test_alerts_reach_telegram(self):
        fake = telegram.FakeTelegram("123:token")
        self.tenant_a.write({"telegram_token": "123:token", "telegram_chat": "-100"})
        with telegram.serving(fake) as url:
            self.env["ir.config_parameter"].set_param("email_engine_bridge.telegram_url", url)
            alert = self.env["engine.alert"]._raise_alert(self.tenant_a, "IP paused: 12 % bounces", ip=self.ip_a1)
            fake.fail_next = [503]
            self._run_cron("send_alerts")
            self.assertEqual((alert.telegram_state, alert.attempts), ("pending", 1))
            self._run_cron("send_alerts")
            self.assertEqual(alert.telegram_state, "sent")
            self.assertEqual(fake.messages, [("-100", "IP paused: 12 % bounces")])
            refused = self.env["engine.alert"]._raise_alert(self.tenant_a, "Second")
            fake.fail_next = [403]
            self._run_cron("send_alerts")
            self.assertEqual(refused.telegram_state, "failed")
            self.assertNotIn("token", refused.error_message)

    def test_a_copy_is_harmless(self):
        self.server.write({"api_url": "http://127.0.0.1:1", "auto_push": True})
        self.server._generate("Start")
        self.tenant_a.write({"telegram_token": "t", "telegram_chat": "c", "alert_email": "a@b.test"})
        key = self.env["engine.api.key"].create({"name": "K", "tenant_ids": self.tenant_a.ids})
        key._issue_token()
        self.env.flush_all()
        for query in neutralize.get_neutralization_queries(["email_engine_bridge"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertFalse(self.server.api_url or self.server.auto_push or self.server.api_key)
        self.assertFalse(self.tenant_a.telegram_token or self.tenant_a.alert_email)
        self.assertTrue(key.revoked)
        with self.assertRaisesRegex(UserError, "Management API"):
            self.server._get_pmta_client__()


@tagged("post_install", "-at_install")
class TestPullAndDocs(EngineHttpCase):
    def test_powermta_pulls_by_a_token_in_the_path(self):
        server = self.tenant_a.server_id
        action = server.action_create_pull_token()
        line = action["context"]["shown_token"]
        path = line.removeprefix("include ").split("//", 1)[1].partition("/")[2]
        response = self.url_open(f"/{path}")
        self.assertEqual(response.status_code, 200)
        self.assertIn("<virtual-mta alpha-192.0.2.1>", response.text)
        self.assertEqual(server.current_version_id.state, "deployed")
        for name in ("config", "keys.tar"):
            self.assertEqual(self.url_open(f"/engine/pmta/wrong/{name}").status_code, 404)
        with mute_logger("odoo.http"):
            server.action_create_pull_token()
        self.assertEqual(self.url_open(f"/{path}").status_code, 404)

    def test_powermta_pulls_the_keys_its_configuration_names(self):
        self.tenant_a._add_domain("mail3.alpha.test", "192.0.2.3")._set_status("warming", "Test")
        line = self.tenant_a.server_id.action_create_pull_token()["context"]["shown_token"]
        folder = line.removeprefix("include ").split("//", 1)[1].partition("/")[2].removesuffix("config")
        named = re.findall(r"domain-key .*, /etc/pmta/(\S+)", self.url_open(f"/{folder}config").text)
        with tarfile.open(fileobj=io.BytesIO(self.url_open(f"/{folder}keys.tar").content)) as archive:
            self.assertLessEqual(set(named), set(archive.getnames()))
            self.assertTrue(named)
            self.assertEqual({entry.mode for entry in archive}, {0o600})
            self.assertIn(b"BEGIN PRIVATE KEY", archive.extractfile(named[0]).read())
        self.assertIn("1 ", self.tenant_a.server_id.message_ids[0].body)

    def test_documentation_needs_no_internet(self):
        page = self.url_open("/api/v2/docs").text
        self.assertIn("/quotas/{tenant_id}/check", page)
        self.assertIn("emails_to_send", page)
        self.assertNotIn("<script", page)
        outside = [part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("http")]
        self.assertTrue(all(link.startswith(self.base_url()) for link in outside), outside)
        document = self.url_open("/api/v2/openapi.json").json()
        for path in (
            "/quotas/{tenant_id}",
            "/quotas/{tenant_id}/check",
            "/quotas/{tenant_id}/ip/{ip_id}",
            "/powermta/config/download",
            "/powermta/config/{tenant_id}",
            "/powermta/vmta/{tenant_id}",
            "/powermta/mailwizz-delivery-server/{tenant_id}",
            "/powermta/dkim/{domain}",
        ):
            self.assertIn(path, document["paths"])
