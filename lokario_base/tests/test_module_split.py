"""A new addon takes over the records of the addon it was cut out of; what users edited stays as they left it."""

from unittest.mock import patch

from odoo.tests import TransactionCase, tagged

from .. import module_split
from ..module_split import restore_kept, take_over

ADDON = "lokario_base"
FORMER = "lokario_former"


@tagged("post_install", "-at_install")
class TestModuleSplit(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.flush_all()
        cls.before = cls.identifiers(ADDON)
        cls.env.cr.execute("UPDATE ir_model_data SET module = %s WHERE module = %s", [FORMER, ADDON])
        cls.env.cr.execute("UPDATE ir_ui_view SET key = replace(key, %s, %s)", [f"{ADDON}.", f"{FORMER}."])
        cls.env.registry.clear_all_caches()

    @classmethod
    def identifiers(cls, addon):
        cls.env.cr.execute("SELECT name, model, res_id FROM ir_model_data WHERE module = %s", [addon])
        return set(cls.env.cr.fetchall())

    def test_what_the_addon_declares_is_its_own_again(self):
        take_over(self.env, ADDON, FORMER)
        left = {name for name, _model, _res_id in self.identifiers(FORMER)}
        declared = {name for name, _model, _res_id in self.identifiers(ADDON)}
        self.assertTrue({"model_lokario_secret_mixin", "menu_scheduled_jobs"} & declared)
        self.assertFalse([name for name in left if name.startswith(("model_lokario_", "field_lokario_", "view_"))])
        self.assertTrue(self.identifiers(ADDON) <= self.before)
        self.assertFalse(self.env["ir.ui.view"].search([("key", "=like", f"{FORMER}.%")]))

    def test_a_name_that_both_use_stays_with_the_former(self):
        with patch.object(module_split, "_data_names", lambda addon: {"menu_lokario"} | {addon}):
            take_over(self.env, ADDON, FORMER)
        self.assertIn("menu_lokario", {name for name, _model, _res_id in self.identifiers(FORMER)})

    def test_nothing_is_taken_that_it_does_not_declare(self):
        self.env["ir.model.data"].create(
            {"module": FORMER, "name": "elsewhere", "model": "res.partner", "res_id": self.env.user.partner_id.id}
        )
        take_over(self.env, ADDON, FORMER)
        self.assertIn("elsewhere", {name for name, _model, _res_id in self.identifiers(FORMER)})

    def test_what_users_edited_survives_the_installation(self):
        identifier = self.env["ir.model.data"].search([("module", "=", FORMER), ("name", "=", "menu_scheduled_jobs")])
        identifier.noupdate = True
        menu = self.env["ir.ui.menu"].browse(identifier.res_id)
        menu.sequence = 47
        self.env.flush_all()
        take_over(self.env, ADDON, FORMER)
        menu.sequence = 5  # what loading the data of a new addon does
        restore_kept(self.env)
        self.assertEqual(menu.sequence, 47)
