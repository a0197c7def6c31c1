"""No link of a mail leads to the server that shows the mail, whatever its author wrote."""

from urllib.parse import urljoin, urlsplit

from lxml import html
from odoo.tests import BaseCase, new_test_user, tagged

from ..tools.mime_html import sanitise, without_own_links
from .conversation_common import ConversationCase

OURS = "https://odoo.example/odoo/inbox"
LOGOUT = "/web/session/logout"
SPELLINGS = [
    *("/", "./", "../", "\\", "/\\", "\\/", "?", "#", "", "//odoo.example/", "https:", "https:/", "https:\\", "HTTPS:"),
    *("ht\ntps:", "https:\t/", "https:///odoo.example/", " /", "\x01/", "\u00a0/", "javascript:", "data:text/html,"),
]
KEPT = ["https://shop.example/a?b=1&c=2#d", "http://a.example", "mailto:a@b.example?subject=x", "tel:+3312345"]


def where(markup):
    """The hosts that the links of a mail lead to when it is shown on our server."""
    links = html.fragment_fromstring(markup, create_parent="div").xpath("//@href|//@cite|//@src")
    return {urlsplit(urljoin(OURS, link.strip())).netloc for link in links}


@tagged("post_install", "-at_install")
class TestLinks(BaseCase):
    def test_every_spelling_leads_elsewhere_or_nowhere(self):
        for spelling in SPELLINGS:
            link = f"{spelling}{LOGOUT}".replace("\n", "&#10;")
            for tag in (f'<a href="{link}">x</a>', f'<blockquote cite="{link}">x</blockquote>', f'<img src="{link}">'):
                shown = sanitise(tag)
                self.assertNotIn("odoo.example", where(shown), tag)

    def test_links_to_others_stay(self):
        for link in KEPT:
            (kept,) = html.fragment_fromstring(sanitise(f'<a href="{link}">x</a>')).xpath("//@href")
            self.assertEqual(kept, link)
        self.assertIn("data-remote-src", sanitise('<img src="//cdn.example/p.png">'))

    def test_what_was_stored_before(self):
        for spelling in SPELLINGS[:-2]:
            stored = f'<p>href="/x"</p><a href="{spelling}{LOGOUT}" rel="noopener">x</a><img data-remote-src="https://a.example/p">'
            shown = without_own_links(stored)
            self.assertNotIn("odoo.example", where(shown), stored)
            self.assertIn('<p>href="/x"</p>', shown)
            self.assertIn('data-remote-src="https://a.example/p"', shown)


@tagged("post_install", "-at_install")
class TestLegible(BaseCase):
    """Colours and backgrounds are kept or dropped together, and nothing follows the height of its window."""

    def colours(self, markup):
        shown = html.fragment_fromstring(sanitise(markup), create_parent="div")
        (element,) = shown.xpath("//*[text()='words']")
        return (element.get("style") or "").replace(" ", "").rpartition("color:")[2], element.get("class") or ""

    def test_white_words_whose_background_is_taken_away_are_black(self):
        for before, after in (
            ("<style>.b{background:#000}</style><div class=b>", "</div>"),
            ("<table background=x.png><tr><td>", "</td></tr></table>"),
            ("<div style='background-image:url(x.png)'>", "</div>"),
        ):
            for word in ('<p style="color:#fff">words</p>', "<font color=white>words</font>"):
                if "<style>" in before or "background:" not in before:
                    colour, _hidden = self.colours(f"{before}{word}{after}")
                    self.assertIn(colour, ("#000000", ""), before + word)

    def test_what_stands_on_a_background_that_stays_keeps_its_colour(self):
        for before in (
            '<div style="background:#003 url(x.png)">',
            '<div style="background-color:#003">',
            "<table bgcolor=#003><tr><td>",
        ):
            self.assertEqual(self.colours(f'{before}<p style="color:white">words</p>')[0], "white", before)

    def test_what_its_author_hid_stays_marked(self):
        self.assertIn(
            "lokario-hidden", sanitise('<p style="color:#fff">words</p><style>p{margin:0}</style><b hidden>x</b>')
        )

    def test_no_height_of_a_window(self):
        shown = sanitise('<div style="height:100vh;min-height:calc(100dvh - 1px);color:red;width:50vw">x</div>')
        self.assertEqual(shown, '<div style="color:red">x</div>')


@tagged("post_install", "-at_install")
class TestStoredLinks(ConversationCase):
    def test_the_reader_and_the_chatter_of_an_old_mail(self):
        user = new_test_user(self.env, "links", "base.group_user,lokario_inbox.group_lokario_inbox_user")
        first, second = self.store({"subject": "Link 1"}, {"subject": "Link 2"})
        (first | second).sudo().write({"body_html": f'<p>Bonjour <a href="{LOGOUT}">ici</a></p>'})
        for message in (first, second):
            body = message.with_user(user).inbox_bodies()[message.id]
            self.assertNotIn(LOGOUT, body["visible"])
            self.assertNotIn(LOGOUT, message._chatter_values(self.env.user.partner_id)["body"])
