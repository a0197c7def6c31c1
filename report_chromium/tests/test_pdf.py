"""What headless Chromium prints, and what it never shows."""

import io
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from odoo.tests import TransactionCase, tagged
from odoo.tools.pdf import PdfFileReader
from PIL import Image

from ..tools import chromium_pdf

PAGE = """<t t-call="web.html_container"><t t-foreach="docs" t-as="doc"><t t-call="web.external_layout">
    <div class="page">
        <p t-foreach="range(120)" t-as="number">Line <t t-out="number"/> of <t t-out="doc.name"/></p>
    </div>
</t></t></t>"""


@tagged("post_install", "-at_install")
class TestPdf(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "force_report_rendering": True})  # tests get HTML otherwise
        cls.company = cls.env.company
        cls.company.write({"name": "Alpha Menuiserie", "report_footer": "<p>SIREN 123 456 789</p>"})

    def texts(self, pdf):
        return [page.extract_text() for page in PdfFileReader(io.BytesIO(pdf)).pages]

    def test_every_page_of_any_report_has_header_footer_and_number(self):
        self.env["ir.ui.view"].create({"name": "lines", "type": "qweb", "key": "report_chromium.lines", "arch": PAGE})
        report = self.env["ir.actions.report"].create(
            {"name": "Lines", "model": "res.partner", "report_name": "report_chromium.lines"}
        )
        partner = self.env["res.partner"].create({"name": "Bêta"})
        texts = self.texts(report._render_qweb_pdf(report, partner.ids)[0])
        self.assertGreater(len(texts), 1)
        for number, text in enumerate(texts, 1):
            self.assertIn("Alpha Menuiserie", text)
            self.assertIn("SIREN 123 456 789", text)
            self.assertRegex(text, rf"Page\s*{number}\s*/\s*{len(texts)}")
        self.assertIn("Line 119 of Bêta", texts[-1])

    def test_paper_format(self):
        """Millimetres of the format become points of the PDF; landscape turns the sheet."""
        paper = self.company.paperformat_id
        paper.write({"format": "custom", "page_width": 100, "page_height": 150, "margin_top": 20, "margin_bottom": 20})
        reports = self.env["ir.actions.report"]
        for landscape, size in ((False, (100, 150)), (True, (150, 100))):
            pdf = reports._run_wkhtmltopdf(["<html><head></head><body>Bonjour</body></html>"], landscape=landscape)
            [page] = PdfFileReader(io.BytesIO(pdf)).pages
            self.assertEqual(tuple(round(float(side) / 72 * 25.4) for side in page.mediabox[2:]), size)

    def test_it_prints_from_a_folder_with_a_long_name(self):
        """The path of Chromium's own socket would be too long there: an instance's folder has its database's name."""
        with tempfile.TemporaryDirectory(prefix="x" * 80) as folder, patch.object(tempfile, "tempdir", folder):
            with patch.dict("os.environ", TMPDIR=folder):
                pdf = self.env["ir.actions.report"]._run_wkhtmltopdf(["<html><head></head><body>Bonjour</body></html>"])
        self.assertIn("Bonjour", self.texts(pdf)[0])

    def test_a_report_asks_nobody_outside(self):
        reports = self.env["ir.actions.report"]
        for url in ("file:///etc/passwd", "http://169.254.169.254/latest", "//evil.test/x.png", "/web/static/../../x"):
            self.assertIsNone(reports._report_resource(url), url)
        self.assertTrue(reports._report_resource("/web/static/img/logo.png").startswith("file://"))
        self.assertTrue(reports._report_resource(f"/web/image/res.company/{self.company.id}/logo").startswith("data:"))

    def test_no_file_of_the_server_is_printed(self):
        """Whatever asks for it: srcset, CSS, SVG, also written as no sanitiser lets it pass."""
        with tempfile.NamedTemporaryFile(suffix=".png") as secret:
            Image.new("RGB", (40, 40), "red").save(secret.name)
            url = Path(secret.name).as_uri()
            for markup in (
                f'<img src="{url}">',
                f'<img srcset="{url} 1x" src="data:,">',
                f'<picture><source srcset="{url}"><img></picture>',
                f'<div style="background: url({url}); width: 40px; height: 40px">',
                f"<style>p {{ background: url('{url}'); }} @import '{url}';</style><p>x</p>",
                f'<svg><image href="{url}" width="40" height="40"/></svg>',
                f'<svg><image xlink:href="{url}" width="40" height="40"/></svg>',
                f'<table background="{url}"><tr><td>x</table>',
                f'<video poster="{url}"></video><input type="image" src="{url}">',
            ):
                self.assertEqual(self.pictures(markup), 0, markup)
        self.assertEqual(self.pictures('<img src="/web/static/img/logo.png">'), 1, "the report's own is printed")

    def pictures(self, markup):
        body = f"<html><head></head><body>{markup}</body></html>"
        pdf = chromium_pdf.render(
            [body],
            None,
            None,
            chromium_pdf.Paper(210, 297, 10, 10, 10, 10),
            self.env["ir.actions.report"]._report_resource,
        )
        found = [image.image.size for page in PdfFileReader(io.BytesIO(pdf)).pages for image in page.images]
        return len([size for size in found if max(size) >= 40])  # Chromium's sign for a missing picture is smaller

    def test_kilometres_of_paper_are_not_printed(self):
        begun = time.process_time()
        endless = '<div style="height: 100000000px">x</div><p style="margin:1e9px">y</p>'
        body = f"<html><head></head><body>{endless}</body></html>"
        paper = chromium_pdf.Paper(210, 297, 10, 10, 10, 10)
        pages = self.texts(chromium_pdf.render([body], None, None, paper, lambda url: None))
        self.assertLess((len(pages), time.process_time() - begun), (5, 20))
