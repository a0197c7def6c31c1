import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged
from openpyxl import Workbook

from ..exceptions import EngineRejected
from ..tools.contact_rows import RefusedRow, merge_rows, read_contacts

EMAILS = st.sampled_from(["a@x.test", "b@x.test"])
VALUES = st.sampled_from(["", "1", "2"])
CONSENTS = st.sampled_from(
    [{}, {"consent": "withdrawn"}, {"consent": "given", "consent_source": "f", "consent_at": "2025-01-02"}]
)


@tagged("post_install", "-at_install")
class TestContactTools(BaseCase):
    def _read(self, body, content_type="text/csv"):
        return list(read_contacts(body.encode() if isinstance(body, str) else body, content_type))

    def _one(self, body, content_type="text/csv"):
        [row] = self._read(body, content_type)
        self.assertNotIsInstance(row, RefusedRow, row)
        return row

    def test_columns_as_forms_and_exports_name_them(self):
        for name in ("E-mail *:", "Email\u00a0", "Adresse courriel", "EMAIL_ADDRESS", "E-Mailadresse", "\ufeffe-mail."):
            self.assertEqual(self._one(f"ville;{name};Prénom*\nLyon;a@x.test;Zoé\n").first_name, "Zoé")
        tagged = 'Email Address,TAGS\na@x.test,"""VIP"",""Paris, Lyon"""\nb@x.test,VIP|Paris\n'  # Mailchimp's own way
        self.assertEqual([row.tags for row in self._read(tagged)], [("VIP", "Paris, Lyon"), ("VIP", "Paris")])

    def test_values_in_one_cell(self):
        row = self._one('email,attributes,city\na@x.test,"{""age"": 40, ""a"": [1]}",Lyon\n')
        self.assertEqual(json.loads(row.attributes), {"age": 40, "a": [1], "city": "Lyon"})
        for cell in ('"{""age"": NaN}"', '"{""age"": "', "[1]", '"{""city"": ""Nice""}"', "{" + "[" * 60):
            [row] = self._read(f"email,attributes,city\na@x.test,{cell},Lyon\n")
            self.assertIsInstance(row, RefusedRow, cell)

    def test_what_browsers_call_latin_1_has_the_euro(self):
        for label in ("ISO-8859-1", "latin1", "windows-1252"):
            row = self._one("email;prix\na@x.test;10 €\n".encode("cp1252"), f"text/csv; charset={label}")
            self.assertEqual(json.loads(row.attributes), {"prix": "10 €"})

    def test_what_is_damaged_or_stands_twice_is_refused(self):
        for body, content_type, column in (
            ("email,first_name\na@x.test,H\ufffdl\u00e8ne\n", "text/csv", "first_name"),
            ("email,name\nEmail,name\n", "text/csv", None),
            ("email,name\nemail,name\n", "text/csv", ""),
            ('[{"email": "a@x.test", "attributes": {"city": "Lyon"}, "city": "Nice"}]', "application/json", "city"),
        ):
            [row] = self._read(body, content_type)
            self.assertEqual(isinstance(row, RefusedRow) and row.error.column, column if column is not None else False)

    @given(st.lists(st.tuples(EMAILS, VALUES, VALUES, VALUES, CONSENTS), min_size=1, max_size=8))
    @settings(max_examples=50, deadline=None)
    def test_rows_of_one_address_add_up_wherever_they_stand(self, given_rows):
        """In one file as in several, however many rows are stored at a time."""
        rows = self._read(
            json.dumps(
                [
                    {"email": email, "first_name": first, "city": city, "age": age, **consent}
                    for email, first, city, age, consent in given_rows
                ]
            ),
            "application/json",
        )
        whole, refused = merge_rows(rows)
        self.assertFalse(refused)
        by_one = []
        for row in rows:
            by_one = merge_rows([*by_one, row])[0]
        self.assertEqual(whole, by_one)
        for merged in whole:
            own = [row for row in rows if row.email == merged.email]
            last = {name: value for row in own for name, value in json.loads(row.attributes or "{}").items()}
            self.assertEqual(json.loads(merged.attributes or "{}"), last)
            names = [row.first_name for row in own if row.first_name]
            consents = [row.consent for row in own if row.consent != "unknown"]
            self.assertEqual((merged.first_name, merged.consent), ((names or [""])[-1], (consents or ["unknown"])[-1]))

    def test_rows_that_would_be_too_much_together(self):
        rows = self._read(
            json.dumps([{"email": "a@x.test", name: name * 9000} for name in "ab"] + [{"email": "b@x.test"}]),
            "application/json",
        )
        merged, refused = merge_rows(rows)
        self.assertEqual([row.email for row in merged], ["a@x.test", "b@x.test"])
        self.assertEqual([(row[0], row.error.column) for row in refused], [(2, "attributes")])

    def test_who_left_another_system_has_left(self):
        """The exports of others say it in a column of their own; a consent is never read from there."""
        body = b"email,subscription_status,consent,consent_source\na@x.test,Unsubscribed,,\nb@x.test,subscribed,,\n"
        rows = self._read(body + b"c@x.test,Unsubscribed,given,form 7\nd@x.test,unsubscribed,,hotline\n", "text/csv")
        self.assertEqual(
            [(row.consent, row.consent_source) for row in rows],
            [
                ("withdrawn", "subscription_status: unsubscribed"),
                ("unknown", ""),
                ("given", "form 7"),
                ("withdrawn", "hotline"),
            ],
        )

    def _book(self, *rows, **formats):
        book, stream = Workbook(), io.BytesIO()
        for row in rows:
            book.active.append(row)
        for cell, number_format in formats.items():
            book.active[cell].number_format = number_format
        book.save(stream)
        return stream.getvalue()

    def test_numbers_are_those_that_excel_shows(self):
        """A postcode and a telephone number are numbers with a format; of any number Excel has 15 digits."""
        row = ["a@x.test", 1234, 612345678, 75001, 0.1 + 0.2, 12345678901234500000, 33612345678, 0.5]
        formats = {"B2": "00000", "C2": '0#" "##" "##" "##" "##', "D2": "[$-40C]00000", "G2": "0", "H2": "0%"}
        found = self._one(self._book(["email", *"abcdefg"], row, **formats), "")
        expected = ["01234", "06 12 34 56 78", "75001", "0.3", "12345678901234500000", "33612345678", "0.5"]
        self.assertEqual(list(json.loads(found.attributes).values()), expected)

    def test_excel_files_that_would_be_read_in_part(self):
        """A formula that nobody has calculated, columns beyond the last that are read."""
        for body, words in (
            (self._book(["email", "name"], ["a@x.test", '="Anna"']), "formulas without a result"),
            (self._book(["email", *range(500)], ["a@x.test"]), "more than 500 columns"),
        ):
            with self.assertRaisesRegex(EngineRejected, words):
                self._read(body, "")
