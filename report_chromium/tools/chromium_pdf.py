"""Reports as PDF by headless Chromium: real text, paper format, header and footer on every page.

Pages are complete in themselves: everything they show comes from `resolve`, they have no network and run no scripts.
"""

import base64
import mimetypes
import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lxml import etree, html
from odoo.tools.pdf import PdfFileReader, PdfFileWriter

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SCALE = 0.8  # reports are laid out for wkhtmltopdf, which shrinks what it draws by about this much
TIMEOUT = 60  # seconds for one document
SHORT_FOLDER = "/tmp"  # noqa: S108  Chromium makes a folder of its own in it for a socket, whose path must be short


class PrintFailed(Exception):
    """Chromium made no PDF; the text says what it said."""


@dataclass(frozen=True)
class Paper:
    """Millimetres; `header_gap` is the room between the top of the sheet and the header."""

    width: float
    height: float
    top: float
    right: float
    bottom: float
    left: float
    header_gap: float = 0.0

    def turned(self) -> "Paper":
        """The same margins on a sheet that lies on its side."""
        if self.width >= self.height:
            return self
        return replace(self, width=self.height, height=self.width)

    def drawn(self) -> "Paper":
        """The larger sheet that Chromium fills, before it is scaled down to this one."""
        return Paper(*(length / SCALE for length in astuple(self)))


def find_program() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def render(bodies, header: str | None, footer: str | None, paper: Paper, resolve: Callable[[str], str | None]) -> bytes:
    """Return one PDF of these HTML documents.

    :param header, footer: HTML whose `minimal_layout_report_headers` (`_footers`) hold one element per body
    :param resolve: url -> what stands for it (a data: or file: url, or the text of a style sheet), None = nothing
    :raises PrintFailed:
    """
    writer, sheet = PdfFileWriter(), paper.drawn()
    for index, body in enumerate(bodies):
        pages, frames = _pages_and_frames(body, header, footer, index, sheet, resolve)
        for page, frame in zip(pages, frames, strict=True):
            printed = writer.add_page(frame)
            printed.merge_page(page)
            printed.scale_by(SCALE)
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def _pages_and_frames(body, header, footer, index, paper, resolve):
    """Return the pages of a body, and for each one a page with its header, its footer and its number.

    Most documents have one page, whose frame is printed along: starting Chromium takes longer than printing.
    """
    margins = f"{paper.top}mm {paper.right}mm {paper.bottom}mm {paper.left}mm"
    style = f"@page {{ size: {paper.width}mm {paper.height}mm; margin: {margins}; }} {_FLOW} {_frame_style(paper)}"
    document = html.fromstring(body)
    document.find("body").extend(_sections(header, footer, index, 1))
    *pages, frame = _printed(document, style, resolve)
    if len(pages) == 1:
        return pages, [frame]
    sheets = html.fromstring(header or footer or "<html><head></head><body></body></html>")
    for node in sheets.xpath("//body/*"):
        node.drop_tree()
    sheets.find("body").extend(_sections(header, footer, index, len(pages)))
    return pages, _printed(sheets, style, resolve)


def _printed(document, style, resolve):
    _complete(document, resolve)
    return PdfFileReader(BytesIO(_print(_with_style(document, style)))).pages


def _sections(header, footer, index, count):
    """Yield an element for each page, with its header, its footer and its number."""
    for number in range(1, count + 1):
        section = etree.Element("section", {"class": "lokario_frame"})
        for place, source in (("header", header), ("footer", footer)):
            part = source and _part_of(source, place, index)
            if part is not None:
                _number_pages(part, number, count)
                etree.SubElement(section, "div", {"class": f"lokario_{place}"}).append(part)
        yield section


def _part_of(source, place, index):
    parts = html.fromstring(source).xpath(f"//div[@id='minimal_layout_report_{place}s']/*")
    return parts[min(index, len(parts) - 1)] if parts else None


def _number_pages(part, number, count):
    for name, value in (("page", number), ("topage", count)):
        for node in part.xpath(f"descendant-or-self::*[contains(concat(' ', @class, ' '), ' {name} ')]"):
            node.text = str(value)


def _frame_style(paper):
    sides = f"left: {paper.left}mm; right: {paper.right}mm;"
    return f"""@page lokario_frame {{ size: {paper.width}mm {paper.height}mm; margin: 0; }}
        .lokario_frame {{ page: lokario_frame; position: relative; height: {paper.height - 0.5}mm; overflow: hidden;
            break-after: page; }}
        .lokario_frame:last-child {{ break-after: auto; }}
        .lokario_header {{ position: absolute; top: {paper.header_gap}mm; {sides} }}
        .lokario_footer {{ position: absolute; top: {paper.height - paper.bottom}mm; {sides} }}"""


_FLOW = """html { height: auto !important; }
    body { margin: 0; overflow: visible !important; max-width: none !important; background: none !important; }
    thead { display: table-header-group !important; } tr, img { break-inside: avoid !important; }"""


def _with_style(page, style):
    page.find("head").append(html.fragment_fromstring(f"<style>{style}</style>"))
    return etree.tostring(page, method="html", encoding="unicode", doctype="<!DOCTYPE html>")


# === NOTHING COMES FROM OUTSIDE === #

# No picture by its address, whoever asks (srcset, CSS, SVG): those of the report are put in. Fonts show nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data: file:"
_STYLE_FILE = re.compile(r"url\('(file:[^']+\.(?:png|jpe?g|gif|svg|webp|ico))'\)", re.IGNORECASE)
# A length of six figures is no layout but kilometres of paper, which take minutes.
_ENDLESS = re.compile(r"(?<![#\w.])(?:\d{6,}(?:\.\d*)?|\d+(?:\.\d*)?e\+?\d+)", re.IGNORECASE)
MAX_PAGE = 8 * 1024 * 1024  # characters of one document


def _complete(page, resolve):
    """Put in what the page refers to, and take out what could ask for more."""
    for node in page.xpath("//base | //meta[@http-equiv] | //script | //iframe | //object | //embed"):
        node.drop_tree()
    page.find("head").insert(0, etree.Element("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}))
    for link in page.xpath("//link"):
        css = resolve(link.get("href") or "") if "stylesheet" in (link.get("rel") or "") else None
        if css:
            style = etree.Element("style")
            style.text = _STYLE_FILE.sub(lambda found: f"url('{_embedded(found[1])}')", css)
            link.getparent().replace(link, style)
        else:
            link.drop_tree()
    for node in page.xpath("//*[@src]"):
        source = node.get("src")
        node.set("src", source if source.startswith("data:") else _embedded(resolve(source) or "data:,"))
    for node in page.xpath("//*[@style or @width or @height]"):
        for name in ("style", "width", "height"):
            if name in node.attrib:
                node.set(name, _ENDLESS.sub("0", node.get(name)))


def _embedded(url):
    """A data: url of a file of ours; any other url as it is."""
    if not url.startswith("file:"):
        return url
    path = Path(unquote(urlsplit(url).path))
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


# === THE PROGRAM === #


def _print(page: str) -> bytes:
    if len(page) > MAX_PAGE:
        raise PrintFailed(f"the document has more than {MAX_PAGE} characters")
    with tempfile.TemporaryDirectory(prefix="lokario-pdf-") as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page, encoding="utf-8")
        try:
            done = subprocess.run(
                [*_command(folder), f"--print-to-pdf={target}", source.as_uri()],
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                env={**os.environ, "TMPDIR": SHORT_FOLDER},
                preexec_fn=_lift_memory_limit,  # Odoo limits its own memory; Chromium would die of it
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PrintFailed(f"no answer within {TIMEOUT} s") from error
        if not target.exists():
            raise PrintFailed(done.stderr.strip()[-500:] or f"exit code {done.returncode}")
        return target.read_bytes()


def _command(folder):
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [
        find_program() or PROGRAMS[0],
        "--headless=new",
        "--disable-gpu",
        "--no-first-run",
        "--no-pdf-header-footer",
        "--proxy-server=127.0.0.1:9",  # the discard port: no request leaves
        "--proxy-bypass-list=<-loopback>",
        f"--user-data-dir={folder}/profile",
        *sandbox,
    ]


def _lift_memory_limit():
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
