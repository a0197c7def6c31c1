from odoo.tests import BaseCase, tagged

from ..tools.message_checks import check_message

WORDS = "des mots " * 30
LINK = "<a href='https://x.test'>lire</a>"
GOOD = f"<html lang='fr'><p>{WORDS}</p><p>{LINK}<img src='https://x.test/a.png' alt='A'></p></html>"


@tagged("post_install", "-at_install")
class TestMessageChecks(BaseCase):
    """What mail programs, filters and readers do not like, each found by itself."""

    def test_a_good_message_has_no_remark(self):
        of_mjml = GOOD.replace("<p>", "<table><td style='font-size:0px'></td></table><p>", 1)  # between columns
        for html in (GOOD, of_mjml):
            self.assertEqual(check_message("Bonjour {{ first_name }}", html, ""), [])

    def test_each_fault_is_remarked(self):
        for subject, html, text, words in (
            ("Bonjour", GOOD.replace("https://x.test'>lire", "http://x.test'>lire"), "", "without https"),
            ("Bonjour", GOOD.replace("https://x.test'>lire", "#'>lire"), "", "lead nowhere"),
            ("Bonjour", GOOD.replace(WORDS, "Voici"), "", "Hardly any text"),
            ("Bonjour", GOOD.replace(" alt='A'", ""), "", "without a text"),
            ("Bonjour", GOOD.replace("<p>", "<form></form><p>", 1), "", "do not work in mail"),
            ("Bonjour", GOOD.replace(" lang='fr'", ""), "", "No language"),
            ("Bonjour", GOOD.replace("<p>", "<p style='font-size: 8px'>", 1), "", "too small"),
            ("Bonjour", GOOD, "Voir en ligne", "plain-text part"),
            ("Bonjour", GOOD + "x" * 105_000, "", "102 KB"),
            ("x" * 80, GOOD, "", "characters"),
            ("GRANDE PROMOTION", GOOD, "", "capitals"),
            ("Vite !!", GOOD, "", "exclamation"),
            ("Bonjour *|FNAME|*", GOOD, "", "another program"),
            ("Bonjour", GOOD.replace("<p>", "<p>%FIRSTNAME% ", 1), "", "another program"),
        ):
            said = [remark.text for remark in check_message(subject, html, text)]
            self.assertEqual(len(said), 1, said)
            self.assertIn(words, said[0])
