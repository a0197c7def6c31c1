from odoo import models
from odoo.tests import TransactionCase, new_test_user, tagged

# Models of the suite that do not check what callers set, and why.
EXEMPT = {
    "lokario.gate.route": "no group may write it",
    "res.config.settings": "administrators only, by core's own check",
    "ir.mail_server": "administrators only",
}
REFERENCES = {"many2one", "many2many", "many2one_reference", "reference"}


@tagged("post_install", "-at_install")
class TestAccessMixin(TransactionCase):
    def _is_ours(self, module):
        return module in self.ours

    def setUp(self):
        super().setUp()
        modules = self.env["ir.module.module"].search([("author", "=", "Lokario"), ("state", "=", "installed")])
        self.ours = set(modules.mapped("name"))
        self.mixin = self.registry["lokario.access.mixin"]

    def test_every_model_of_ours_checks_what_callers_set(self):
        unchecked = {
            name
            for name, model in self.registry.items()
            if model._original_module in self.ours
            and model._auto
            and not model._abstract
            and not issubclass(model, self.mixin)
        }
        self.assertEqual(unchecked - EXEMPT.keys(), set())

    def test_every_reference_we_add_to_a_core_model_is_checked(self):
        unchecked = {
            str(field)
            for name, model in self.registry.items()
            if not model._abstract and not issubclass(model, self.mixin) and name not in EXEMPT
            for field in model._fields.values()
            if field.type in REFERENCES
            and field._module in self.ours
            and (field.store or field.inverse)
            and not field.readonly
            and field.name not in models.MAGIC_COLUMNS
        }
        self.assertEqual(unchecked, {"res.company.inbox_ai_provider_id"} & unchecked, "that one has a constraint")

    def test_what_follows_from_other_fields_is_written_by_nobody(self):
        person = new_test_user(self.env, "access-person", "base.group_user,base.group_system")
        checked = [name for name, model in self.registry.items() if issubclass(model, self.mixin) and model._auto]
        for name in checked:
            record = self.env[name].with_user(person).browse(1)
            follows = [field for field in record._fields.values() if field.compute and record._is_machine_field(field)]
            writable = [str(field) for field in follows if record._has_field_access(field, "write")]
            self.assertEqual(writable, [])

    def test_fields_of_no_module_are_not_ours(self):
        """`id`, and what an administrator adds: they are asked about in every read and write."""
        for name, model in self.registry.items():
            if issubclass(model, self.mixin):
                self.assertFalse(self.env[name]._is_checked(model._fields["id"]))
