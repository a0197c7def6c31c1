import socket

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import Form, TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from lokario_testing.environments.mail import SmtpServer

from ..exceptions import AddressRefused
from ..tools.host_policy import HostPolicy
from ..tools.imap_account import MailboxPlan
from ..tools.providers import by_domain, by_mx
from .mailbox_common import PASSWORD, MailboxCase

VALUES = {"name": "Boîte", "email_password": "s3cret", "imap_host": "imap.example.com"}


@tagged("post_install", "-at_install")
class TestIntegration(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.integrations = cls.env["inbox.integration"]
        cls.user = new_test_user(cls.env, "inbox-user", "base.group_user,lokario_mailbox.group_lokario_mailbox_user")
        cls.other = new_test_user(cls.env, "inbox-other", "base.group_user,lokario_mailbox.group_lokario_mailbox_user")
        cls.manager = new_test_user(
            cls.env, "inbox-manager", "base.group_user,lokario_mailbox.group_lokario_mailbox_manager"
        )

    def _box(self, address, user=None, **values):
        return self.integrations.with_user(user or self.env.user).create({**VALUES, "email_address": address, **values})

    def test_first_shared_mailbox_is_primary(self):
        private = self._box("own@a.test", self.user)
        self.assertEqual((private.visibility, private.is_primary), ("private", False))
        first = self._box("a@a.test", self.manager)
        second = self._box("b@a.test", self.manager)
        self.assertEqual((first.is_primary, second.is_primary), (True, False))
        second.action_make_primary()
        self.assertEqual((first.is_primary, second.is_primary), (False, True))

    def test_every_new_employee_may_connect_his_own(self):
        """Without an administrator's help, by the door of his preferences; who lost the role does not see the door."""
        employee = self.env["res.users"].create({"name": "Nadia", "login": "nadia@a.test"})
        action = employee.with_user(employee).action_open_inbox_integrations()
        own = self.env[action["res_model"]].with_user(employee).with_context(action["context"])
        box = own.create({**VALUES, "email_address": "nadia@a.test"})
        self.assertEqual((box.user_id, box.visibility, own.search([])), (employee, "private", box))
        view = self.env.ref("base.view_users_form_simple_modif")
        preferences = self.env["res.users"].with_user(employee)
        self.assertIn("inbox_integrations", preferences.get_view(view.id, "form")["arch"])
        employee.group_ids -= preferences._mailbox_roles()
        self.assertNotIn("inbox_integrations", preferences.get_view(view.id, "form")["arch"])

    def test_the_administrator_finds_all_mailboxes_in_the_settings(self):
        """Settings → Inbox Integrations, with every view of it; other users do not see the menu."""
        menu = self.env.ref("lokario_mailbox.inbox_integration_menu_settings")
        self.assertEqual((menu.name, menu.parent_id), ("Inbox Integrations", self.env.ref("base.menu_administration")))
        admin = self.env.ref("base.user_admin")
        self.assertIn(menu.id, self.env["ir.ui.menu"].with_user(admin).load_menus(False))
        self.assertNotIn(menu.id, self.env["ir.ui.menu"].with_user(self.user).load_menus(False))
        box = self._box("a@a.test", admin)
        views = self.integrations.with_user(admin).get_views([(False, kind) for kind in ("list", "form", "search")])
        self.assertEqual(set(views["views"]), {"list", "form", "search"})
        self.assertEqual(menu.action.res_model, box._name)

    def test_archiving_the_primary_asks_for_a_successor(self):
        first = self._box("a@a.test", self.manager)
        second = self._box("b@a.test", self.manager)
        with self.assertRaisesRegex(UserError, "primary"):
            first.action_archive()
        second.action_make_primary()
        first.action_archive()
        second.action_archive()
        self.assertFalse(second.is_primary, "the last one may go")

    def test_private_cannot_be_primary(self):
        private = self._box("own@a.test", self.manager, visibility="private")
        with self.assertRaises(ValidationError):
            private.action_make_primary()

    def test_plain_user_cannot_choose_the_primary(self):
        self._box("a@a.test", self.manager)
        own = self._box("own@a.test", self.user, visibility="shared")
        with self.assertRaises(UserError):
            own.action_make_primary()

    def test_branch_uses_its_parents_mailbox(self):
        branch = self.env["res.company"].create({"name": "Agence", "parent_id": self.env.company.id})
        primary = self._box("a@a.test")
        self.assertEqual(self.integrations._primary_for_company(branch), primary)

    def test_nobody_reads_a_private_mailbox(self):
        private = self._box("own@a.test", self.user)
        for reader in (self.other, self.manager, self.env.ref("base.user_admin")):
            self.assertFalse(self.integrations.with_user(reader).search([("id", "=", private.id)]))
            with self.assertRaises(AccessError):
                private.with_user(reader).read(["name"])
        shared = self._box("a@a.test", self.manager)
        with self.assertRaises(AccessError):
            shared.with_user(self.other).write({"name": "mine"})

    def test_password_never_comes_back(self):
        box = self._box("a@a.test")
        self.assertEqual(box.read(["email_password"])[0]["email_password"], "set")
        self.env.cr.execute("SELECT email_password FROM inbox_integrations WHERE id = %s", [box.id])
        self.assertNotIn("s3cret", self.env.cr.fetchone()[0])
        plan = MailboxPlan(**box._plan_values__())
        self.assertNotIn("s3cret", repr(plan))

    def test_known_providers_fill_the_form(self):
        with Form(self.integrations) as form:
            form.email_address = "jean@orange.fr"
            self.assertEqual((form.imap_host, form.smtp_host), ("imap.orange.fr", "smtp.orange.fr"))
            form.email_password = "x"
        self.patch(type(self.integrations), "_look_up_mx__", lambda self, domain: ["mx1.mail.ovh.net"])
        with Form(self.integrations) as form:
            form.email_address = "contact@ma-societe.test"
            self.assertEqual(form.imap_host, "ssl0.ovh.net")
            form.email_password = "x"

    def test_providers_by_name(self):
        self.assertEqual(by_domain("a@GMAIL.com").auth_method, "gmail")
        self.assertIsNone(by_domain("a@unknown.test"))
        self.assertEqual(by_mx(["x-fr.mail.protection.outlook.com."]).auth_method, "outlook")
        self.assertEqual(by_mx(["ex3.ex.mail.ovh.net"]).name, "OVHcloud Exchange")
        self.assertEqual(by_mx(["mx00.ionos.fr"]).name, "IONOS")
        self.assertIsNone(by_mx(["evilovh.net"]))

    def test_csv_onboarding(self):
        lines = [[f"Box {n}", f"user{n}@free.fr", "pw", "shared"] for n in range(3)]
        result = self.integrations.load(["name", "email_address", "email_password", "visibility"], lines)
        boxes = self.integrations.browse(result["ids"])
        self.assertEqual(set(boxes.mapped("imap_host")), {"imap.free.fr"})
        self.assertEqual(set(boxes.mapped("auth_method")), {"password"})
        self.assertEqual(boxes[0]._reveal_secret__("email_password"), "pw")

    def test_owner_leaves(self):
        kept = self._box("keep@a.test", self.user)
        shared = self._box("share@a.test", self.user)
        purged = self._box("purge@a.test", self.user)
        shared.with_user(self.env.ref("base.user_root")).sudo().on_departure = "share"
        purged.sudo().on_departure = "purge"
        self.user.action_archive()
        self.assertEqual(kept.sudo().state, "paused")
        self.assertEqual(shared.sudo().visibility, "shared")
        self.assertEqual((purged.sudo().active, str(purged.sudo().email_password)), (False, "not set"))

    def test_stock_server_is_taken_over(self):
        server = self.env["fetchmail.server"].create(
            {
                "name": "Odoo",
                "server": "imap.example.com",
                "user": "a@a.test",
                "password": "x",
                "state": "done",
                "server_type": "imap",
            }
        )
        box = self._box("a@a.test")
        self.assertEqual(box.stock_server_names, "Odoo")
        box.action_take_over()
        box.invalidate_recordset(["stock_server_names"])
        self.assertEqual((server.active, server.state, box.stock_server_names), (False, "draft", ""))

    def test_wizard_takes_over_odoos_own_servers(self):
        """Each becomes a mailbox with its password encrypted; an address that is connected already only stops."""
        common = {"server_type": "imap", "server": "mail.a.test", "port": 993, "is_ssl": True, "state": "done"}
        fresh, known, pop = self.env["fetchmail.server"].create(
            [
                {**common, "name": "Ventes", "user": "ventes", "password": "clair"},
                {**common, "name": "Connue", "user": "b@a.test", "password": "clair"},
                {**common, "name": "POP", "user": "c@a.test", "password": "clair", "server_type": "pop"},
            ]
        )
        box = self._box("b@a.test")
        admin = self.env.ref("base.user_admin")
        with self.assertRaises(AccessError):
            self.env["inbox.take.over"].with_user(self.manager).create({})
        with Form(self.env["inbox.take.over"].with_user(admin)) as form:
            for index in range(len(form.line_ids)):
                with form.line_ids.edit(index) as line:
                    line.email_address = line.email_address or "ventes@a.test"
        wizard = form.record
        self.assertEqual((wizard.line_ids.server_id, wizard.line_ids.integration_id), (fresh | known, box))
        action = wizard.action_take_over()
        made = self.integrations.search([("email_address", "=", "ventes@a.test")])
        self.assertEqual(set(action["domain"][0][2]), {box.id, made.id})
        self.assertEqual((made.login, made.imap_host, made.imap_security), ("ventes", "mail.a.test", "ssl"))
        self.assertEqual(made.sudo()._reveal_secret__("email_password"), "clair")
        self.assertEqual((fresh.active, fresh.password, known.active, pop.active), (False, False, False, True))

    def test_bad_input_is_refused_with_a_reason(self):
        for values, reason in (
            ({"email_address": "nonsense"}, "not an e-mail address"),
            ({"email_address": "c@a.test", "alias_addresses": "b@a.test\nnope"}, "nope"),
            ({"email_address": "d@a.test", "sync_interval_minutes": 0}, "one minute"),
        ):
            with self.assertRaisesRegex(ValidationError, reason):
                self.integrations.create({**VALUES, **values})

    def test_neutralized_copy_reads_nobody(self):
        box = self._box("a@a.test")
        for query in get_neutralization_queries(["lokario_mailbox"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertEqual((box.state, str(box.email_password)), ("paused", "not set"))


@tagged("post_install", "-at_install")
class TestHostPolicy(TransactionCase):
    REFUSED = (
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.9",
        "169.254.169.254",
        "0.0.0.0",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::",
        "::ffff:169.254.169.254",
        "198.18.0.1",
        "240.0.0.1",
    )

    def _resolver(self, *answers):
        pending = list(answers)

        def resolve(host, port, **_options):
            found = pending.pop(0) if len(pending) > 1 else pending[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        return resolve

    def test_private_addresses_are_refused_with_one_text(self):
        policy, texts = HostPolicy(ports=(993,)), set()
        for address in self.REFUSED:
            with self.assertRaises(AddressRefused) as caught:
                policy.pin("mail.test", 993, self._resolver([address]))
            texts.add(str(caught.exception))
        for port in (22, 25, 80, 5432, 6379):
            with self.assertRaises(AddressRefused) as caught:
                policy.pin("mail.test", port, self._resolver(["8.8.8.8"]))
            texts.add(str(caught.exception))

        def unknown(*_args, **_options):
            raise socket.gaierror

        with self.assertRaises(AddressRefused) as caught:
            policy.pin("no.test", 993, unknown)
        self.assertEqual(len(texts | {str(caught.exception)}), 1)

    def test_one_private_address_among_public_ones_is_enough(self):
        with self.assertRaises(AddressRefused):
            HostPolicy(ports=(993,)).pin("mail.test", 993, self._resolver(["8.8.8.8", "10.0.0.1"]))

    def test_rebinding_resolver_reaches_nothing_private(self):
        """The name is resolved once; the connection goes to the address that was checked."""
        resolve = self._resolver(["8.8.8.8"], ["127.0.0.1"])
        self.assertEqual(HostPolicy(ports=(993,)).pin("mail.test", 993, resolve).address, "8.8.8.8")

    def test_allow_list(self):
        policy = HostPolicy.from_text("mail.lan, 10.0.0.0/8 127.0.0.1:1143 [::1]:1143", (993,))
        self.assertEqual(policy.pin("mail.lan", 993, self._resolver(["192.168.7.7"])).address, "192.168.7.7")
        self.assertEqual(policy.pin("x.test", 993, self._resolver(["10.9.9.9"])).port, 993)
        policy.pin("x.test", 1143, self._resolver(["127.0.0.1"]))
        for address, port in (("127.0.0.1", 993), ("10.0.0.1", 22), ("192.168.7.7", 993)):
            with self.assertRaises(AddressRefused):
                policy.pin("x.test", port, self._resolver([address]))


@tagged("post_install", "-at_install")
class TestConnection(MailboxCase):
    def _steps(self, box):
        action = box.action_test_connection()
        test = self.env["inbox.connection.test"].browse(action["res_id"])
        return test, {step.key: step for step in test.step_ids}

    @mute_logger("mail.log")
    def test_loop_proves_that_the_mailbox_receives_what_it_sends(self):
        address = self.own("contact@mail.test")
        self.environment.add_user(address, PASSWORD)
        with SmtpServer(users={address: PASSWORD}) as smtp:
            self._allow_hosts(self.env, f"127.0.0.1:{self.environment.imap_port}", f"127.0.0.1:{smtp.port}")
            box = self.box(smtp_host="127.0.0.1", smtp_port=smtp.port, smtp_security="none")
            test, steps = self._steps(box)
            self.assertEqual(test.state, "servers", steps)
            self.assertEqual(box.state, "connected", "both servers take it")
            self.assertIn("QRESYNC", steps["imap_capabilities"].detail)
            self.assertIn("Sent", steps["imap_folders"].detail)
            smtp.handle_DATA = self._deliver_by_imap(smtp, address)
            test.action_loop()
            self.assertEqual((test.state, test.step_ids.filtered(lambda s: not s.is_ok).mapped("key")), ("done", []))
            client = self.imap()
            self.assertEqual(client.select("INBOX")[1], [b"0"], "the test mail deleted itself")

    def _deliver_by_imap(self, smtp, address):
        async def handle(server, session, envelope):
            smtp.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content, None))
            self.append(self.imap(address), [envelope.content])
            return "250 ok"

        return handle

    @mute_logger("mail.log")
    def test_outgoing_identity_of_another_mailbox_is_found_out(self):
        self.patch(type(self.env["inbox.connection.test"]), "_loop_seconds", lambda self: 0)
        address = self.own("contact@mail.test")
        with SmtpServer(users={address: PASSWORD}) as smtp:
            self._allow_hosts(self.env, f"127.0.0.1:{self.environment.imap_port}", f"127.0.0.1:{smtp.port}")
            box = self.box(smtp_host="127.0.0.1", smtp_port=smtp.port, smtp_security="none")
            test, _steps = self._steps(box)
            test.action_loop()
        failed = test.step_ids.filtered(lambda step: not step.is_ok)
        self.assertEqual(failed.key, "loop_receive")
        self.assertIn("another mailbox", failed.remedy)

    def test_each_failure_names_its_step(self):
        self.environment.add_user(self.own("contact@mail.test"), PASSWORD)
        closed = socket.socket()
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        closed.close()
        self._allow_hosts(self.env, f"127.0.0.1:{self.environment.imap_port}", f"127.0.0.1:{port}")
        cases = [
            ({"imap_host": "10.0.0.1"}, "imap_address", "policy"),
            ({"imap_port": port}, "imap_connect", "network"),
            ({"email_password": "wrong"}, "imap_login", "login"),
            ({"imap_security": "ssl"}, "imap_tls", "tls"),
        ]
        for number, (values, key, error_class) in enumerate(cases):
            with self.subTest(key=key):
                box = self.box(f"case{number}@mail.test", **values)
                test, steps = self._steps(box)
                self.assertEqual(test.state, "failed")
                self.assertEqual((steps[key].is_ok, steps[key].error_class), (False, error_class))
                self.assertTrue(steps[key].remedy)

    def test_reader_of_a_shared_mailbox_cannot_test_it(self):
        user = new_test_user(self.env, "reader", "base.group_user,lokario_mailbox.group_lokario_mailbox_user")
        with self.assertRaises(AccessError):
            self.box().with_user(user).action_test_connection()
