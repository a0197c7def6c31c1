"""The one reader of automatic mail: robots, absences, delivery reports. Mails of our own making, by their kinds."""

from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from ..tools.automatic_mail import read_headers
from ..tools.loop_guard import refusal
from ..tools.mime_message import parse_mail

OURS = "contact@ours.example"
ABSENCES = (
    "Réponse automatique : Devis",
    "Automatic reply: Invoice",
    "Abwesenheitsnotiz: Angebot",
    "Respuesta automática: Oferta",
    "Risposta automatica: Fattura",
    "Resposta automática: Fatura",
    "Automatisch antwoord: Factuur",
    "Odpowiedź automatyczna: Faktura",
    "Autosvar: Faktura",
    "Otomatik yanıt: Fatura",
)
PERHAPS = (
    "Absence du bureau",
    "Absent jusqu'au 4 mars",
    "Out of office: Re: Invoice",
    "Nicht im Büro",
    "Fuera de la oficina",
    "Fuori ufficio",
    "Ausência temporária",
    "Afwezig",
    "Nieobecność",
    "Frånvaro",
    "Ofis dışındayım",
    "Undelivered Mail Returned to Sender",
)
PEOPLE = ("Devis 12", "Re: Devis", "Absence de facture", "Out of office furniture", "Lumière", "Votre message", "")


def _person(**headers):
    values = {"From": "Anna <anna@client.example>", "To": OURS, "Return-Path": "<anna@client.example>", **headers}
    return [(name.replace("_", "-"), value) for name, value in values.items()]


def _report(action="failed", status="5.1.1", sender="MAILER-DAEMON@mx.example", mark="X-A: b"):
    """A mail as Postfix writes it."""
    return f"""From: {sender}
To: {OURS}
Return-Path: <>
Subject: Undelivered Mail Returned to Sender
{mark}
Message-ID: <report.1@mx.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system. See below.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; anna@client.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} unknown
 user
--b
Content-Type: message/rfc822

Message-ID: <LK.1@ours.example>
Subject: Facture

x
--b--
""".encode()


@tagged("post_install", "-at_install")
class TestAutomaticMail(BaseCase):
    def test_absences_by_their_subject_alone(self):
        for subject in ABSENCES:
            self.assertEqual(read_headers(_person(Subject=subject)).kind, "vacation", subject)
            self.assertEqual(refusal(_person(Subject=subject), {OURS}), "automatic_subject", subject)

    def test_what_people_write_too_is_only_not_answered_by_a_machine(self):
        for subject in PERHAPS:
            found = read_headers(_person(Subject=subject))
            self.assertEqual((found.kind, found.mark), ("", "automatic_subject"), subject)
        for subject in PEOPLE:
            self.assertIsNone(refusal(_person(Subject=subject), {OURS}), subject)

    def test_marks_of_machines(self):
        for kind, header in (
            ("vacation", {"Auto_Submitted": "auto-replied"}),
            ("vacation", {"Precedence": "auto_reply"}),
            ("vacation", {"Return_Path": "<>", "X_Autoreply": "yes"}),
            ("vacation", {"Delivered_To": "Autoresponder"}),
            ("notification", {"Auto_Submitted": "auto-generated (status)"}),
            ("notification", {"X_Jira_FingerPrint": "1"}),
            ("list", {"List_Id": "<l.example>"}),
            ("list", {"Precedence": "bulk"}),
            ("receipt", {"Content_Type": "multipart/report; report-type=disposition-notification"}),
            ("", {"X_Auto_Response_Suppress": "OOF"}),  # Odoo writes it on what people write
            ("", {"X_Autoreply": "no", "Auto_Submitted": "no"}),
            ("", {"Return_Path": "<bounce+12@odoo.example>"}),
        ):
            self.assertEqual(read_headers(_person(Subject="Devis", **header)).kind, kind, header)

    def test_names_of_nobody(self):
        for sender in (
            "nao-responda@x.br",
            "keine-antwort@x.de",
            "no-responder@x.es",
            "ne.repondez.pas@x.fr",
            "MAILER-DAEMON",
            "nieodpowiadac@x.pl",
            "Ne pas répondre <contact@x.fr>",
            "a+noreply@x.fr",
        ):
            self.assertEqual(read_headers(_person(From=sender)).mark, "robot_address", sender)
        for sender in ("Nora <nora.reply@x.fr>", "noemie@x.fr", "norbert.antwortner@x.de", "nina.svarstad@x.se"):
            self.assertEqual(read_headers(_person(From=sender)).mark, "", sender)

    def test_delivery_reports(self):
        for action, status, kind in (
            ("failed", "5.1.1", "failure"),
            ("failed", "4.4.7", "failure"),  # it was tried for days
            ("delayed", "4.4.1", "delayed"),
            ("delivered", "2.1.5", "delivered"),
            ("relayed", "2.0.0", "delivered"),
        ):
            mail = parse_mail(_report(action, status))
            self.assertEqual(mail.automatic_kind, kind, action)
            self.assertEqual((mail.report_address, mail.returned_ref), ("anna@client.example", "<lk.1@ours.example>"))
            self.assertIn(status, mail.report_reason)

    def test_a_report_may_stand_behind_any_marks(self):
        """Postfix writes “auto-replied” on them, Exchange an ordinary author."""
        for more in ({"mark": "Auto-Submitted: auto-replied"}, {"sender": "postmaster@x.fr"}, {"sender": "M <x@y.fr>"}):
            self.assertEqual(parse_mail(_report(**more)).automatic_kind, "failure", more)

    def test_absences_are_no_failures(self):
        for subject in ABSENCES:
            for sender in ("anna@client.example", "MAILER-DAEMON@client.example"):
                mail = EmailMessage()
                mail["From"], mail["To"], mail["Subject"] = sender, OURS, subject
                mail["Return-Path"], mail["Auto-Submitted"] = "<>", "auto-replied"
                mail.set_content("Absent. Bureau 5.1.1, address rejected: does not exist.")
                self.assertEqual(parse_mail(mail.as_bytes()).automatic_kind, "vacation", (subject, sender))

    def test_failures_without_a_status(self):
        text = "Hi. This is the qmail-send program.\n<anna@client.example>:\nSorry, no such user. (#5.1.1)\n\n"
        text += "--- Below this line is a copy of the message.\n\nMessage-ID: <lk.2@ours.example>\n"
        raw = f"From: MAILER-DAEMON@x.fr\nReturn-Path: <>\nSubject: failure notice\nTo: {OURS}\n\n{text}"
        mail = parse_mail(raw.encode())
        self.assertEqual((mail.automatic_kind, mail.returned_ref), ("failure", "<lk.2@ours.example>"))
        self.assertEqual(mail.report_address, "anna@client.example")

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=400), st.sampled_from(["message/delivery-status", "multipart/report", "text/plain"]))
    def test_any_bytes_are_read(self, body, content_type):
        raw = (
            f"From: mailer-daemon@x.fr\nSubject: Non remis\nContent-Type: {content_type}; boundary=b\n\n".encode()
            + body
        )
        self.assertTrue(parse_mail(raw).automatic_kind)
