import re

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from ..exceptions import TemplateRejected
from ..tools import mjml

GOOD = """<mjml lang="fr">
  <mj-head><mj-preview>{{ city }}</mj-preview><mj-style>.a{color:red}</mj-style></mj-head>
  <mj-body>
    {% if vip and a < b %}
    <mj-section><mj-column width="50%"><mj-text>Bonjour {{ name|default("é") }} [FNAME]<br>&amp;</mj-text></mj-column>
      <mj-column width="50%"><mj-button href="[UNSUBSCRIBE_URL]">x</mj-button></mj-column></mj-section>
    {% endif %}
  </mj-body>
</mjml>"""
PIECES = (
    "<mj-text>",
    "</mj-text>",
    "<mj-wrapper>",
    "</mj-section>",
    "<mj-x>",
    "<",
    ">",
    '"',
    "é",
    "{{ a }}",
    "{%",
    "\x00",
    "&",
)


@tagged("post_install", "-at_install")
class TestMjml(BaseCase):
    """MJML becomes HTML with its Jinja2 and tags; what is wrong is refused at its line."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(mjml._compiler.close)

    def test_jinja_and_tags_are_kept_and_nothing_is_loaded_from_strangers(self):
        html = mjml.compile_mjml(GOOD)
        for kept in (
            "{% if vip and a < b %}",
            '{{ name|default("é") }} [FNAME]',
            "{{ city }}",
            'href="[UNSUBSCRIBE_URL]"',
        ):
            self.assertIn(kept, html)
        self.assertIn('<html lang="fr"', html)
        self.assertIn("@media only screen", html)
        self.assertNotIn("mj-text", html)
        self.assertEqual(re.findall(r"https?://(?!www\.w3\.org)[^\s\"')]+", html), [])

    def test_what_mail_programs_and_editors_write_is_taken(self):
        """A declaration in front, and HTML in capitals within the texts."""
        text = "<P>{{ Name }}<BR>y</p><IMG SRC='https://x.test/A.png'>"
        html = mjml.compile_mjml('<?xml version="1.0"?>\n<!DOCTYPE mjml>\n' + GOOD.replace("[FNAME]<br>", text))
        for kept in ("{{ Name }}<br />y</p>", "https://x.test/A.png", "[UNSUBSCRIBE_URL]"):
            self.assertIn(kept, html)

    def test_each_fault_has_its_line(self):
        for source, words in (
            ("", "line 1, column 1: MJML begins"),
            ("<p>x</p>", "line 1, column 1: everything stands within"),
            (GOOD.replace("<mj-preview>", "<mj-bold>"), "line 2, column 12: MJML has no <mj-bold>"),
            (GOOD.replace("</mj-text>", ""), "line 5, column 97: </mj-column> stands where <mj-text> of line 5"),
            (GOOD.replace("</mjml>", ""), "line 1, column 1: <mjml> is not closed"),
            (GOOD.replace("<mj-style>", "<mj-html-attributes>"), "line 2, .*MJML has no <mj-html-attributes>"),
            (GOOD + "</mjml>", "line 9, column 8: </mjml> closes nothing"),
            (GOOD.replace("<mj-style>", "<mj-include path='/etc/passwd'/><mj-style>"), "line 2, .*reads files"),
            (f"<mjml><mj-body>\n{'<mj-wrapper>' * 90}", "line 2, column 697: .*too deeply"),
            ("<mjml><mj-body>\n<mj-social-element name='x'/></mj-body></mjml>", "line 2, column 1: .*src"),
        ):
            with self.subTest(words), self.assertRaisesRegex(TemplateRejected, words):
                mjml.compile_mjml(source)

    @settings(max_examples=20, deadline=None, database=None)
    @given(st.integers(0, len(GOOD)), st.integers(0, 30), st.sampled_from(PIECES), st.integers(1, 3))
    def test_whatever_is_written_is_html_or_refused(self, place, cut, piece, times):
        """mrml panics on some of these: the child ends, and the next document is read all the same."""
        try:
            self.assertIn("<html", mjml.compile_mjml(GOOD[:place] + piece * times + GOOD[place + cut :]))
        except TemplateRejected as error:
            self.assertTrue(str(error))
