import io
import json
import zipfile

from odoo import http
from odoo.tests import HttpCase, new_test_user, tagged

FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", '=HYPERLINK("https://evil.test")', "https://evil.test/x")


@tagged("post_install", "-at_install")
class TestExport(HttpCase):
    """Names of senders and subjects of mails are a stranger's: no spreadsheet computes them."""

    def setUp(self):
        super().setUp()
        self.partners = self.env["res.partner"].create([{"name": "x", "ref": text} for text in FORMULAS])
        user = new_test_user(self.env, "exporter", "base.group_user,base.group_partner_manager,base.group_allow_export")
        self.authenticate(user.login, user.login)

    def export(self, kind, **more):
        asked = {
            "model": "res.partner",
            "fields": [{"name": "ref", "label": "Reference", "type": "char"}],
            "ids": self.partners.ids,
            "domain": [],
            "import_compat": False,
            "context": {},
            **more,
        }
        form = {"data": json.dumps(asked), "csrf_token": http.Request.csrf_token(self)}
        response = self.url_open(f"/web/export/{kind}", data=form)
        response.raise_for_status()
        return response.content

    def assert_texts(self, workbook):
        with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
            sheet = archive.read("xl/worksheets/sheet1.xml").decode()
            self.assertIn("HYPERLINK", archive.read("xl/sharedStrings.xml").decode())
        self.assertNotIn("<f>", sheet)
        self.assertNotIn("<hyperlink", sheet)

    def test_a_list(self):
        self.assert_texts(self.export("xlsx"))

    def test_groups(self):
        self.assert_texts(self.export("xlsx", groupby=["ref"]))

    def test_csv(self):
        lines = self.export("csv").decode().split("\r\n")
        for text in FORMULAS[:-1]:
            self.assertFalse([line for line in lines if line.startswith(f'"{text}')], text)
