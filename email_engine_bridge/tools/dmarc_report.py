"""Read DMARC aggregate reports (RFC 7489, appendix C): who sends in a domain's name, and what receivers made of it."""

import email
import io
import ipaddress
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lxml import etree

from ..exceptions import EngineRejected
from .finding import translatable as _

MAX_REPORT = 64 * 1024 * 1024  # bytes a report may inflate to
MAX_ROWS = 100_000
MAX_ELEMENTS = 10_000  # of one row, or beside the rows
MAX_TAG = 64 * 1024  # bytes between two ends of tags
MAX_MAIL = 16 * 1024 * 1024  # bytes of a mail with reports
MAX_PARTS = 20  # parts in parts: each line is compared with the boundary of each
RESULTS = ("pass", "fail")
_GZIP = b"\x1f\x8b"
_REPORT_FILE = re.compile(r"^(?!__MACOSX/)(?:.*/)?(?!\._)[^/]+\.xml(?:\.gz)?$", re.IGNORECASE)
# What some receivers write though it is no XML: an ampersand alone, control characters, a prefix that is not declared.
_BARE_AMPERSAND = re.compile(rb"&(?!#?\w{1,30};)")
_SCHEMA_PREFIX = re.compile(rb"(</?)xsd?:")
_CONTROLS = bytes(number for number in range(1, 32) if number not in b"\t\n\r")
_MAIL = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]*:)")  # how a mail begins: a line of mbox, or a header
_NESTING = re.compile(rb"boundary|message/", re.IGNORECASE)
_UTF_16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}  # by the beginning
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")


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
    """Return the `Report`s in an XML file, its gzip, a zip of several, or a mail with such files.

    :raises EngineRejected: what is wrong
    """
    files = _attachments(body) if _MAIL.match(body) else [body]
    return [_parse(text) for file in files for text in _unpacked(file)]


def _unpacked(body):
    """The texts of reports in a file."""
    if body[:4] == b"PK\x03\x04":
        return _unzipped(body)
    return [_inflated(body) if body[:2] == _GZIP else body]


def _attachments(mail):
    """The files of a mail that may be reports, and of the mails in it; what else it says is none."""
    if len(mail) > MAX_MAIL or len(_NESTING.findall(mail)) > MAX_PARTS:
        raise EngineRejected(_("This mail is too long, or has too many parts: save its attachment"))
    parts = [part for part in email.message_from_bytes(mail).walk() if not part.is_multipart() and not _is_words(part)]
    contents = [part.get_payload(decode=True) or b"" for part in parts]
    files = [one for one in contents if one[:4] == b"PK\x03\x04" or one[:2] == _GZIP or _is_report(one)]
    if not files:
        raise EngineRejected(_("No report is attached to this mail"))
    return files


def _is_words(part):
    return part.get_content_type() in ("text/plain", "text/html") and not part.get_filename()


def _is_report(content):
    """Whether a part of a mail is XML, and no page."""
    beginning = _decoded(content[:4096]).lstrip(b"\xef\xbb\xbf \t\r\n")
    return beginning.startswith(b"<") and b"<feedback" in beginning


def _decoded(text):
    """XML in UTF-16, which some programs make of an attachment, in UTF-8."""
    charset = _UTF_16.get(text[:2])
    return _DECLARATION.sub("", text.decode(charset, "replace")).encode() if charset else text


def _unzipped(body):
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = [info for info in archive.infolist() if _REPORT_FILE.search(info.filename)]
            if sum(info.file_size for info in names) > MAX_REPORT:
                raise EngineRejected(_("The report inflates beyond all measure"))
            if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in names):
                raise EngineRejected(_("The zip file cannot be read"))  # the other methods take memory as they like
            texts = [archive.open(info).read(MAX_REPORT) for info in names]
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise EngineRejected(_("The zip file cannot be read")) from error
    if not texts:
        raise EngineRejected(_("There is no XML file in the zip file"))
    return [_inflated(text) if text[:2] == _GZIP else text for text in texts]


def _inflated(body):
    """All members of a gzip file (RFC 1952, 2.2)."""
    text = b""
    while body[:2] == _GZIP:
        inflate = zlib.decompressobj(wbits=31)
        try:
            text += inflate.decompress(body, MAX_REPORT - len(text) or 1)
        except zlib.error as error:
            raise EngineRejected(_("The compressed report is damaged")) from error
        if inflate.unconsumed_tail or len(text) > MAX_REPORT:
            raise EngineRejected(_("The report inflates beyond all measure"))
        if not inflate.eof:
            raise EngineRejected(_("The compressed report is cut short"))
        body = inflate.unused_data
    return text


def _parse(text):
    try:
        return _report(text)
    except etree.XMLSyntaxError as error:
        raise EngineRejected(_("This is no XML: %(error)s"), error=str(error)) from error
    except (ValueError, OverflowError, OSError) as error:
        raise EngineRejected(_("The DMARC report has a wrong value: %(error)s"), error=str(error)) from error


def _report(text):
    """Each row is let go once it is read: a report of any shape takes no more memory than its rows."""
    text = _decoded(text)
    _check_shape(text)
    text = _BARE_AMPERSAND.sub(b"&amp;", text.lstrip(b" \t\r\n").translate(None, _CONTROLS))
    text = _SCHEMA_PREFIX.sub(rb"\1", text)
    rows, elements = [], 0
    parsing = etree.iterparse(
        io.BytesIO(text), remove_comments=True, remove_pis=True, resolve_entities=False, no_network=True
    )
    for _event, element in parsing:
        if "}" in element.tag:  # reports come with and without a namespace
            element.tag = element.tag.rpartition("}")[2]
        elements += 1
        if elements > MAX_ELEMENTS:
            raise EngineRejected(_("This is no DMARC report: %(tag)s"), tag=element.tag)
        if element.tag == "record":
            rows.append(_row(element))
            element.clear()
            elements = 0
        if len(rows) > MAX_ROWS:
            raise EngineRejected(_("The report has more than %(most)s rows"), most=MAX_ROWS)
    root = parsing.root
    if root.tag != "feedback" or root.getroottree().docinfo.doctype:
        raise EngineRejected(_("This is no DMARC report: %(tag)s"), tag=root.tag)
    return Report(
        _text(root, "report_metadata/org_name"),
        _text(root, "report_metadata/report_id"),
        _text(root, "policy_published/domain").lower().rstrip("."),
        _text(root, "policy_published/p"),
        _moment(root, "report_metadata/date_range/begin"),
        _moment(root, "report_metadata/date_range/end"),
        rows,
    )


def _check_shape(text):
    """A tag with a million attributes takes a gigabyte; with NUL in between, as in UTF-32, it could not be seen."""
    start = 0
    while start >= 0 and len(text) - start > MAX_TAG:
        start = text.rfind(b">", start + 1, start + 1 + MAX_TAG)
    if start < 0 or b"\0" in text:
        raise EngineRejected(_("This is no DMARC report: %(tag)s"), tag="?")


def _row(record):
    return Row(
        _address(_text(record, "row/source_ip")),
        max(0, int(_text(record, "row/count") or 0)),
        _text(record, "row/policy_evaluated/disposition").lower(),
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


def _address(text):
    """One spelling for one address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _moment(root, path):
    """Seconds since 1970, as the standard has it; some write a moment, fractions or milliseconds."""
    text = _text(root, path)
    if "-" in text[1:]:
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)
    seconds = float(text)
    return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC).replace(tzinfo=None)
