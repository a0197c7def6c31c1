import base64
import logging
import os
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.service.model import get_public_method
from odoo.tests import Form, TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from ..exceptions import NoSecretKey, SecretUnreadable
from ..fields import Secret
from .common import SecretCase

OTHER_KEY = "2:" + base64.b64encode(b"b" * 32).decode()
PLAIN = "S3cret-é-canary"


def keys(text):
    return patch.dict(os.environ, {"LOKARIO_SECRET_KEYS": text})


@tagged("post_install", "-at_install")
class TestSecret(SecretCase):
    def setUp(self):
        super().setUp()
        self.safe = self.Safe.create({"name": "a", "password": PLAIN})

    def column(self, record, name="password"):
        record.env.cr.execute(f"SELECT {name} FROM lokario_test_safe WHERE id = %s", [record.id])
        return record.env.cr.fetchone()[0]

    def test_revealed_at_the_moment_of_use(self):
        self.assertEqual(self.safe._reveal_secret__("password"), PLAIN)
        self.assertIsNone(self.safe._reveal_secret__("token"))

    def test_the_column_is_encrypted(self):
        self.assertTrue(self.column(self.safe).startswith("lk1:"))
        self.assertNotIn(PLAIN, self.column(self.safe))

    def test_reading_gives_the_status_only(self):
        self.env.flush_all()
        for fresh in (False, True):
            if fresh:
                self.env.invalidate_all()
            self.assertEqual(self.safe.password, "set")
            self.assertEqual(self.safe.token, "not set")
            self.assertFalse(self.safe.token)
            self.assertEqual(self.safe.read(["password", "token"])[0]["password"], "set")
            self.assertEqual(self.safe.web_read({"token": {}})[0]["token"], "not set")
        self.assertEqual(self.safe.export_data(["password"])["datas"], [["set"]])
        self.assertEqual(self.Safe._read_group([], ["password"]), [("set",)])
        self.assertFalse(self.safe.fields_get(["password"])["password"]["exportable"])

    def test_a_secret_follows_its_record_to_no_other_destination(self):
        first, second = self.Safe.create(
            [{"name": name, "host": f"{name}.test", "port": 993, "api_key": PLAIN, "password": PLAIN} for name in "ab"]
        )
        both = first + second
        for unchanged in ({"name": "c"}, {"port": 993}, {"host": "a.test", "api_key": "set"}):
            first.write(unchanged)
            self.assertEqual(first._reveal_secret__("api_key"), PLAIN)
        both.write({"host": "a.test"})
        self.assertEqual((first.api_key, second.api_key), ("set", "not set"))
        first.write({"host": "evil.test", "api_key": "set"})
        self.assertIsNone(first._reveal_secret__("api_key"))
        first.write({"host": "b.test", "port": 465, "api_key": "another"})
        self.assertEqual(first._reveal_secret__("api_key"), "another")
        first.port = 994
        self.assertIsNone(first._reveal_secret__("api_key"))
        self.assertEqual(both.mapped("password"), ["set", "set"], "what has no destination stays")

    def test_search_cannot_guess(self):
        self.assertFalse(self.Safe.search([("password", "like", self.column(self.safe)[:8])]))
        self.assertEqual(self.Safe.search([("password", "=", "set")]), self.safe)
        self.assertFalse(self.Safe.search([("password", "=", "a guess")]))

    def test_search_by_status(self):
        bare = self.Safe.create({"name": "b", "token": PLAIN})
        every = self.safe + bare
        for domain, found in (
            (("password", "=", "set"), self.safe),
            (("password", "!=", False), self.safe),
            (("password", "!=", "not set"), self.safe),
            (("password", "in", ["set", False]), every),
            (("password", "=", False), bare),
            (("password", "=", "not set"), bare),
            (("password", "!=", "set"), bare),
            (("token", "!=", False), bare),
            (("token", "not in", [False]), bare),
        ):
            with self.subTest(domain=domain):
                self.assertEqual(self.Safe.search([domain], order="id"), found)
                self.assertEqual(every.filtered_domain([domain]), found)

    def test_writing_sets_and_clears(self):
        self.safe.password = "other"
        self.assertEqual(self.safe._reveal_secret__("password"), "other")
        self.safe.write({"password": "set", "token": "not set"})
        self.assertEqual(self.safe._reveal_secret__("password"), "other")
        self.safe.password = False
        self.assertIsNone(self.safe._reveal_secret__("password"))
        self.assertEqual(self.safe.password, "not set")

    def test_a_form_sets_it_and_leaves_it(self):
        view = self.env["ir.ui.view"].create(
            {
                "name": "safe",
                "model": "lokario.test.safe",
                "arch": "<form><field name='name'/><field name='password'/><field name='token'/></form>",
            }
        )
        with Form(self.Safe, view) as form:
            form.name = "b"
            form.password = PLAIN
        self.assertEqual(form.record._reveal_secret__("password"), PLAIN)
        self.assertIsNone(form.record._reveal_secret__("token"))
        with Form(form.record, view) as form:
            form.name = "c"
        self.assertEqual(form.record._reveal_secret__("password"), PLAIN)

    def test_views_never_show_it_in_an_ordinary_box(self):
        arch = "<form><field name='name'/><field name='password' password='True'/></form>"
        view = self.env["ir.ui.view"].create({"name": "safe", "model": "lokario.test.safe", "arch": arch})
        shown = self.Safe.get_view(view.id, "form")["arch"]
        self.assertIn('<field name="password" widget="lokario_secret"', shown)
        self.assertNotIn("password=", shown)

    def test_typing_it_is_not_answered_by_the_status(self):
        values = {"name": "b", "password": PLAIN, "token": False}
        spec = {"name": {}, "password": {}, "token": {}}
        answer = self.Safe.onchange(values, ["password"], spec)
        self.assertNotIn("password", answer.get("value", {}))

    def test_a_copy_has_none(self):
        self.assertIsNone(self.safe.copy()._reveal_secret__("password"))

    def test_several_rows_get_their_own_ciphertext(self):
        pair = self.Safe.create([{"password": "x"}, {"password": "y"}])
        pair.token = "same"
        self.assertEqual([record._reveal_secret__("password") for record in pair], ["x", "y"])
        self.assertEqual(len({self.column(record, "token") for record in pair}), 2)

    def test_moved_ciphertext_is_unreadable(self):
        thief = self.Safe.create({"name": "thief"})
        self.env.cr.execute(
            "UPDATE lokario_test_safe SET password = %s WHERE id = %s", [self.column(self.safe), thief.id]
        )
        self.env.cr.execute(
            "UPDATE lokario_test_safe SET token = %s WHERE id = %s", [self.column(self.safe), self.safe.id]
        )
        with self.assertRaises(SecretUnreadable):
            thief._reveal_secret__("password")
        with self.assertRaises(SecretUnreadable):
            self.safe._reveal_secret__("token")

    def test_no_key_refuses_and_says_how_to_create_one(self):
        with keys(""), self.assertRaisesRegex(NoSecretKey, "openssl rand -base64 32"):
            self.Safe.create({"password": PLAIN})
        with keys("not a key"), self.assertRaises(NoSecretKey):
            self.safe.password = "x"
        self.assertEqual(self.safe._reveal_secret__("password"), PLAIN)

    def test_a_lost_key_is_a_message_on_the_record(self):
        self.assertFalse(self.safe.secret_problem)
        with keys(OTHER_KEY):
            self.safe.invalidate_recordset()
            self.assertIn("Password", self.safe.secret_problem)
            self.assertEqual(self.safe.password, "set")
            with self.assertRaisesRegex(UserError, "LOKARIO_SECRET_KEYS"):
                self.safe._reveal_secret__("password")
        with keys("broken"):
            self.safe.invalidate_recordset()
            self.assertTrue(self.safe.secret_problem)

    def test_not_in_logs_nor_errors(self):
        with self.assertLogs(level=logging.DEBUG) as logs, mute_logger("odoo.sql_db"):
            self.safe.password = PLAIN
            try:
                with self.env.cr.savepoint():
                    self.safe.write({"password": PLAIN, "nonsense": 1})
            except ValueError as err:
                self.assertNotIn(PLAIN, str(err))
            logging.getLogger(__name__).debug("%s", self.safe)
        self.assertNotIn(PLAIN, "".join(logs.output))

    def test_server_actions_and_rpc_cannot_reveal(self):
        with self.assertRaises(AccessError):
            get_public_method(self.safe, "_reveal_secret__")
        with self.assertRaises(NameError):
            safe_eval("safe._reveal_secret__('password')", {"safe": self.safe})

    def test_rotation(self):
        old = os.environ["LOKARIO_SECRET_KEYS"]
        lost = self.Safe.create({"password": "lost"})
        self.env.cr.execute("UPDATE lokario_test_safe SET password = 'lk1:gone:xx' WHERE id = %s", [lost.id])
        with keys(f"{OTHER_KEY},{old}"), self.enter_registry_test_mode():
            self.assertEqual(self.safe._reveal_secret__("password"), PLAIN)
            with self.assertLogs("odoo.addons.lokario_base.models.secret_mixin") as logs:
                result = self.env["lokario.secret.mixin"]._rotate_secrets()
            self.assertTrue(any("unreadable" in line for line in logs.output))
        self.assertGreaterEqual(result["rotated"], 1)
        self.assertEqual(result["unreadable"], 1)
        self.assertTrue(self.column(self.safe).startswith("lk1:2:"))
        with keys(OTHER_KEY):
            self.assertEqual(self.safe._reveal_secret__("password"), PLAIN)

    def test_1000_canaries_in_no_log_and_no_groups_reads(self):
        self.env["ir.model.access"].create(
            {"name": "safe", "model_id": self.env["ir.model"]._get_id("lokario.test.safe"), "perm_read": True}
        )
        with self.assertLogs(level=logging.DEBUG) as logs:
            safes = self.Safe.create([{"name": str(n), "password": f"canary-{n:04}-{n:04}"} for n in range(1000)])
            safes.read()
            logging.getLogger(__name__).debug("%s", safes[:3])
        self.assertNotIn("canary-", "".join(logs.output))
        self.env.cr.execute("SELECT string_agg(t::text, ' ') FROM lokario_test_safe t")
        self.assertNotIn("canary-", self.env.cr.fetchone()[0])
        user = new_test_user(self.env, "reader", groups="base.group_user")
        bases = self.env.ref("base.group_user") | self.env.ref("base.group_portal") | self.env.ref("base.group_public")
        for group in self.env["res.groups"].search([]):
            kind = (group.all_implied_ids & bases)[:1] or self.env.ref("base.group_user")
            user.group_ids = [Command.set((group | kind).ids)]
            values = safes.with_user(user).read(["password"])
            self.assertEqual({row["password"] for row in values}, {"set"}, group.full_name)


@tagged("post_install", "-at_install")
class TestNeutralizedSecrets(TransactionCase):
    def test_a_copy_keeps_no_secret(self):
        """A copy beside its original has the original's key, too: what it holds, it can use."""
        installed = self.env["ir.module.module"].search([("state", "=", "installed")]).mapped("name")
        script = "\n".join(map(str, get_neutralization_queries(installed)))
        for model in map(self.env.get, self.registry):
            fields = model._fields.values() if model._auto and not model._abstract else ()
            for field in fields:
                if isinstance(field, Secret) and field.store:
                    cleared = rf"UPDATE {model._table}\s+SET [^;]*\b{field.name} = NULL"
                    self.assertRegex(script, cleared, f"{field} stays in a neutralized copy")
