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
class TestStoredLinks(ConversationCase):
    def test_the_reader_and_the_chatter_of_an_old_mail(self):
        user = new_test_user(self.env, "links", "base.group_user,lokario_inbox.group_lokario_inbox_user")
        first, second = self.store({"subject": "Link 1"}, {"subject": "Link 2"})
        (first | second).sudo().write({"body_html": f'<p>Bonjour <a href="{LOGOUT}">ici</a></p>'})
        for message in (first, second):
            body = message.with_user(user).inbox_bodies()[message.id]
            self.assertNotIn(LOGOUT, body["visible"])
            self.assertNotIn(LOGOUT, message._chatter_values(self.env.user.partner_id)["body"])
