import base64
import resource
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from ..exceptions import UnreadableMail
from ..tools import mime_html
from ..tools.fenced_child import PROCESSOR
from ..tools.fenced_reader import FRAME, SMALL, FencedReader
from ..tools.mail_addresses import addresses
from ..tools.mail_part import read_field
from ..tools.mime_message import bare_address, parse_mail, parse_partial
from ..tools.mime_parts import Part
from ..tools.quoted_html import fold_html
from ..tools.quoted_text import fold_text
from .mime_corpus import ordinary

HEADER = b"From: a@x.test\r\nTo: b@y.test\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
STARTS = 3  # seconds of processor time that a new child may need before it reads
OURS = 2  # seconds of processor time of the process that asks, for 25 MB

FONTS = "".join(f"<font color=c{n}><p>" for n in range(90_000))  # each paragraph gets all of them

UNITS = [
    *(
        "<div>",
        "<style>",
        "<font color=c{n}><p>",
        "<table><tr><td>",
        "<b>",
        "<a href=x{n}>",
        "<svg>",
        "<select>",
        "</p>",
    ),
    *("<!--[if", "<!--", "<br ", "<img ", "<p hidden>", "/*", "{{", "&amp", "<style>p{{color:rgb(", "a{n}=1 ", "\n"),
]


def _children():
    """Processor time of the children that have ended: the clock says little on a shared machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@tagged("post_install", "-at_install")
class TestReadingBudgets(BaseCase):
    """Nothing that a stranger writes occupies a worker longer than its budget."""

    def setUp(self):
        super().setUp()
        self.reader = FencedReader()
        self.addCleanup(self.reader.close)

    def read(self, raw):
        """The mail, or None when it goes to quarantine; within the budget either way."""
        own, children = time.process_time(), _children()
        try:
            mail = self.reader.parse_mail(raw)
        except UnreadableMail:
            mail = None
        self.assertLess(time.process_time() - own, OURS)
        self.assertLess(_children() - children, PROCESSOR + STARTS)
        return mail

    def test_the_fence_changes_nothing_of_ordinary_mail(self):
        attached = b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        attached += base64.b64encode(bytes(range(256)) * 60) + b"\r\n--b--\r\n"
        long = HEADER + b"<p>h\xc3\xa9llo <img src=https://x.test/a.png></p>" * 500
        parts = HEADER.replace(b"text/html", b"multipart/mixed; boundary=b") + b"--b\r\n\r\nhi\r\n" + attached
        for raw in (long, parts, ordinary(1)):
            self.assertEqual(self.reader.parse_mail(raw), parse_mail(raw))
        self.assertGreater(min(len(long), len(parts)), SMALL)
        waiting, bodies = [Part("n", "text/x", 3, None, part="2")], ("plain", "<p>é</p>")
        self.assertEqual(
            self.reader.parse_partial(HEADER, 9, bodies, waiting), parse_partial(HEADER, 9, bodies, waiting)
        )

    def test_mails_that_travel_together_are_read_as_each_alone(self):
        attached = HEADER.replace(b"text/html", b"multipart/mixed; boundary=b") + b"--b\r\n\r\nhi\r\n--b\r\n"
        attached += b"Content-Type: application/pdf; name=%d.pdf\r\n\r\n\xff\0data\r\n--b--\r\n"
        mails = [*(attached % n for n in range(40)), *map(ordinary, range(5)), b"", HEADER + b"x" * FRAME, b"\xff"]
        mails += [HEADER + b"<p>%d</p>" % n * 3000 for n in range(20)]
        self.assertGreater(sum(map(len, mails)), 2 * FRAME)
        self.assertEqual(self.reader.parse_mails(mails), list(map(parse_mail, mails)))
        self.assertEqual(self.reader.parse_mails(mails[:3]), list(map(parse_mail, mails[:3])))
        self.assertEqual(self.reader.parse_mails([]), [])

    def test_a_mail_beyond_its_budget_takes_none_of_its_companions_along(self):
        bad = HEADER + FONTS.encode()
        deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(90))
        good = [HEADER + b"<p>%d</p>" % n for n in range(30)]
        found = self.reader.parse_mails([*good[:10], bad, *good[10:20], deep, *good[20:]])
        unreadable = [place for place, mail in enumerate(found) if isinstance(mail, UnreadableMail)]
        self.assertEqual(unreadable, [10, 21])
        self.assertIn("more time", str(found[10]))
        self.assertIn("nested", str(found[21]))
        self.assertEqual([mail for mail in found if not isinstance(mail, UnreadableMail)], list(map(parse_mail, good)))

    def test_quadratic_html_goes_to_quarantine_and_the_next_mail_is_read(self):
        self.assertIsNone(self.read(HEADER + FONTS.encode()))
        self.assertTrue(self.read(HEADER + b"<p>good</p>" * 1000))
        self.assertTrue(self.read(HEADER + b"<div>" * 100_000), "deep HTML is made shallow")

    def test_25_megabytes_of_anything(self):
        for unit in (b"<div>", b"\n", b"<p x='"):
            self.read(HEADER + unit * (25_000_000 // len(unit)))

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(st.sampled_from(UNITS), min_size=1, max_size=3), st.sampled_from([30_000, 400_000]))
    def test_any_repetition(self, units, size):
        pattern = "".join(units)
        count = size // len(pattern)
        self.read(HEADER + "".join(pattern.format(n=n) for n in range(count)).encode())

    def test_what_a_request_reads_is_linear(self):
        for run, before, unit, after in (
            (mime_html.to_text, "", "<br ", ""),
            (mime_html.sanitise, "<p style='color:", " ", "x'>"),
            (mime_html.sanitise, "<p style='color", " ", "x'>"),
            (mime_html.sanitise, "", "color=#a", ""),
            (mime_html.sanitise, "<style>@media print{", ".a{b:c}", "</style>"),
            (fold_text, "from", " ", "x"),
            (addresses, "", "x", ""),
            (addresses, "", "(", ""),
            (addresses, "<", ",", "@b.test>"),
            (addresses, "a", " ", "b"),
            (addresses, "<", '"\\"', ":"),
            (bare_address, "a", "x", ""),
            (read_field.__wrapped__, "text/plain", " ", "x"),
            (read_field.__wrapped__, "text/plain;a", ", ", "b c d"),
        ):
            times = []
            for count in (10_000, 80_000):
                started = time.process_time()
                run(before + unit * (count // len(unit)) + after)
                times.append(time.process_time() - started)
            self.assertLess(times[1], 24 * times[0] + 0.2, unit)

    def test_a_mail_of_attributions_is_folded_in_linear_time(self):
        for unit in (
            "On 1 wrote:\n> x\n",
            "hi On Mon, 3 Nov 2026 at 10:00, A <a@b.c> wrote:\n> x\n",
            " " * 300 + "x\n",
            "*" * 399 + "\n",
        ):
            times = []
            for count in (250, 2_250):
                started = time.process_time()
                fold_text(unit * count)
                times.append(time.process_time() - started)
            self.assertLess(times[1], 30 * times[0] + 0.2, unit)
            self.assertLess(times[1], 10, unit)

    def test_words_that_look_like_sources_stay(self):
        found = mime_html.sanitise('<p title=" src=">x src="https://a.test/b" y</p><img alt=" src=" src="//c.test/d">')
        self.assertIn('x src="https://a.test/b" y', found)
        self.assertIn('data-remote-src="https://c.test/d"', found)

    def test_a_body_of_quotations_is_shown_whole(self):
        for markup in ("<blockquote>q</blockquote>" * 19_000 + "end", "<div>-- </div><p>x</p>" * 9_000):
            started = time.process_time()
            self.assertEqual(fold_html(markup).visible, markup)
            self.assertLess(time.process_time() - started, 5)
