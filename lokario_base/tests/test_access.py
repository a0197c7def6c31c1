from odoo import models
from odoo.exceptions import AccessError
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
        constrained = {"res.company.inbox_ai_provider_id", "res.company.contact_project_id"}
        self.assertEqual(unchecked - constrained, set())

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


@tagged("post_install", "-at_install")
class TestCallersDefaults(TransactionCase):
    """Whoever calls a method chooses its context: what the method makes through sudo() takes nothing from there."""

    def setUp(self):
        super().setUp()
        self.person = new_test_user(self.env, "default-person", "base.group_user")
        self.secret = self.env["ir.attachment"].create({"name": "secret", "raw": b"SECRET"})
        self.given = {
            "default_attachment_ids": [(6, 0, self.secret.ids)],
            "default_email_cc": "evil@chosen.test",
            "default_recipient_ids": [(6, 0, self.env.ref("base.partner_admin").ids)],
            "lang": "en_US",
        }

    def test_a_mail_takes_along_what_its_code_names(self):
        model = self.env["mail.mail"].with_user(self.person).with_context(**self.given).sudo()
        mails = model.create([{"subject": "Test", "email_to": "own@person.test"}, {"subject": "Another"}])
        self.assertFalse(mails.attachment_ids)
        self.assertFalse(mails.recipient_ids)
        self.assertEqual(mails.mapped("email_cc"), [False, False])
        self.assertEqual(mails.env.context, model.env.context, "the caller goes on with his context")

    def test_no_record_takes_what_its_code_does_not_name(self):
        limits = self.env["lokario.rate.limit"].with_user(self.person).with_context(default_count=99)
        limit = limits.sudo().create({"key_hash": "x", "period_start": "2026-01-01"})
        self.assertEqual(limit.count, 0)


@tagged("post_install", "-at_install")
class TestSharedRecords(TransactionCase):
    """What all companies use is not changed by the manager of one of them; who works in all of them may."""

    def setUp(self):
        super().setUp()
        self.mixin = self.registry["lokario.access.mixin"]
        groups = self.env["ir.model.data"].search([("model", "=", "res.groups"), ("name", "=like", "group_%manager")])
        ours = self.env["ir.module.module"].search([("author", "=", "Lokario")]).mapped("name")
        names = [group.complete_name for group in groups if group.module in ours]
        self.manager = new_test_user(self.env, "shared-manager", ",".join(["base.group_user", *names]))

    def _shared(self):
        """One stored shared record of each model that has one."""
        for name, model in self.registry.items():
            if issubclass(model, self.mixin) and model._auto and not model._transient and not model._abstract:
                records = self.env[name].with_context(active_test=False).search([], limit=50)
                yield from records._shared_by_companies()[:1]

    def test_the_manager_of_one_company_changes_his_own(self):
        self.env["res.company"].create({"name": "Another"})
        for record in self._shared():
            self.assertEqual(record.with_user(self.manager)._filtered_access("write"), record.browse(), record)
            with self.assertRaises(AccessError):
                record.with_user(self.manager).check_access("write")

    def test_who_works_in_all_companies_changes_what_they_share(self):
        self.manager.company_ids = self.env["res.company"].search([])
        for record in self._shared():
            own = record.with_user(self.manager)
            if self.env["ir.model.access"].with_user(self.manager).check(record._name, "write", raise_exception=False):
                self.assertIsNone(own._check_access("write"), record)
