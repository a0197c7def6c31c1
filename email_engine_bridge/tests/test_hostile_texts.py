import contextlib
import time

from odoo.tests import BaseCase, tagged

from ..exceptions import EngineRejected, TemplateRejected
from ..tools import mjml, template_text
from ..tools.accounting import Unreadable, read_records
from ..tools.json_shape import check_json_shape
from ..tools.text_part import hold_jinja

HALF_A_MEGABYTE = 512 * 1024  # characters, as many as the API takes
LITTLE = 3.0  # seconds of this process; in it, each of these would take minutes


@tagged("post_install", "-at_install")
class TestHostileTexts(BaseCase):
    """A text that was written to take minutes takes them from nobody."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(mjml._compiler.close)
        cls.addClassCleanup(template_text._reader.close)

    def setUp(self):
        super().setUp()
        begun = time.process_time()
        self.addCleanup(lambda: self.assertLess(time.process_time() - begun, LITTLE))

    def test_a_template_of_open_tags_costs_little(self):
        """Python reads it in one go from 3.13.5 on; before, its reader is stopped."""
        html = "<a " * (HALF_A_MEGABYTE // 3)
        try:
            template_text.prepare(["s"], html, "x", track_opens=False, track_clicks=True, is_list=False)
        except TemplateRejected as refusal:
            self.assertIn("takes too long to read", str(refusal))
        self.assertEqual(template_text.derive_text(f"<p>{'word ' * 2000}</p>"), "word " * 1999 + "word\n")  # the next

    def test_mjml_of_open_comments_is_refused(self):
        with self.assertRaisesRegex(TemplateRejected, "cannot be made into HTML|<mjml> is not closed"):
            mjml.compile_mjml("<mjml>" + "<!--" * (HALF_A_MEGABYTE // 4))

    def test_the_shape_of_json_is_found_in_one_go(self):
        for repeated in (b'\\"', b'"\\', b'"', b"\\", b'{"a":"\\"'):
            for end in (b"", b"\\", b'"'):
                body = b'"' + repeated * (HALF_A_MEGABYTE // len(repeated)) + end
                with contextlib.suppress(EngineRejected):
                    check_json_shape(body)

    def test_an_object_on_many_lines_is_not_read_again_for_each_of_them(self):
        for line in (b"1,", b"{},", b"{}", b'"\\', b'"}'):
            with self.assertRaises(Unreadable):
                list(read_records([b'{"type": [\n' + (line + b"\n") * 80_000]))
        row = b'{"type": "d",\n"timeLogged": "2026-01-01 00:00:00",\n\n"rcpt": "}"\n}\n'
        self.assertEqual([record.rcpt for record in read_records([row * 3])], ["}"] * 3)

    def test_a_long_text_is_read_as_a_short_one(self):
        link = '<a href="https://x.test/{}">{{{{ x }}}}</a>'
        html = "<p>" + "".join(link.format(number) for number in range(20_000)) + "</p>"
        content = template_text.prepare(("a", "b"), html, "", track_opens=True, track_clicks=True, is_list=False)
        self.assertEqual((content.subjects, len(content.links)), (("a", "b"), 20_000))
        self.assertIn('href="{{ click_url }}19999">{{ x }}</a>', content.html)
        self.assertIn("{{ x }} (https://x.test/19999)", content.text)
        [remark] = template_text.check_message("s", f"<html lang='fr'>{html}</html>", "")
        self.assertIn("Gmail cuts it", remark.text)

    def test_what_opens_and_never_closes_is_text(self):
        for opening in ("{{", "{%", "{#", "{{{%{#", "{{x}", " ", "\n", "\x1f", "<?xml "):
            text = opening * (HALF_A_MEGABYTE // len(opening))
            held, restore = hold_jinja(text)
            self.assertEqual((held, restore(held)), (text, text))
            template_text.derive_text(text)  # nothing is raised

    def test_expressions_are_held_and_put_back(self):
        for text, marks in (
            ("a {{ x }} b {% if y %}c{# d #}", 3),
            ("{{{ x }}", 1),
            ("{{%x%}", 1),
            ("{{ {% x %} }} {{", 1),
            ("\ue0007\ue001\ue0000\ue001 no mark of ours", 0),
        ):
            held, restore = hold_jinja(text)
            self.assertEqual(held.count("\ue001") - text.count("\ue001"), marks, text)
            self.assertEqual(restore(held), text)
