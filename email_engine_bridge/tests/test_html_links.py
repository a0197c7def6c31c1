from html import escape
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from ..tools.campaign_content import prepare

SPACE = st.sampled_from([" ", "\n", "\t "])
URLS = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_characters="{}[]<>"), max_size=20).map(
    lambda text: f"https://shop.test/{text}"
)
PERSONAL = st.sampled_from(["{{ unsubscribe_url }}", "https://x.test/{{ id }}", "[FNAME]", "https://x.test/[CITY]"])
OTHERS = st.sampled_from(["mailto:a@b.test", "#top", "tel:+33", ""])
DECOYS = st.sampled_from(
    [
        "",
        "<!-- <a href='https://no.test'>no</a> -->",
        "<style>a{content:'<a href=https://no.test>'}</style>",
        "{% if a > b %}<b>x</b>{% endif %}",
        "<p title='<a href=\"https://no.test\">'>",
    ]
)
ATTRIBUTES = st.sampled_from(
    ["", "data-href='https://no.test'", 'title="x > y"', "data-mce-href=https://no.test", "hidden"]
)
NAMES = st.sampled_from(["href", "HREF", "Href"])
TAGS = st.sampled_from(["a", "A", "area"])


@st.composite
def links(draw):
    """(HTML, its address) of a link written in one of the ways HTML allows."""
    url = draw(st.one_of(URLS, PERSONAL, OTHERS))
    needs_quotes = not url or set(url) & set("{ \"'=`")
    quote = draw(st.sampled_from(['"', "'"] if needs_quotes else ['"', "'", ""]))
    value = url if "{{" in url else escape(url)
    equals = draw(st.sampled_from(["=", " = ", "\n="]))
    parts = [draw(TAGS), draw(ATTRIBUTES), f"{draw(NAMES)}{equals}{quote}{value}{quote}", draw(ATTRIBUTES)]
    return draw(DECOYS) + "<" + draw(SPACE).join(filter(None, parts)) + " >x", url


class _Addresses(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag in ("a", "area"):
            self.found.append(dict(attrs).get("href"))


@tagged("post_install", "-at_install")
class TestHtmlLinks(BaseCase):
    @settings(max_examples=300, deadline=None, database=None)
    @given(st.lists(links(), min_size=1, max_size=6))
    def test_every_common_address_is_counted_and_no_other(self, pieces):
        html = "<p>[UNSUBSCRIBE_URL]</p>" + "".join(piece for piece, _url in pieces)
        content = prepare(["s"], html, "x", track_opens=False, track_clicks=True)
        expected = [
            f"{{{{ click_url }}}}{content.links.index(url)}" if url in content.links else url for _piece, url in pieces
        ]
        self.assertEqual(_Addresses(content.html).found, expected)
        common = [url for _piece, url in pieces if url.startswith("https://shop.test/")]
        self.assertEqual(content.links, list(dict.fromkeys(common)))

    def test_everybody_can_leave_a_list_from_either_part(self):
        """A link within a comment is none; the author's own text part gets its own."""
        link = "<a href='[UNSUBSCRIBE_URL]'>out</a>"
        for html, text, in_html, in_text in (
            (f"<p>x</p>{link}", "", False, False),
            (f"<p>x</p><!-- {link} -->", "", True, False),
            (f"<p>x</p><!--[if mso]>{link}<![endif]-->", "", True, False),
            (f"<p>x</p>{link}", "Hello", False, True),
            (f"<p>x</p>{link}", "Leave: {{ unsubscribe_url }}", False, False),
        ):
            content = prepare(["s"], html, text, track_opens=False, track_clicks=False)
            self.assertEqual("Se désinscrire" in content.html, in_html, html)
            self.assertIn("unsubscribe", content.text.lower())
            self.assertEqual(content.text.startswith("Hello\n\nSe désinscrire"), in_text, text)
        alone = prepare(["s"], "<p>x</p>", "Hello", track_opens=False, track_clicks=False, is_list=False)
        self.assertEqual((alone.html, alone.text), ("<p>x</p>", "Hello"))
