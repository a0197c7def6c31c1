import base64
import json

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.email_engine_bridge.exceptions import EngineRejected
from odoo.addons.email_engine_bridge.tests.common import EngineCase
from odoo.addons.email_engine_bridge.tools.contact_rows import read_contacts


@tagged("post_install", "-at_install")
class TestContacts(EngineCase):
    def _ingest(self, body, content_type="", **groups):
        body = body.encode() if isinstance(body, str) else body
        return self.env["engine.contact.ingest"]._ingest(self.tenant_a, body, content_type, **groups)

    def _contacts(self):
        return self.env["engine.contact"].search([("tenant_id", "=", self.tenant_a.id)], order="email")

    ROWS = [
        {"email": "Jean@X.test ", "first_name": "Jean", "city": "Lyon", "tags": ["vip"]},
        {"email": "info@x.test", "consent": "given", "consent_source": "form 12"},
        {"email": "nonsense", "lname": "Ø\t\\N"},
        {"first_name": "nobody"},
        {"email": "b@x.test", "consent": "given"},
        "text",
    ]

    def test_every_form_stores_the_same(self):
        bodies = {
            "array": json.dumps(self.ROWS),
            "envelope": json.dumps({"contacts": self.ROWS}, indent=1),
            "lines": "\n".join(map(json.dumps, self.ROWS)),
        }
        for name, body in bodies.items():
            with self.subTest(name):
                summary = self._ingest(body, lists=["News"])
                self.assertEqual((summary["received"], summary["error_count"]), (6, 3))
                self.assertEqual([error["row"] for error in summary["errors"]], [4, 5, 6])
                self.assertEqual((summary["role"], summary["invalid"]), (1, 1))
                info, jean, wrong = self._contacts()
                self.assertEqual(
                    (jean.email, jean.attributes, jean.tag_ids.name), ("jean@x.test", {"city": "Lyon"}, "vip")
                )
                self.assertEqual((info.flag, info.consent, info.consent_source), ("role", "given", "form 12"))
                self.assertEqual((wrong.flag, wrong.last_name), ("invalid", "Ø\t\\N"))
                self.assertEqual(self._contacts().list_ids.mapped("name"), ["News"])

    def test_idempotent_and_merging(self):
        body = "email;first_name;city\na@x.test;A;Lyon\nA@X.TEST;;Paris\n"
        first, second = self._ingest(body, "text/csv"), self._ingest(body, "text/csv")
        self.assertEqual((first["created"], second["created"]), (1, 0))
        contact = self._contacts()
        self.assertEqual((contact.email, contact.attributes), ("a@x.test", {"city": "Paris"}))
        self._ingest('{"email": "a@x.test", "age": 40}')
        contact.invalidate_recordset()
        self.assertEqual((contact.first_name, contact.attributes), (contact.first_name, {"city": "Paris", "age": 40}))

    def test_a_postal_address_is_no_email(self):
        """As Mailchimp and our API's users send it; two columns for one field add up or are reported."""
        bodies = {
            "Email Address,First Name,Address\nanna@x.test,Anna,12 rue des lilas\n": "text/csv",
            '[{"email": "anna@x.test", "first_name": "Anna", "address": "12 rue des lilas"}]': "",
            "email,prénom,e-mail,address\nanna@x.test,Anna,,12 rue des lilas\n": "text/csv",
        }
        for body, content_type in bodies.items():
            self.assertEqual(self._ingest(body, content_type)["error_count"], 0)
            contact = self._contacts()
            self.assertEqual((contact.email, contact.first_name, contact.flag), ("anna@x.test", "Anna", False))
            self.assertEqual(contact.attributes, {"address": "12 rue des lilas"})
        for body, content_type in (
            ("email,mail\na@x.test,b@x.test\n", "text/csv"),
            ('{"email": "a@x.test", "mail": "b@x.test"}', ""),
        ):
            [error] = self._ingest(body, content_type)["errors"]
            self.assertIn("two columns", error["error"])
        self.assertEqual(len(self._contacts()), 1)

    def test_every_encoding_is_read_or_refused(self):
        text = "email;first_name;ville\nh@x.test;Hélène;Besançon\n"
        for encoding, content_type in (
            ("cp1252", "text/csv"),
            ("cp1252", "text/csv; charset=windows-1252"),
            ("latin-1", "text/csv; charset=iso-8859-1"),
            ("utf-16", "text/csv"),
            ("utf-8-sig", "text/csv; charset=utf-8"),
        ):
            self._ingest(text.encode(encoding), content_type)
            contact = self._contacts()
            self.assertEqual((contact.first_name, contact.attributes), ("Hélène", {"ville": "Besançon"}))
            contact.unlink()
        for body, content_type in (
            (text.encode("cp1252") + b"\x81", "text/csv"),
            (text.encode("cp1252"), "text/csv; charset=ascii"),
            (text.encode(), "text/csv; charset=klingon"),
        ):
            with self.assertRaises(EngineRejected):
                list(read_contacts(body, content_type))
        self.assertFalse(self._contacts())

    def test_one_address_has_one_spelling(self):
        """Whatever a page copied with it, and however its domain is written; a local part needs ASCII."""
        spelled = (
            "anna@exämple.test",
            "\u200bAnna@exa\u0308mple.test",
            "\ufeffanna@xn--exmple-cua.test",
            "an\u00adna@EXÄMPLE.test",
        )
        for address in spelled:
            self._ingest(json.dumps({"email": address}))
        self.assertEqual([(one.email, one.flag) for one in self._contacts()], [("anna@xn--exmple-cua.test", False)])
        self._ingest('{"email": "müller@x.test"}')
        self.assertEqual(self._contacts().filtered(lambda one: one.email.startswith("m")).flag, "invalid")
        self.env["engine.suppression"]._suppress(self.tenant_a, [spelled[1]], "unsubscribe")
        self.assertTrue(self.env["engine.suppression"].search([("email", "=", "anna@xn--exmple-cua.test")]))

    def test_lines_before_the_header(self):
        for start in ("sep=;\n", '"sep=;"\r\n', "\n\n"):
            self.assertEqual(self._ingest(f"{start}email;city\na@x.test;Lyon, 3e\n", "text/csv")["error_count"], 0)
            self.assertEqual(self._contacts().attributes, {"city": "Lyon, 3e"})

    def _upload(self, body, name):
        wizard = self.env["engine.contact.import"].create({"tenant_id": self.tenant_a.id, "file_name": name})
        wizard.file = base64.b64encode(body)
        wizard.action_import()
        return wizard

    def test_upload_in_the_web_client(self):
        """A file of the wizard: what was done is told, row by row where something is wrong; again changes nothing."""
        body = b"email;first_name;consent\njean@x.test;Jean;\ninfo@x.test;;\nbad@x.test;B;given\n"
        wizard = self._upload(body, "people.CSV")
        self.assertIn("3 rows: 2 created, 0 updated, 1 role addresses", wizard.report)
        self.assertIn("Row 3: consent_source", wizard.report)
        self.assertFalse(wizard.file)
        self.assertIn("0 created, 2 updated", self._upload(body, "people.csv").report)
        self.assertIn("1 created", self._upload(b'[{"email": "c@x.test"}]', "people.json").report)
        self.assertEqual(len(self._contacts()), 3)
        for body, name in ((b"first_name\nJean\n", "a.csv"), (b"[{", "a.json")):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                self._upload(body, name)
        with self.assertRaisesRegex(UserError, "Choose a file"):
            self.env["engine.contact.import"].create({"tenant_id": self.tenant_a.id}).action_import()

    def test_consent_is_never_forgotten(self):
        self._ingest('{"email": "a@x.test", "consent": "withdrawn"}')
        self._ingest('{"email": "a@x.test"}')
        self.assertEqual(self._contacts().consent, "withdrawn")

    def test_global_and_tenant_suppression(self):
        suppression = self.env["engine.suppression"]
        suppression._suppress(self.tenant_b, ["a@x.test"], "unsubscribe")
        self._ingest('{"email": "a@x.test"}')
        self.assertFalse(self._contacts().suppression_id)
        suppression.create({"email": "A@x.test ", "reason": "manual"})
        self.env["engine.contact"].invalidate_model()
        self.assertEqual(self._contacts().suppression_id.reason, "manual")

    def test_in_all_companies_only_administrators_suppress(self):
        """One row keeps every tenant of every company from writing; managers see it and cannot lift it."""
        other_company = self.env["res.company"].create({"name": "Elsewhere"})
        tenant_c = self._create_tenant("Gamma", "gamma", company_id=other_company.id)
        suppression = self.env["engine.suppression"].create(
            {"email": "trap@x.test", "reason": "manual", "everywhere": True}
        )
        self.assertFalse(suppression.company_id)
        for tenant in self.tenant_a, tenant_c:
            self.env["engine.contact.ingest"]._ingest(tenant, b'{"email": "trap@x.test"}')
            contact = self.env["engine.contact"].search([("tenant_id", "=", tenant.id)])
            self.assertEqual(contact.suppression_id, suppression)
        manager = new_test_user(self.env, "engine-boss", "email_engine_bridge.group_email_engine_bridge_manager")
        theirs = suppression.with_user(manager)
        self.assertEqual(theirs.search([]).email, "trap@x.test")
        for forbidden in (theirs.unlink, lambda: theirs.write({"note": "x"})):
            with self.assertRaises(AccessError), self.env.cr.savepoint():
                forbidden()
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            theirs.create({"email": "b@x.test", "everywhere": True})
