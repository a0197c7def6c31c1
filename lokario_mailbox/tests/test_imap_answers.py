from odoo.tests import BaseCase, tagged

from ..exceptions import LoginRefused, QuotaReached, ServerFault
from ..tools.imap_account import _special_use
from ..tools.imap_session import Reply, _refusal

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
