from unittest.mock import patch

import psycopg2
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from ..exceptions import OwnershipError
from .common import QuietPostgres, SaasCase


@tagged("post_install", "-at_install")
class TestInstanceGuard(SaasCase):
    """Who may do what, and what nobody may do."""

    def test_the_state_cannot_be_written(self):
        instance = self.new_instance()
        for values in ({"state": "active"}, {"is_deployed": True}, {"uuid": "x"}, {"pending_password": "x"}):
            with self.subTest(values), self.assertRaises(AccessError):
                instance.write(values)
        with self.assertRaises(AccessError):
            self.new_instance("other", state="active")

    def test_the_address_of_a_running_instance_is_fixed(self):
        instance = self.new_instance()
        self.force_state(instance, "active")
        for values in ({"subdomain": "other"}, {"admin_login": "x"}, {"protocol": "http"}):
            with self.subTest(values), self.assertRaises(UserError):
                instance.write(values)
        self.server.base_domain and self.assertEqual(instance.host, "martin.example.test")
        with self.assertRaises(UserError):
            self.server.database_prefix = "z-"

    def test_not_uninstalled_while_instances_live(self):
        first, second, third = (self.new_instance(name) for name in ("first", "second", "third"))
        self.force_state(first, "active")
        self.force_state(second, "suspended")
        self.force_state(third, "terminated")
        for module in (self.env.ref("base.module_saas_manager"), self.env.ref("base.module_lokario_base")):
            with self.assertRaises(UserError) as refused:
                module.button_uninstall()
            self.assertIn(first.display_name, str(refused.exception))
            self.assertIn(second.display_name, str(refused.exception))
            self.assertNotIn(third.display_name, str(refused.exception))
            self.assertEqual(module.state, "installed")
        self.force_state(first | second, "terminated")
        self.env.ref("base.module_saas_manager").button_uninstall()
        self.assertEqual(self.env.ref("base.module_saas_manager").state, "to remove")

    def test_users_cannot_terminate(self):
        user = new_test_user(self.env, "saas-user", groups="saas_manager.group_saas_manager_user")
        instance = self.new_instance()
        with self.assertRaisesRegex(AccessError, "Only a SaaS administrator"):
            instance.with_user(user).action_terminate()
        with self.assertRaises(AccessError):
            self.env["saas.instance.terminate"].with_user(user).create(
                {"instance_id": instance.id, "typed_name": "Martin", "reason": "x"}
            )
        with self.assertRaises(AccessError):
            self.server.with_user(user).write({"name": "mine"})

    def test_others_see_nothing(self):
        stranger = new_test_user(self.env, "stranger", groups="base.group_user")
        with self.assertRaises(AccessError):
            self.new_instance().with_user(stranger).read(["name"])
        with self.assertRaises(AccessError):
            self.new_instance("second").with_user(stranger).action_suspend()

    def test_companies_are_apart(self):
        other = self.env["res.company"].create({"name": "Other"})
        groups = "saas_manager.group_saas_manager_manager"
        user = new_test_user(self.env, "other", groups=groups, company_id=other.id, company_ids=[(6, 0, other.ids)])
        instance = self.new_instance()
        self.assertFalse(self.env["saas.instance"].with_user(user).search([("id", "=", instance.id)]))
        with self.assertRaises(AccessError):
            instance.with_user(user).action_terminate()

    def test_a_running_instance_cannot_be_deleted(self):
        instance = self.new_instance()
        self.force_state(instance, "active")
        with self.assertRaises(UserError):
            instance.unlink()

    def test_an_instance_with_a_database_cannot_be_archived(self):
        instance = self.new_instance()
        self.force_state(instance, "active")
        with self.assertRaisesRegex(UserError, "cannot be archived"):
            instance.action_archive()
        self.assertTrue(instance.active)
        self.new_instance("draft").action_archive()

    def test_a_failed_deletion_is_said_and_can_be_done_again(self):
        instance = self.new_instance()
        self.force_state(instance, "active")
        for err, words in (
            (psycopg2.errors.ObjectInUse("database is being accessed by other users"), "ObjectInUse: database is"),
            (PermissionError(13, "Permission denied"), "Permission denied"),
            (OwnershipError("t-martin"), "“t-martin” does not belong to this manager"),
        ):
            with (
                self.subTest(err),
                patch.object(QuietPostgres, "drop", side_effect=err),
                self.assertRaisesRegex(UserError, words),
            ):
                instance.action_terminate()
            self.assertEqual(instance.state, "error")
            self.assertRegex(instance.error_message, words)
        instance.action_terminate()
        self.assertEqual(instance.state, "terminated")

    def test_the_password_is_never_read(self):
        instance = self.new_instance()
        instance._set_guarded(pending_password="hunter2hunter2")
        self.assertEqual(instance.read(["pending_password"])[0]["pending_password"], "set")
        self.assertFalse(instance.admin_password)
