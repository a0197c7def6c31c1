import base64
import csv
import io
import json
from datetime import datetime, timedelta
from unittest.mock import patch

import openpyxl
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.email_engine_bridge.exceptions import EngineRejected
from odoo.addons.email_engine_bridge.tests.common import EngineCase
from odoo.addons.email_engine_bridge.tools import contact_file
from odoo.addons.email_engine_bridge.tools.contact_rows import read_contacts
from odoo.addons.queue_job.tests.common import trap_jobs

from ..models import engine_contact_import, engine_limited_mixin
from .common import CampaignCommittedCase


@tagged("post_install", "-at_install")
class TestContacts(EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = new_test_user(cls.env, "importer", "email_engine_bridge.group_email_engine_bridge_user")

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

    def test_a_person_edits_the_values(self):
        values = {"city": "Lyon", "age": 40, "a": "b", "a:b": "c", "text": "two\nlines", "tags": ["x"], "empty": ""}
        contact = self.env["engine.contact"].create(
            {"email": "a@x.test", "tenant_id": self.tenant_a.id, "attributes": values}
        )
        with Form(contact.with_user(self.user)) as form:
            form.first_name = "Ann"
        self.assertEqual(contact.attributes, values, "nothing was changed")
        with Form(contact.with_user(self.user)) as form:
            form.attribute_lines = form.attribute_lines.replace("city: Lyon", "city : Le Mans: centre\nplan: pro")
        self.assertEqual(contact.attributes, {**values, "city": "Le Mans: centre", "plan": "pro"})
        for wrong in ("Lyon", ": Lyon"):
            with self.assertRaisesRegex(ValidationError, "such as city: Lyon"), Form(contact) as form:
                form.attribute_lines = wrong
        with self.assertRaisesRegex(ValidationError, "“5” is no name and value"):
            contact.attributes = 5

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
        self.assertEqual((contact.email, contact.first_name), ("a@x.test", "A"), "an empty cell takes nothing away")
        self.assertEqual(contact.attributes, {"city": "Paris"})
        self._ingest('{"email": "a@x.test", "age": 40}')
        contact.invalidate_recordset()
        self.assertEqual((contact.first_name, contact.attributes), ("A", {"city": "Paris", "age": 40}))

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

    def _check(self, body, name, **values):
        """What the screen shows before anything is stored."""
        values = {"tenant_id": self.tenant_a.id, "file_name": name, "file": base64.b64encode(body), **values}
        return self.env["engine.contact.import"].with_user(self.user).create(values)

    def test_columns_are_shown_and_changed_before_anything_is_stored(self):
        upload = self._check("Courriel;Ville;Née\na@x.test;Lyon;1990\nb@x.test;Nîmes;1991\n".encode("cp1252"), "a.csv")
        self.assertIn("cp1252", upload.form)
        columns = {column.name: (column.target, column.sample) for column in upload.column_ids}
        self.assertEqual(columns["Courriel"], ("email", "a@x.test, b@x.test"))
        self.assertEqual(columns["Ville"], ("attribute", "Lyon, Nîmes"))
        self.assertIn("<td>ville: Lyon, née: 1990</td>", upload.preview)
        self.assertFalse(self._contacts())
        upload.column_ids.filtered(lambda one: one.name == "Née").target = "ignore"
        upload.column_ids.filtered(lambda one: one.name == "Ville").attribute = "city"
        upload.action_import()
        self.assertEqual(self._contacts().mapped("attributes"), [{"city": "Lyon"}, {"city": "Nîmes"}])
        self.assertEqual((upload.state, upload.file), ("done", False))

    def test_another_column_is_the_address(self):
        upload = self._check(b"Kontakt,Name\na@x.test,Anna\n", "a.csv")
        self.assertIn("name the columns", upload.problem)
        upload.column_ids[0].target = "email"
        self.assertFalse(upload.problem)
        upload.action_import()
        self.assertEqual(self._contacts().email, "a@x.test")

    def test_an_encoding_that_is_a_guess_is_asked_for(self):
        body = "email;prénom\na@x.test;Hélène\n".encode("mac_roman")
        upload = self._check(body, "a.csv")
        self.assertIn("mac_roman", upload.problem)
        with self.assertRaises(UserError):
            upload.action_import()
        upload.encoding = "mac_roman"
        upload.action_import()
        self.assertEqual(self._contacts().first_name, "Hélène")

    def test_excel(self):
        book = openpyxl.Workbook()
        for row in (["Courriel", "Prénom", "Né le", "Solde"], ["a@x.test", "Zoé", datetime(1990, 5, 1), 33.0], [None]):
            book.active.append(row)
        book.active.append(["b@x.test", "Max", None, "#N/A"])
        book.active["D4"].data_type = "e"
        stream = io.BytesIO()
        book.save(stream)
        upload = self._check(stream.getvalue(), "people.xlsx")
        upload.action_import()
        contact = self._contacts()
        self.assertEqual((contact.first_name, contact.attributes), ("Zoé", {"né_le": "1990-05-01", "solde": "33"}))
        self.assertIn("#N/A is an error of Excel", upload.report)

    def test_refused_rows_come_back_as_a_file(self):
        body = 'email;first_name;consent\ngood@x.test;Eve;\n=bad@x.test;"a;b";given\n;Nobody;\nx@x.test;y;z;more\n'
        upload = self._check(body.encode(), "people.csv")
        upload.action_import()
        text = base64.b64decode(upload.refused).decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text), delimiter=";"))
        self.assertEqual(rows[0], ["email", "first_name", "consent", "row", "column", "reason"])
        self.assertEqual([row[-3:-1] for row in rows[1:]], [["2", "consent_source"], ["3", "email"], ["4", ""]])
        self.assertEqual(rows[1][:2], ["'=bad@x.test", "a;b"])
        self.assertEqual(self._contacts().email, "good@x.test")

    def test_no_cell_of_that_file_is_a_formula(self):
        upload = self._check(b"email;=1+1;@x\n;+3;x\n=y;-2;\n-z@x.test;;;+4\n", "people.csv")
        upload.action_import()
        text = base64.b64decode(upload.refused).decode("utf-8-sig")
        cells = [cell for row in csv.reader(io.StringIO(text), delimiter=";") for cell in row]
        self.assertEqual(cells[:3], ["email", "'=1+1", "'@x"])
        self.assertFalse([cell for cell in cells if cell.startswith(("=", "+", "-", "@"))])

    def test_excel_beyond_its_budget_and_no_excel(self):
        book, stream = openpyxl.Workbook(), io.BytesIO()
        book.active.append(["email"])
        book.save(stream)
        with patch.object(contact_file, "EXCEL_ROOM", 1):
            self.assertIn("inflates", self._check(stream.getvalue(), "bomb.xlsx").problem)
        for body in (stream.getvalue()[:-50], b"PK\x03\x04nothing"):
            with mute_logger("odoo.tools.mimetypes.guess_mimetype"):  # Odoo's own look at what is attached
                self.assertIn("no Excel file", self._check(body, "broken.xlsx").problem)
        self.assertEqual(self._check(stream.getvalue(), "good.xlsx").column_ids.name, "email")

    def test_nothing_of_a_file_is_stored_when_its_end_cannot_be_read(self):
        rows = "".join(f"a{n}@x.test,n\n" for n in range(5))
        upload = self._check(f'email,name\n{rows}z@x.test,"unclosed\n'.encode(), "people.csv")
        with self.assertRaisesRegex(UserError, "Line"), self.env.cr.savepoint():
            upload.action_import()
        self.assertFalse(self._contacts())

    def test_imports_are_those_of_ones_companies(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = new_test_user(
            self.env,
            "stranger",
            "email_engine_bridge.group_email_engine_bridge_manager",
            company_id=company.id,
            company_ids=company.ids,
        )
        upload = self._check(b"email,x\na@x.test,1\n", "people.csv")
        self.assertFalse(upload.with_user(stranger).search([]))
        with self.assertRaises(AccessError):
            upload.with_user(stranger).action_import()
        with self.assertRaises(AccessError):
            upload.column_ids.with_user(stranger).read(["sample"])

    def test_what_cannot_be_stored_is_reported(self):
        for body, column in (
            ('[{"email": "a@x.test", "email": "b@x.test"}]', "email"),
            ('[{"email": ["a@x.test"]}]', "email"),
            ('[{"email": "a@x.test", "first_name": {"a": 1}}]', "first_name"),
            ('[{"email": "a@x.test", "n": NaN}]', "n"),
            ('[{"email": "a@x.test", "consent": "given", "consent_source": "f", "consent_at": "hier"}]', "consent_at"),
            ("email,name\na@x.test,b,c\n", ""),
        ):
            [error] = self._ingest(body)["errors"]
            self.assertEqual((error["row"], error["column"]), (1, column), body)
        self.assertFalse(self._contacts())

    def test_the_moment_of_a_consent_is_that_of_the_file(self):
        row = {
            "email": "a@x.test",
            "consent": "given",
            "consent_source": "form 3",
            "consent_at": "2024-05-01T10:00+02:00",
        }
        self._ingest(json.dumps([row]))
        self.assertEqual(str(self._contacts().consent_at), "2024-05-01 08:00:00")

    def test_values_of_one_contact_are_no_heap(self):
        """Each call adds values: without a limit of them all, one contact would grow for ever."""
        body = '{"email": "a@x.test", "%s": "%s"}'
        for name in "pq":
            self.assertFalse(self._ingest(body % (name, name * 8000))["error_count"])
        rows = [{"email": "a@x.test", "r": "r" * 8000}, {"email": "b@x.test", "lists": ["New"]}]
        summary = self._ingest(json.dumps(rows), lists=["News"])
        self.assertEqual((summary["received"], summary["created"], summary["updated"]), (2, 1, 0))
        [error] = summary["errors"]
        self.assertEqual((error["row"], error["column"]), (1, "attributes"))
        self.assertIn("with those that this contact has, longer than 16384 characters", error["error"])
        first, second = self._contacts()
        self.assertEqual((set(first.attributes), first.list_ids.ids), ({"p", "q"}, []))
        self.assertEqual(second.list_ids.mapped("name"), ["New", "News"])
        self.assertFalse(self._ingest(body % ("p", "short"))["error_count"], "what makes it smaller is taken")
        self.assertFalse(self._ingest('{"email": "a@x.test", "last_name": "A"}')["error_count"])
        self.assertEqual((first.attributes["p"], first.last_name), ("short", "A"))

    def test_a_tenant_has_some_lists_and_tags(self):
        """A program that makes one for each of its calls is stopped."""
        with patch.object(engine_limited_mixin, "MOST", 2):
            self._ingest('{"email": "a@x.test", "lists": ["1", "2"], "tags": ["1", "2"]}')
            for names in ('"lists": ["3"]', '"tags": ["3"]'):
                with self.assertRaisesRegex(UserError, "has 2 of these already"), self.env.cr.savepoint():
                    self._ingest(f'{{"email": "a@x.test", {names}}}')
            self.env["engine.contact.list"].create({"name": "1", "tenant_id": self.tenant_b.id})

    def test_consent_is_never_forgotten(self):
        self._ingest('{"email": "a@x.test", "consent": "withdrawn"}')
        self._ingest('{"email": "a@x.test"}')
        self.assertEqual(self._contacts().consent, "withdrawn")

    def test_global_and_tenant_suppression(self):
        suppression = self.env["engine.suppression"]
        suppression._suppress(self.tenant_b, ["a@x.test"], "unsubscribe")
        suppression._suppress(self.tenant_b, ["a@x.test"], "complaint")
        suppression._suppress(self.tenant_b, ["a@x.test"], "hard_bounce")
        standing = suppression.search([("tenant_id", "=", self.tenant_b.id)])
        self.assertEqual(standing.mapped("reason"), ["complaint"])
        with self.assertRaisesRegex(UserError, "not lifted"):
            standing._lift("by mistake")
        self._ingest('{"email": "a@x.test"}')
        self.assertFalse(self._contacts().suppression_id)
        suppression.create({"email": "A@x.test ", "reason": "manual"})
        self.env["engine.contact"].invalidate_model()
        self.assertEqual(self._contacts().suppression_id.reason, "manual")

    def test_the_last_day_of_a_suppression_ends_where_the_tenant_is(self):
        """One of these zones has another day than UTC, at any hour."""
        self._ingest('{"email": "a@x.test"}')
        contact = self._contacts()
        suppression = self.env["engine.suppression"].create({"email": "a@x.test", "tenant_id": self.tenant_a.id})
        for zone in ("Etc/GMT+12", "Pacific/Kiritimati"):
            self.tenant_a.tz = zone
            for days, found in ((0, suppression), (1, suppression.browse())):
                suppression.until = self.tenant_a._get_today() - timedelta(days=days)
                self.env.flush_all()
                contact.invalidate_recordset()
                self.assertEqual(contact.suppression_id, found, (zone, days))

    def test_a_suppression_is_of_an_address(self):
        """What is typed by hand is read as an import reads it, when it is corrected, too."""
        suppressions = self.env["engine.suppression"]
        for typed in ("anne", "anne@x", False):
            with self.assertRaisesRegex(UserError, "no address"):
                suppressions.create([{"email": "b@x.test"}, {"email": typed}])
        mine = suppressions.create({"email": "anne@x.test", "tenant_id": self.tenant_a.id})
        mine.write({"email": " BEA@x.test"})
        self.assertEqual(mine.email, "bea@x.test")
        with self.assertRaisesRegex(UserError, "no address"):
            mine.email = "bea"

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


@tagged("post_install", "-at_install")
class TestLargeImport(CampaignCommittedCase):
    @classmethod
    def setUpPeople(cls):
        cls.user = new_test_user(cls.env, "importer", "email_engine_bridge.group_email_engine_bridge_user")

    def test_a_large_file_is_left_to_a_job_that_shows_its_progress(self):
        values = {"tenant_id": self.tenant_a.id, "file": base64.b64encode(b"email\na@x.test\nb\n")}
        upload = self.env["engine.contact.import"].with_user(self.user).create({**values, "file_name": "people.csv"})
        contacts = self.env["engine.contact"]
        with patch.object(engine_contact_import, "IN_REQUEST", 1), trap_jobs() as trap:
            upload.action_import()
            self.assertEqual((upload.state, contacts.search_count([])), ("waiting", 0))
            trap.perform_enqueued_jobs()
        self.assertEqual((upload.state, upload.progress, contacts.search_count([])), ("done", 2, 2))
