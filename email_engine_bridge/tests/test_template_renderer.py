import os
import time

from odoo.tests import BaseCase, tagged

from ..exceptions import TemplateRejected
from ..tools.sandbox import merge_tags
from ..tools.template_renderer import TemplateRenderer
from ..tools.template_sandbox import TemplateSandbox
from ..tools.text_part import derive_text
from .template_corpus import BOMBS, DATA, ESCAPES, ORDINARY

MEMORY = 64 * 1024  # kB above the idle worker
SECONDS = 0.2


@tagged("post_install", "-at_install")
class TestTemplateRenderer(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sandbox = TemplateSandbox()
        cls.addClassCleanup(cls.sandbox.close)
        cls.renderer = TemplateRenderer(cls.sandbox)

    def _worker_peak(self):
        """Highest resident memory of the worker so far, in kB."""
        with open(f"/proc/{self.sandbox.pid}/status") as status:
            return int(status.read().split("VmHWM:")[1].split()[0])

    def test_documented_calls(self):
        """The sample calls of the user's document give the documented answers."""
        values = {"first_name": "Jean"}
        renderer = self.renderer
        self.assertEqual(
            renderer.render_subject("Hello {{ first_name }} - Special offer!", values), "Hello Jean - Special offer!"
        )
        self.assertEqual(renderer.render("<p>Hello {{ first_name }}!</p>", values), "<p>Hello Jean!</p>")
        self.assertEqual(renderer.validate_template("Hello {{ name }}"), (True, ""))
        self.assertEqual(
            renderer.get_template_variables("Hello {{ first_name }} {{ last_name }}"), ["first_name", "last_name"]
        )

    def test_ordinary_templates(self):
        for source, expected in ORDINARY:
            with self.subTest(source):
                self.assertEqual(self.renderer.render(source, DATA), expected)

    def test_missing_variables_are_empty_and_reported(self):
        self.assertEqual(self.renderer.render("a{{ x }}b{{ y.z.t }}c[FNAME]", {}), "abc")
        self.assertEqual(self.renderer.missing, ["first_name", "x", "y.z.t"])

    def test_variables_in_order_of_first_appearance(self):
        source = (
            "{% for i in order.lines %}{{ i.name }}{{ loop.index }}{% endfor %}{{ z|d('x') }}[LNAME]{{ a.b }}{{ z }}"
        )
        self.assertEqual(self.renderer.get_template_variables(source), ["order.lines", "z", "[LNAME]", "a.b"])

    def test_errors_carry_line_and_column(self):
        self.assertEqual(
            self.renderer.validate_template("Hello\n  {{ name|uper }}"),
            (False, "line 2, column 11: Unknown or forbidden filter: uper (did you mean upper?)"),
        )
        valid, message = self.renderer.validate_template("ok\n{% for a in b %}")
        self.assertFalse(valid)
        self.assertTrue(message.startswith("line 2, column "), message)

    def test_bombs_are_refused_quickly_and_cheaply(self):
        self.renderer.render("warm", {})
        idle = self._worker_peak()
        for source in BOMBS:
            with self.subTest(source[:60]):
                start = time.monotonic()
                with self.assertRaises(TemplateRejected):
                    self.renderer.render(source, DATA)
                self.assertLess(time.monotonic() - start, SECONDS * 10)  # the machine may be busy
                self.renderer.render("still serving", {})
                self.assertLess(self._worker_peak() - idle, MEMORY)

    def test_nothing_escapes(self):
        for source in ESCAPES:
            with self.subTest(source):
                try:
                    text = self.renderer.render(source, DATA)
                except TemplateRejected:
                    continue
                self.assertNotRegex(text, "class|object|function|root:|/home|/usr")

    def test_a_worker_that_is_killed_is_replaced(self):
        self.renderer.render("x", {})
        process = self.sandbox._child._process
        process.kill()
        process.wait()
        self.assertEqual(self.renderer.render("{{ a }}", {"a": 1}), "1")

    def test_a_forked_process_has_a_worker_of_its_own(self):
        self.renderer.render("x", {})
        reader, writer = os.pipe()
        if not (pid := os.fork()):
            try:
                self.renderer.render("x", {})
                os.write(writer, str(self.sandbox.pid).encode())
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        os.close(writer)
        with os.fdopen(reader) as stream:
            self.assertNotIn(int(stream.read()), (self.sandbox.pid, 0))
        self.assertEqual(self.renderer.render("{{ a }}", {"a": 1}), "1")

    def test_the_worker_cannot_open_files_nor_grow(self):
        """The last fence holds even for code that got past the syntax rules."""
        self.renderer.render("x", {})
        with open(f"/proc/{self.sandbox.pid}/limits") as limits:
            text = limits.read()
        self.assertRegex(text, r"Max open files\s+0\s+0")
        self.assertRegex(text, r"Max address space\s+\d+\s+\d+")
        with open(f"/proc/{self.sandbox.pid}/environ") as environ:
            self.assertEqual(environ.read().strip("\0"), "")

    def test_one_bad_recipient_does_not_stop_the_batch(self):
        rows = [{"n": 1}, {"n": "a" * 3_000_000}, {"n": 3}]
        texts, errors = self.renderer.render_batch("{{ n }}", "<b>{{ n }}</b>", "", rows)
        self.assertEqual([text and text[1] for text in texts], ["<b>1</b>", None, "<b>3</b>"])
        self.assertIn("longer", errors[1]["message"])

    def test_header_fields_stay_on_one_line(self):
        subject = self.renderer.render_subject("Hi {{ n }}", {"n": "a\r\nBcc: x@y.z\0\u2028b"})
        self.assertEqual(subject, "Hi a Bcc: x@y.z b")

    def test_recipient_data_introduces_no_tag(self):
        values = {"first_name": "[EMAIL]{{ 7*7 }}", "email": "a@b.c"}
        self.assertEqual(self.renderer.render("[FNAME]", values), "[EMAIL]{{ 7*7 }}")
        kept = TemplateRenderer(self.sandbox, keep_tags=True)
        text = kept.render("[LNAME] {{ first_name }}", values)
        self.assertEqual(text, "[LNAME] [\u2060EMAIL]{{ 7*7 }}")

    def test_merge_tag_filters(self):
        values = {"first_name": " élodie du pont ", "email": "A&B@x.fr"}
        cases = {
            "[FNAME:filter:trim|uppercase]": "ÉLODIE DU PONT",
            "[FNAME:filter:trim|ucfirst]": "Élodie du pont",
            "[FNAME:filter:trim|ucwords]": "Élodie Du Pont",
            "[FNAME:filter:trim|reverse]": "tnop ud eidolé",
            "[EMAIL:filter:lowercase]": "a&amp;b@x.fr",
            "[EMAIL:filter:urlencode]": "A%26B%40x.fr",
            "[EMAIL:filter:rawurlencode]": "A%26B%40x.fr",
            "[EMAIL:filter:htmlencode]": "A&amp;B@x.fr",
            "{{ '[NOTE]' }} stays": "[NOTE] stays",
            "<!--[if mso]>x<![ENDIF]-->": "<!--[if mso]>x<![ENDIF]-->",
        }
        for source, expected in cases.items():
            with self.subTest(source):
                self.assertEqual(self.renderer.render(source, values), expected)

    def test_tags_are_replaced_or_reported_never_left(self):
        """A person without the column, tags of MailWizz's, whole links; what cannot be had is refused when saved."""
        self.assertEqual(self.renderer.render("a [CITY] b", {"city": "Lyon"}), "a Lyon b")
        self.assertEqual(self.renderer.render("a [CITY] b", {"first_name": "Bo"}), "a  b")
        self.assertEqual(self.renderer.missing, ["city"])
        values = {"unsubscribe_url": "https://x.test/?a=1&b=2", "company_city": "Lyon"}
        for tag in set(merge_tags.VARIABLES) | set(merge_tags.LINKS):
            self.assertNotIn("[", self.renderer.render(f"[{tag}]", values))
        link = self.renderer.render("[UNSUBSCRIBE_LINK]", values)
        self.assertIn('<a href="https://x.test/?a=1&amp;b=2">', link)
        self.assertEqual(self.renderer.render("[DIRECT_UNSUBSCRIBE_URL]", values), "https://x.test/?a=1&amp;b=2")
        for refused in ("[FNAME:filter:unheard]", "[REMOTE_CONTENT url='https://x.test']", "{{ [FNAME] }}"):
            valid, why = self.renderer.validate_template(f"<p>\n{refused}</p>")
            self.assertFalse(valid)
            self.assertIn("line 2", why)

    def test_default_serves_an_empty_column_too(self):
        values = {"empty": "", "blank": " ", "zero": 0}
        for source, expected in {"none": "x", "empty": "x", "blank": "x", "zero": "0"}.items():
            self.assertEqual(self.renderer.render(f"{{{{ {source}|default('x') }}}}", values), expected)

    def test_null_is_no_value(self):
        """JSON's null is what is missing, wherever it stands: nobody reads "None" in a mail."""
        row = {"city": None, "shop": {"name": None}, "items": [None, "a"], "n": 0}
        source = "<{{ city }}|{{ city|upper }}|{{ city|default('x') }}|{{ shop.name }}|{{ shop['name'] }}|{{ n }}"
        source += "|{% for item in items %}-{{ item }}{% endfor %}|{% if city is none %}y{% endif %}>"
        self.assertEqual(self.renderer.render(source, row), "<||x|||0|--a|y>")
        self.assertIn("city", self.renderer.missing)

    def test_numbers_that_came_as_text(self):
        """What a CSV holds is text, and people compare and multiply it."""
        source = "{% if age > 18 %}a{% endif %}{% if age == 40 %}b{% endif %}{% if 18 <= age < 41 %}c{% endif %}"
        source += "{% if age != 40 %}d{% endif %} {{ price * 2 }} {{ age + 1 }} {{ age ~ 1 }}"
        for age, price in (("40", "12,50"), (40, 12.5), (" 40.0 ", "12.5")):
            text = self.renderer.render(source, {"age": age, "price": price})
            self.assertEqual(text.replace(" ", ""), f"abc 25.0 41 {age}1".replace(" ", ""))
        source = "{% if age > 18 %}a{% else %}n{% endif %}{% if age == 0 %}z{% endif %}"
        for age in ("forty", "", None):
            self.assertEqual(self.renderer.render(source, {"age": age}), "n")
        with self.assertRaisesRegex(TemplateRejected, "two numbers"):
            self.renderer.render("{{ age * 2 }}", {"age": "forty"})

    def test_variables_named_as_tags(self):
        """As MailWizz's templates with Twig name them; Jinja2's own name is none."""
        row = {"first_name": "Ann", "city": "Lyon", "CODE": "x", "code": "y"}
        source = "{{ FNAME }} {{ CITY }} {{ CODE }}{% if FNAME == 'Ann' %}!{% endif %}{{ NOPE }}"
        self.assertEqual(self.renderer.render(source, row), "Ann Lyon x!")
        self.assertEqual(self.renderer.missing, ["NOPE"])
        self.assertIn("self is not allowed", self.renderer.validate_template("{{ self }}")[1])

    def test_css_is_no_comment(self):
        html = "<style>@media screen{#wrap{color:#}}</style><p>Text</p>{# gone #}<b style='color:#}'>{{ n }}</b>"
        self.assertEqual(
            self.renderer.render(html, {"n": 1}),
            "<style>@media screen{#wrap{color:#}}</style><p>Text</p><b style='color:#}'>1</b>",
        )

    def test_joiners_and_blanks_that_do_not_break_stay(self):
        family = "👨\u200d👩\u200d👧 9\u00a0€"
        self.assertEqual(self.renderer.render_subject("{{ n }}", {"n": family}), family)
        _subject, _html, text = self.renderer.preview("s", f"<table><tr><td>{family}</td><td>2</td></tr></table>")
        self.assertEqual(text, f"{family} 2\n")

    def test_text_part_follows_the_tree(self):
        for html, text in (
            ("<h4>A</h4>b<section>c</section>d", "A\n\nb\nc\nd\n"),
            ("<table><tr><td>vert</td><td>4,50</td></tr><tr><td>x</td></tr></table>", "vert 4,50\nx\n"),
            ("<ul><li>un</li><li><p>deux</p></li></ul>", "- un\n- deux\n"),
            ("<div style='display: none'>preheader</div><p>a<br>b</p>", "a\nb\n"),
            ("<a href='https://x.test'><img alt='Acheter'></a>", "Acheter (https://x.test)\n"),
            (
                "<head><title>t</title><body>a&nbsp;b &lt;c&gt; \U0001f468\u200d\U0001f469",
                "a\xa0b <c> \U0001f468\u200d\U0001f469\n",
            ),
            (
                "<?xml version='1.0' encoding='utf-8'?><p>é {% if x %}[FNAME]{% endif %}</p>",
                "é {% if x %}[FNAME]{% endif %}\n",
            ),
            ("<!--[if mso]><p>o</p><![endif]--><blockquote>q</blockquote>z", "q\n\nz\n"),
        ):
            self.assertEqual(derive_text(html), text)

    def test_text_part_says_nothing_twice_and_nothing_hidden(self):
        for html, text in (
            (
                '<a href="https://x.test/a">https://x.test/a</a> <a href="https://x.test/">x.test</a>',
                "https://x.test/a x.test",
            ),
            (
                '<a href="mailto:a@x.test">a@x.test</a> <a href="https://x.test/b">x.test</a>',
                "a@x.test x.test (https://x.test/b)",
            ),
            ('<a href="javascript:go()">j</a>', "j"),
            ("<ol><li>one</li><li><p>two</p></li></ol>", "1. one\n2. two"),
            ('<p hidden>h</p><p style="visibility: hidden">v</p><p>seen</p>', "seen"),
            (
                "<p>a  b</p><pre>\n  x = {{ n }}\n\n\n\ty <b>z  z</b>\n</pre>c",
                "a b\n\n  x = {{ n }}\n\n\n\ty z  z\n\nc",
            ),
            ('<div style="white-space: pre-line">one\ntwo</div><p>three\nfour</p>', "one\ntwo\n\nthree four"),
        ):
            self.assertEqual(derive_text(html).strip(), text)

    def test_text_part_is_derived(self):
        html = "<style>p{}</style><h1>Bonjour {{ n }}</h1><p>Lire <a href='{{ u }}'>ici</a></p><ul><li>un</li></ul>"
        _subject, _html, text = self.renderer.preview("s", html, sample={"n": "A&B", "u": "https://x/?a=1&b=2"})
        self.assertEqual(text, "Bonjour A&B\n\nLire ici (https://x/?a=1&b=2)\n\n- un\n")
