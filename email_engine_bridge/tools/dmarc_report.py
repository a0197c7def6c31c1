"""Read DMARC aggregate reports (RFC 7489, appendix C): who sends in a domain's name, and what receivers made of it."""

import io
import zipfile
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lxml import etree

from ..exceptions import EngineRejected
from .finding import _

MAX_REPORT = 64 * 1024 * 1024  # bytes a report may inflate to
MAX_ROWS = 100_000
RESULTS = ("pass", "fail")


@dataclass
class Row:
    """Mails of one address within the report's time."""

    address: str
    count: int
    disposition: str
    dkim: str
    spf: str
    header_from: str
    dkim_domains: str
    spf_domains: str


@dataclass
class Report:
    organisation: str
    report_id: str
    domain: str
    policy: str
    begin: datetime
    end: datetime
    rows: list = field(default_factory=list)


def read_reports(body):
    """Return the `Report`s in an XML file, its gzip, or a zip of several; raises EngineRejected with what is wrong."""
    if body[:4] == b"PK\x03\x04":
        return [_parse(text) for text in _unzipped(body)]
    return [_parse(_inflated(body) if body[:2] == b"\x1f\x8b" else body)]


def _unzipped(body):
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = [info for info in archive.infolist() if info.filename.lower().endswith(".xml")]
            if sum(info.file_size for info in names) > MAX_REPORT:
                raise EngineRejected(_("The report inflates beyond all measure"))
            texts = [archive.open(info).read(MAX_REPORT) for info in names]
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise EngineRejected(_("The zip file cannot be read")) from error
    if not texts:
        raise EngineRejected(_("There is no XML file in the zip file"))
    return texts


def _inflated(body):
    inflate = zlib.decompressobj(wbits=31)
    try:
        text = inflate.decompress(body, MAX_REPORT)
    except zlib.error as error:
        raise EngineRejected(_("The compressed report is damaged")) from error
    if inflate.unconsumed_tail:
        raise EngineRejected(_("The report inflates beyond all measure"))
    if not inflate.eof:
        raise EngineRejected(_("The compressed report is cut short"))
    return text


def _parse(text):
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(text, parser)
    except etree.XMLSyntaxError as error:
        raise EngineRejected(_("This is no XML: %(error)s"), error=str(error)) from error
    for element in root.iter(etree.Element):  # reports come with and without a namespace
        element.tag = etree.QName(element).localname
    if root.tag != "feedback":
        raise EngineRejected(_("This is no DMARC report: %(tag)s"), tag=str(root.tag))
    try:
        return _report(root)
    except (ValueError, OverflowError, OSError) as error:
        raise EngineRejected(_("The DMARC report has a wrong value: %(error)s"), error=str(error)) from error


def _report(root):
    records = root.findall("record")
    if len(records) > MAX_ROWS:
        raise EngineRejected(_("The report has more than %(most)s rows"), most=MAX_ROWS)
    return Report(
        _text(root, "report_metadata/org_name"),
        _text(root, "report_metadata/report_id"),
        _text(root, "policy_published/domain").lower().rstrip("."),
        _text(root, "policy_published/p"),
        _moment(root, "report_metadata/date_range/begin"),
        _moment(root, "report_metadata/date_range/end"),
        [_row(record) for record in records],
    )


def _row(record):
    return Row(
        _text(record, "row/source_ip"),
        max(0, int(_text(record, "row/count") or 0)),
        _text(record, "row/policy_evaluated/disposition"),
        _result(record, "row/policy_evaluated/dkim"),
        _result(record, "row/policy_evaluated/spf"),
        _text(record, "identifiers/header_from").lower(),
        _domains(record, "auth_results/dkim"),
        _domains(record, "auth_results/spf"),
    )


def _text(element, path):
    return (element.findtext(path) or "").strip()[:300]


def _result(record, path):
    """What DMARC counts: anything but a pass is a fail."""
    return "pass" if _text(record, path).lower() == "pass" else "fail"


def _domains(record, path):
    found = [f"{_text(one, 'domain')} ({_text(one, 'result')})" for one in record.findall(path)]
    return ", ".join(sorted(set(found)))[:300]


def _moment(root, path):
    return datetime.fromtimestamp(int(_text(root, path)), UTC).replace(tzinfo=None)
