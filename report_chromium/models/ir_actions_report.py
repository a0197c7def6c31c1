import base64
import re
from urllib.parse import parse_qsl, urlsplit

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools.image import image_data_uri
from odoo.tools.misc import file_path
from reportlab.graphics.utils import RenderPMError

from odoo.addons.base.models import ir_actions_report

from ..tools import chromium_pdf

_STYLE_URL = re.compile(r"url\((['\"]?)(/[^'\")]+)\1\)")


class IrActionsReport(models.Model):
    """Quotes and invoices get their PDF where the patched wkhtmltopdf is missing, which Debian does not ship.

    Debian's own build prints neither header nor footer and no text that can be copied, so Chromium goes before it.
    """

    _inherit = "ir.actions.report"

    @api.model
    def _prints_with_chromium(self) -> bool:
        return not ir_actions_report._wkhtml().is_patched_qt and bool(chromium_pdf.find_program())

    @api.model
    def get_wkhtmltopdf_state(self):
        return "ok" if self._prints_with_chromium() else super().get_wkhtmltopdf_state()

    def _render_qweb_pdf_prepare_streams(self, report_ref, data, res_ids=None):
        """One document at a time: each has its own page numbers, and none has to be cut out of a common file."""
        if self.get_wkhtmltopdf_state() == "install":
            raise UserError(
                self.env._(
                    "The PDF cannot be made: neither wkhtmltopdf nor Chromium is installed on the server."
                    " Ask your administrator to install the package “chromium” or “wkhtmltopdf”."
                )
            )
        render = super()._render_qweb_pdf_prepare_streams
        if not self._prints_with_chromium() or not res_ids or len(set(res_ids)) != len(res_ids):
            return render(report_ref, data, res_ids=res_ids)
        streams = {}
        for res_id in res_ids:
            streams |= render(report_ref, dict(data or {}), res_ids=[res_id])
        return streams

    @api.model
    def _run_wkhtmltopdf(
        self,
        bodies,
        report_ref=False,
        header=None,
        footer=None,
        landscape=False,
        specific_paperformat_args=None,
        set_viewport_size=False,
    ):
        if not self._prints_with_chromium():
            return super()._run_wkhtmltopdf(
                bodies, report_ref, header, footer, landscape, specific_paperformat_args, set_viewport_size
            )
        paper_format = (self._get_report(report_ref) if report_ref else self).get_paperformat()
        paper = _paper(paper_format, landscape, specific_paperformat_args or {})
        try:
            return chromium_pdf.render(bodies, header, footer, paper, self._report_resource)
        except chromium_pdf.PrintFailed as failure:
            raise UserError(self.env._("The PDF could not be made: Chromium said “%s”.", failure)) from failure

    # === WHAT A PAGE REFERS TO === #

    @api.model
    def _report_resource(self, url):
        """Return what stands for a url of this server in a printed page, read with the rights of whoever prints.

        None for everything else: a report asks no server outside.
        """
        parts = urlsplit(url)
        if parts.netloc and parts.netloc != urlsplit(self._get_report_url()).netloc:
            return None
        kind, _slash, rest = parts.path.lstrip("/").partition("/")
        if parts.path.startswith("/web/assets/"):
            return self._report_style(parts.path.rpartition("/")[2])
        if rest.startswith("static/"):
            return _static_file(parts.path)
        if parts.path.startswith("/web/image/"):
            return self._report_image(parts.path.removeprefix("/web/image/").split("/"))
        if kind == "report" and rest.startswith("barcode"):
            return self._report_barcode(rest.split("/")[1:], dict(parse_qsl(parts.query)))
        return None

    def _report_style(self, filename):
        bundle, rtl, _type, autoprefix = self.env["ir.asset"]._parse_bundle_name(filename, False)
        style = self.env["ir.qweb"]._get_asset_bundle(bundle, js=False, rtl=rtl, autoprefix=autoprefix).css()
        text = style.sudo().raw.decode() if style else ""
        return _STYLE_URL.sub(lambda found: f"url('{_static_file(urlsplit(found[2]).path) or 'data:,'}')", text)

    def _report_image(self, words):
        """`/web/image/<attachment>` and `/web/image/<model>/<id>/<field>`."""
        by_model = not words[0][:1].isdigit()
        model, res_id, field = [*words, "", "", ""][:3] if by_model else ("ir.attachment", words[0], "raw")
        res_id = res_id.split("-")[0]
        known = model in self.env and field in self.env[model]._fields and res_id.isdigit()
        record = self.env[model].browse(int(res_id)).exists() if known else None
        if not record or record._fields[field].type not in ("binary", "image") or not record.has_access("read"):
            return None
        value = record.with_context(bin_size=False)[field]
        return image_data_uri(base64.b64encode(value) if field == "raw" else value) if value else None

    def _report_barcode(self, words, options):
        """`/report/barcode/<type>/<value>` and its form with everything in the query."""
        kind = options.pop("barcode_type", None) or (words[0] if words else "")
        value = options.pop("value", None) or "/".join(words[1:])
        try:
            return image_data_uri(base64.b64encode(self.barcode(kind, value, **options)))
        except (AttributeError, RenderPMError, ValueError):  # not a barcode, or no drawing library on this machine
            return None


def _paper(paper_format, landscape, specific):
    """Return the Paper of a report.paperformat and of what the report's own html says about it."""
    landscape = landscape or specific.get("data-report-landscape")
    top = float(specific.get("data-report-margin-top", paper_format.margin_top))
    spacing = float(specific.get("data-report-header-spacing", paper_format.header_spacing))
    paper = chromium_pdf.Paper(
        width=paper_format.print_page_width or 210,
        height=paper_format.print_page_height or 297,
        top=top,
        right=paper_format.margin_right,
        bottom=float(specific.get("data-report-margin-bottom", paper_format.margin_bottom)),
        left=paper_format.margin_left,
        header_gap=max(top - spacing, 0),
    )
    return paper.turned() if landscape else paper


def _static_file(path):
    try:
        return f"file://{file_path(path.lstrip('/'))}"
    except (FileNotFoundError, ValueError):
        return None
