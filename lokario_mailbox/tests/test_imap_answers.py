import time

from odoo.tests import BaseCase, tagged

from ..exceptions import LoginRefused, QuotaReached, ServerFault
from ..tools.imap_account import _special_use
from ..tools.imap_session import Reply, _refusal
from ..tools.imap_wire import parse

FOLDERS = {
    "sent": (
        "Sent",
        "INBOX.Sent",
        "[Gmail]/Messages envoyés",
        "Objets envoyés",
        "sent-mail",
        "Gönderilmiş Öğeler",
        "WYSŁANE",
    ),
    "drafts": ("Brouillon", "Borradores", "INBOX/Concepten", "Utkast"),
    "junk": ("Junk E-Mail", "Junk Email", "Bulk Mail", "Pourriel", "Unerwünscht", "[Gmail]/Spam"),
    "trash": ("[Gmail]/Bin", "Gelöschte Elemente", "Cestino", "Papperskorgen"),
    "archive": ("Archives", "Arşiv"),
    "": ("Clients/Sent", "INBOX/Paul/Corbeille", "Consent", "OUTBOX", "Binaire"),
}
REFUSALS = {
    "LOGIN failed.": LoginRefused,
    "[AUTHENTICATIONFAILED] Temporary authentication failure": LoginRefused,
    "Maximum number of connections from user+IP exceeded": QuotaReached,
    "Server Unavailable. 15": ServerFault,
    "User is authenticated but not connected.": ServerFault,
    "[SYS/TEMP] Please wait": ServerFault,
    "service temporarily unavailable, try later": ServerFault,
}


@tagged("post_install", "-at_install")
class TestImapAnswers(BaseCase):
    def test_usual_names_of_folders(self):
        """In the languages of the suite; what somebody calls so under another folder is his own."""
        for use, names in FOLDERS.items():
            for name in names:
                self.assertEqual(_special_use(set(), name, "." if "." in name else "/"), use, name)

    def test_what_a_refused_login_says(self):
        """A server that is ill for now does not say that a password is wrong."""
        for words, fault in REFUSALS.items():
            self.assertIs(type(_refusal(Reply(b"NO", words, []), LoginRefused)), fault, words)

    def test_a_quotation_mark_that_nothing_closes_is_part_of_a_word(self):
        for line, expected in (
            (b'* 1 FETCH (FLAGS ("odd x) UID 5)', [b"*", b"1", b"FETCH", [b"FLAGS", [b'"odd', b"x"], b"UID", b"5"]]),
            (b'* 1 FETCH (FLAGS ("o\\"dd" x))', [b"*", b"1", b"FETCH", [b"FLAGS", [b'o"dd', b"x"]]]),
            (b'*  "a" "b\\" c', [b"*", b"a", b'"b\\"', b"c"]),
        ):
            self.assertEqual(parse(line, []), expected)

    def test_a_line_of_anything_is_read_in_linear_time(self):
        """It may have megabytes, and all mailboxes of a run wait meanwhile."""
        for before, unit in ((b"", b" "), (b'"', b'\\" '), (b"", b"BODY[ "), (b'"', b"a "), (b'"', b"\\\\")):
            times = []
            for size in (20_000, 160_000):
                started = time.process_time()
                parse(b"* " + before + unit * (size // len(unit)), [])
                times.append(time.process_time() - started)
            self.assertLess(times[1], 24 * times[0] + 0.2, unit)
