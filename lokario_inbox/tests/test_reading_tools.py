import time

from odoo.tests import BaseCase, tagged

from ..tools.mail_traits import is_newsletter
from ..tools.message_ids import parse_ids
from ..tools.quoted_html import fold_html
from ..tools.quoted_text import fold_text
from ..tools.rule_match import Condition, RuleMail, matches
from ..tools.search_terms import fold, parse_query

QUOTED = (
    ("en gmail", "On Mon, 3 Mar 2025 at 10:02, Anna <a@b.fr> wrote:\n> old text"),
    ("en two lines", "On Monday, March 3, 2025 at 10:02 AM Anna Very Long Name\n<a@b.fr> wrote:\n\n> old text"),
    ("fr gmail", "Le lun. 3 mars 2025 à 10:02, Anna <a@b.fr> a écrit :\n> old text"),
    ("de apple", "Am 03.03.2025 um 10:02 schrieb Anna <a@b.fr>:\n> old text"),
    ("es gmail", "El lun, 3 mar 2025 a las 10:02, Anna (<a@b.fr>) escribió:\n> old text"),
    ("pt gmail", "Em seg., 3 de mar. de 2025 às 10:02, Anna <a@b.fr> escreveu:\n> old text"),
    ("it gmail", "Il giorno lun 3 mar 2025 alle ore 10:02 Anna <a@b.fr> ha scritto:\n> old text"),
    ("nl gmail", "Op ma 3 mrt 2025 om 10:02 schreef Anna <a@b.fr>:\n> old text"),
    ("pl gmail", "pon., 3 mar 2025 o 10:02 Anna <a@b.fr> napisał(a):\n> old text"),
    ("sv", "Den mån 3 mars 2025 kl 10:02 skrev Anna <a@b.fr>:\n> old text"),
    ("en outlook", "-----Original Message-----\nFrom: Anna\nSent: Monday\nTo: us\nSubject: x\n\nold text"),
    ("fr outlook", "De : Anna <a@b.fr>\nEnvoyé : lundi 3 mars 2025 10:02\nÀ : nous\nObjet : x\n\nold text"),
    ("de outlook", "Von: Anna\nGesendet: Montag, 3. März 2025\nAn: uns\nBetreff: x\n\nold text"),
    ("es outlook", "De: Anna\nEnviado el: lunes, 3 de marzo\nPara: x\nAsunto: x\n\nold text"),
    ("it outlook", "Da: Anna\nInviato: lunedì 3 marzo\nA: noi\nOggetto: x\n\nold text"),
    ("nl outlook", "Van: Anna\nVerzonden: maandag 3 maart\nAan: ons\nOnderwerp: x\n\nold text"),
    ("outlook rule", "________________________________\nFrom: A\nSent: Monday\nTo: x\nSubject: y\n\nold text"),
    ("bare", "> old text\n> more"),
    ("fr la poste", "> Message du 03/03/25 10:02\n> De : Anna <a@b.fr>\n> A : nous\n> Objet : x\n>\n> old text"),
    ("fr sfr", "====\nMessage du : 03/03/2025 10:02\nDe : Anna <a@b.fr>\nA : nous\nCopie à :\nSujet : x\n\nold text"),
    ("fr free", '----- Mail original -----\nDe: "Anna" <a@b.fr>\nÀ: nous\nObjet: x\n\nold text'),
    ("fr hotmail", "De : Anna<mailto:a@b.fr>\nEnvoyé le :lundi 3 mars 2025 10:02\nÀ : nous\nObjet :x\n\nold text"),
    ("fr apple", "Début du message réexpédié :\n\nDe: Anna <a@b.fr>\nObjet: x\n\nold text"),
    ("fr date first", "Date: Mon, 3 Mar 2025 10:02:11 +0100\nTo: nous@c.fr\nFrom: a@b.fr\nSubject: x\n\nold text"),
    ("quoted, then signed", "On Mon, 3 Mar 2025 at 10:02, Anna <a@b.fr> wrote:\n> old text\n\n-- \nBen"),
    ("quoted, then a list", "Anna <a@b.fr> wrote:\n> old text\n_______________\nliste@c.fr\nhttps://c.fr/liste"),
    ("de gmail", "Anna <a@b.fr> schrieb am Di., 16. Aug. 2016\num 12:52 Uhr:\n\n> old text"),
    ("yandex", '30.09.2017, 18.30, "Anna" <a@b.fr>:\n\nold text'),
    ("gmail 2016", "2016-03-03 17:21 GMT+01:00 Anna <\na@b.fr>:\n\n> old text"),
    ("no", "Den 15. jun. 2016 kl. 20.42 skrev Anna <a@b.fr<mailto:a@b.fr>>:\n\nold text"),
    ("zoho", "---- On Tue, 22 Dec 2015 14:17:36 +0530 Anna<a@b.fr> wrote ----\n\nold text"),
    ("zh", "在 2025年3月3日 10:02，Anna <a@b.fr> 写道：\n> old text"),
    ("zh outlook", "发件人: Anna\n发送时间: 2025年3月3日 10:02\n收件人: x\n主题: y\n\nold text"),
    ("ja", "-----Original Message-----\n差出人: Anna\n件名: y\n\nold text"),
    ("sfr, sent on", "De : Anna\nDate d'envoi : 03/03/2025 10:02\nÀ : nous\nObjet : x\n\nold text"),
    ("ionos", "Anna <a@b.fr> hat am 03.03.2025 10:02 CET geschrieben:\n\n> old text"),
    ("tutanota", "03.03.2025, 10:02 par a@b.fr:\n\n> old text"),
    ("mutt", "* Anna <a@b.fr> [2025-03-03 10:02]:\n> old text"),
    ("zh-TW", "Anna <a@b.fr> 於 2025年3月3日 週一 上午10:02寫道：\n\n> old text"),
    ("he", "\u202b3 במרץ 2025 ב-10:02 מאת \u202aAnna\u202c\u200f <\u202aa@b.fr\u202c\u200f>:\u202c\n\n> old text"),
    ("nextcloud", '"Anna" a@b.fr – 3 mars 2025 10:02\n> old text'),
    ("ca gmail", "Missatge de Anna <a@b.fr> del dia dl., 3 de març 2025 a les 10:02:\n\n> old text"),
    ("pl", "W dniu 2025-03-03 10:02, Anna pisze:\n> old text"),
    ("fr verb first", "Anna a écrit le 03/03/2025 à 10:02 :\n> old text"),
    ("horde", "Zitat von Anna <a@b.fr>:\n\n> old text"),
    ("help desk", "##- Merci de répondre au-dessus de cette ligne -##\n\nold text"),
    ("a broken link", "On 3 Mar 2025, Anna <a@b.fr> wrote:\n\n> see (https://c.fr/x\n?a=_nonce=3) >\n> old text"),
)
KEPT = (
    "Bonjour,\n06 12 34 56 78\nLe 3 mars, Anna a écrit :\n> sa question\n\nMa réponse.",
    "Date : lundi 3 mars 2025 à 10:00\nÀ : la mairie, salle 2\nMerci de venir.",
    "2025-03-03 10:00 Anna <a@b.fr>\nPaul <c@d.fr>\nvoilà les inscrits",
    "Envoyé de Lyon hier soir, le colis arrive demain.",
    "Sent from the warehouse on Monday: 3 boxes.",
    "From: Rome\nTo: Milan\nThe train leaves at 10:00, the new text ends here.",
    "> your question\nmy answer\n> another\nthe last answer",
    "On Monday Anna wrote:\n> her question\n\nmy answer below",
    "He wrote: come at 10:00.\nI will come.",
    "Le prix est de 10 euros :\n- bois\n- métal",
    "Bonjour,\n\nLe 3 mars, votre collègue nous a écrit :\n\nLa remise est acquise.\n\nMerci de confirmer.",
    "Am 3. März schrieb Ihr Kollege:\n\nDer Rabatt gilt.\n\nStimmt das?",
    "Objet : devis\nDate : lundi\nmerci",
    "Le 3 mars 2025 à 10:02, votre technicien a écrit :\nLe compteur est à changer.\nEst-ce exact ?",
    "Voici l'erreur :\nFrom: root\nDate: 3 mars 2025 10:02\nTo: admin\nSubject: cron\nQue faire ?",
    '"Anna" a@b.fr – 3 mars 2025 10:02\nest la date de la commande.',
    "Un message de votre site :\n\nDe : Jean\nDate : 3 mars 2025\nObjet : devis\n\nMerci de me rappeler.",
    "Nom : Anna\nSignature :\n______________\nMerci de renvoyer.",
)
HTML_QUOTED = (
    '<div>New words</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>De :</b> Anna<br>'
    "<b>Envoyé :</b> lundi<br><b>À :</b> x<br><b>Objet :</b> y</div><div>old text</div>",
    '<div>New words</div><div class="gmail_quote"><div>On Mon, 3 Mar 2025, A &lt;a@b.fr&gt; wrote:<b'
    "r></div><blockquote>old text</blockquote></div>",
    "<p>New words</p><blockquote>&gt; Message du 03/03/25 10:02<br>&gt; De : Anna<br>&gt; A : x<br>&gt; Objet : x<br>"
    "old text</blockquote>",
    "<p>New words</p><div>Le 3 mars 2025 à 10:02, Anna &lt;a@b.fr&gt; a écrit :</div>"
    "<blockquote><p>old text</p></blockquote>",
    "<div><p>New words</p><div><p><b>De :</b> Anna<br><b>Envoyé :</b> lundi<br><b>À :</b> nous<br><b"
    ">Objet :</b> x</p></div><p>old text</p></div>",
    "<p>New words</p><p>-----Message d'origine-----</p><p>old text</p>",
    "<p>New words</p><div><p><b>From:</b> Anna\n[mailto:a@b.fr]\n<br><b>Sent:</b> Friday, June\n27, 2014<br>"
    "<b>To:</b> us<br><b>Subject:</b> x</p></div><p>old text</p>",
    "<div>New words<br><br>On Dec 23, 2014, at 04:35 PM, Anna &lt;<a href='mailto:a@b.fr'>a@b.fr</a>&gt; wrote:<br><br>"
    "</div><blockquote><p>old text</p></blockquote>",
    "New words<br>Le 3 mars 2025 à 10:02, Anna &lt;a@b.fr&gt; a écrit :<br><blockquote>old text</blockquote>",
)


@tagged("post_install", "-at_install")
class TestReadingTools(BaseCase):
    def test_quotes_fold(self):
        """The quoted tail of ten languages folds; the author's words stay."""
        for name, quote in QUOTED:
            folded = fold_text(f"New words\nsecond line\n\n{quote}")
            self.assertEqual(folded.visible, "New words\nsecond line", name)
            self.assertIn("old text", folded.quoted, name)

    def test_an_answer_in_the_line_of_the_attribution(self):
        for line in ("Oui. Le 3 mars 2025 à 10:02, Anna <a@b.fr> a écrit :", "Oui.--- On 4 Apr at 3:59, a@b.fr wrote:"):
            folded = fold_text(f"{line}\n> old text")
            self.assertEqual(folded.visible, "Oui.")
            self.assertIn("old text", folded.quoted)

    def test_nothing_of_the_author_folds(self):
        """Interleaved answers, answers below and header-like text stay whole."""
        for text in KEPT:
            self.assertEqual(fold_text(text).visible, text)
        for _name, quote in QUOTED:  # a bare forward
            self.assertEqual(fold_text(quote).visible, quote)

    def test_signature(self):
        """Both usual signatures fold apart from the quotation."""
        folded = fold_text("Bonjour\n\n-- \nAnna\n01 02\n\nLe 3 mars 2025, B <b@c.fr> a écrit :\n> x")
        self.assertEqual((folded.visible, folded.signature), ("Bonjour", "-- \nAnna\n01 02"))
        self.assertEqual(fold_text("Oui\nEnvoyé de mon iPhone").signature, "Envoyé de mon iPhone")

    def test_html_signature(self):
        """Marked by Gmail or Thunderbird, or below two dashes; what follows a signature keeps it open."""
        quote = '<blockquote type="cite">old text</blockquote>'
        for tail in (
            '<span class="gmail_signature_prefix">-- </span><br><div class="gmail_signature">Anna<br>01 02</div>',
            '<div class="moz-signature">-- <br>Anna</div>',
            "<p>--</p><p>Anna</p>",
            "<div>-- <br>Anna</div>",
        ):
            for rest in ("", quote):
                folded = fold_html(f"<div>New words</div>{tail}{rest}")
                self.assertEqual(folded.visible, "<div>New words</div>", tail)
                self.assertIn("Anna", folded.signature)
                self.assertEqual(folded.quoted, rest)
        for body in (
            '<p>a</p><div class="gmail_signature">Anna</div><p>and this</p>',
            "<p>a</p><p>--</p>" + "<p>a long text</p>" * 20,
            '<div class="gmail_signature">Anna</div>',
        ):
            self.assertEqual(fold_html(body).visible, body)

    def test_html(self):
        """Gmail, Apple and Outlook quotations fold; text below a quotation keeps all visible."""
        head = "<div><b>De :</b> Jean<br><b>Date :</b> 3 mars<br><b>Objet :</b> devis<br><br>Rappelez-moi.</div>"
        for above in (
            "<p>Un message de votre site :</p>",
            "Un message de votre site :<br><br>",
            "<div><p>Voici :</p> </div>",
        ):
            self.assertEqual(fold_html(above + head).quoted, "", above)
        self.assertIn("Rappelez-moi", fold_html(f"<p>Merci.</p>{head}").quoted)
        for body in HTML_QUOTED:
            folded = fold_html(body)
            self.assertIn("New words", folded.visible, body)
            self.assertNotIn("old text", folded.visible, body)
            self.assertIn("old text", folded.quoted, body)
        for body in (
            "<blockquote>old</blockquote><p>my answer</p>",
            "<p>a</p>",
            "",
            "<blockquote>x</blockquote>",
            "<p>a</p><blockquote>q</blockquote>and the end",
            "<p>The law says:</p><blockquote>q</blockquote>",
            '<div>As I said:<blockquote class="gmail_quote"><div>three boxes</div></blockquote></div>',
        ):
            self.assertEqual(fold_html(body).quoted, "", body)

    def test_rules(self):
        """AND, OR, every operator; an empty rule matches nothing."""
        mail = RuleMail(
            "Anna <anna@shop.client.fr>",
            "contact@atelier.fr",
            "Facture N°12",
            "Été à payer",
            "X-Shop: Presta\n shop\nTo: a",
            "facture.pdf",
        )
        yes = (
            ("sender", "matches_domain", "client.fr"),
            ("subject", "contains", "devis\nFACTURE"),
            ("content", "contains", "ete a"),
            ("sender", "equals", "anna@shop.client.fr"),
            ("attachment", "ends_with", ".pdf"),
            ("subject", "starts_with", "fact"),
            ("attachment", "is_set", ""),
            ("content", "not_contains", "spam"),
        )
        for field, operator, value in yes:
            self.assertTrue(matches([Condition(field, operator, value)], mail, match_all=True), value)
        header = Condition("header", "contains", "presta", "x-shop")
        self.assertTrue(matches([header], mail, match_all=True))
        no = Condition("sender", "matches_domain", "ent.fr")
        self.assertFalse(matches([header, no], mail, match_all=True))
        self.assertTrue(matches([header, no], mail, match_all=False))
        self.assertFalse(matches([], mail, match_all=True))
        self.assertFalse(matches([Condition("subject", "contains", " ")], mail, match_all=True))

    def test_search_words(self):
        """Accents fold; operators, phrases and exclusions are read; nonsense is searched."""
        self.assertEqual(fold("ÉLÈVE Œuvre ß"), "eleve oeuvre ss")
        query = parse_query('de:dupont "facture impayée" -spam objet:devis avant:2026-01-02 has:pj été')
        self.assertEqual(query.people["from"], ["dupont"])
        self.assertEqual(
            [(t.text, t.phrase, t.negated, t.weight) for t in query.terms],
            [
                ("facture impayee", True, False, ""),
                ("spam", False, True, ""),
                ("devis", False, False, "A"),
                ("ete", False, False, ""),
            ],
        )
        self.assertEqual((str(query.before), query.flags), ("2026-01-02", {"attachment"}))
        self.assertEqual([t.text for t in parse_query("avant:hier").terms], ["avant", "hier"])
        self.assertFalse(parse_query("  -- ' \" "))

    def test_traits(self):
        """A newsletter and a discussion list are told apart."""
        self.assertTrue(is_newsletter("List-Unsubscribe: <x>"))
        self.assertFalse(is_newsletter("List-Unsubscribe: <x>\nList-Post: <mailto:l@x>"))

    def test_hostile_sizes(self):
        """Endless identifiers, lines and nested blocks cost little and break nothing."""
        (folded,) = parse_ids(f"<{'x' * 100_000}@y>")
        self.assertLess(len(folded), 100)
        nested = "<div>" * 150 + "word " * 2000 + "</div>" * 150 + "<p>text</p>" * 5000
        start = time.process_time()
        self.assertIn("text", fold_html(nested).visible)
        self.assertTrue(fold_text("> a b\n1 @ wrote\n" * 20_000).visible)
        self.assertLess(time.process_time() - start, 5)
