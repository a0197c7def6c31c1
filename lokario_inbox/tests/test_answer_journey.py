import base64
import os
from email.message import EmailMessage
from pathlib import Path
from unittest.mock import patch

from imapclient import IMAPClient
from odoo.tests import HttpCase, tagged
from odoo.tests.common import ChromeBrowser

from .ai_common import AiCase
from .outgoing_common import CUSTOMER, MAILBOX, PASSWORD

IMAGES = os.environ.get("LOKARIO_IMAGES")  # a folder: then the journey leaves its screenshots there
HELPERS = """
    const wait = async (find, what) => {
        for (let tries = 0; tries < 200; tries++) {
            const found = find();
            if (found) { return found; }
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error("never came: " + what + " in " + document.body.innerText.slice(0, 800));
    };
    const one = (selector) => wait(() => document.querySelector(selector), selector);
    const text = (words) => wait(() => document.body.innerText.includes(words), words);
    const rows = () => [...document.querySelectorAll(".lokario_row")];
    const row = (words) => wait(() => rows().find((item) => item.innerText.includes(words)), words);
"""


@tagged("post_install", "-at_install")
class TestAnswerJourney(AiCase, HttpCase):
    browser_size = "1440,900"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.world.add_user(CUSTOMER, PASSWORD)
        cls.sink.mailboxes = frozenset({MAILBOX, CUSTOMER})
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.env.ref("base.user_admin").write({"lang": "fr_FR", "name": "Camille Martin"})
        cls.integration.write({"signature": "<p>L'équipe Alpha</p>", "user_id": cls.env.ref("base.user_admin").id})

    def browse(self, steps, name):
        """Run steps in the web client; keep a picture of what the user sees at the end."""
        original = ChromeBrowser._wait_code_ok

        def then_picture(browser, *args, **kwargs):
            original(browser, *args, **kwargs)
            if IMAGES:
                shot = browser._websocket_request("Page.captureScreenshot")["data"]
                Path(IMAGES, f"{name}.png").write_bytes(base64.b64decode(shot))

        body = f"{HELPERS} {steps} console.log('test successful');"
        code = f"(async () => {{ {body} }})().catch((err) => console.error(err.message));"
        with patch.object(ChromeBrowser, "_wait_code_ok", then_picture):
            self.browser_js("/odoo/inbox", code, "odoo.isReady === true", login="admin", timeout=60)

    def customer_writes(self, text, subject="Horaires d'ouverture", number=1):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = f"Anne Côté <{CUSTOMER}>", MAILBOX, subject
        mail["Message-ID"], mail["Date"] = f"<question{number}@client.example>", "Fri, 20 Nov 2026 10:00:00 +0100"
        mail.set_content(text)
        self.world.deliver(MAILBOX, mail.as_bytes())
        with self.imap_of(CUSTOMER) as client:
            client.append("Sent", mail.as_bytes())
        self.integration.next_sync_at = False
        self.env.flush_all()
        self.run_cron(self.env.ref("lokario_inbox.ir_cron_sync_all"))

    def test_mail_comes_draft_appears_human_approves_customer_receives(self):
        self.customer_writes("Bonjour,\n\nQuels sont vos horaires d'ouverture ?\n\nAnne Côté\n")
        self.think()
        self.browse(
            """
            (await row("Horaires")).click();
            await one(".lokario_approve");
            await text("9h à 18h");
            """,
            "inbox_ai_draft",
        )
        self.browse(
            """
            (await row("Horaires")).click();
            (await one(".lokario_approve")).click();
            await one(".lokario_outgoing.scheduled .lokario_undo");
            """,
            "inbox_undo",
        )
        self.env.invalidate_all()
        self.run_cron(self.cron_send, seconds=15)
        raw = next(item.raw for item in self.sink.deliveries() if item.recipient == CUSTOMER)
        self.assertIn("In-Reply-To: <question1@client.example>", raw)
        self.assertIn(b"=E9quipe Alpha".decode(), raw.replace("=C3=A9", "=E9"))
        with self.imap_of(CUSTOMER) as client:
            for folder in ("Sent", "INBOX"):
                client.select_folder(folder, readonly=True)
                found = client.search(["TEXT", "question1@client.example"])
                self.assertEqual(len(found), 1, f"question and answer are in the customer's {folder}")

    def test_a_person_writes_takes_back_and_sends(self):
        self.customer_writes("Bonjour, une question ?", subject="Question ouverte", number=2)
        self.browse(
            """
            (await row("Question ouverte")).click();
            (await one(".lokario_reply")).click();
            const editor = await one(".lokario_editor");
            await new Promise((resolve) => setTimeout(resolve, 300));
            editor.focus();
            document.getSelection().selectAllChildren(editor);
            document.execCommand("insertText", false, "Bonjour Anne, merci de votre message.");
            await wait(() => editor.innerText.includes("merci"), "the typed text");
            """,
            "inbox_composer",
        )
        self.assertFalse(self.sink.deliveries())
        draft = self.env["inbox.outgoing"].search(
            [("subject", "=", "Re: Question ouverte"), ("state", "=", "draft"), ("is_automatic", "=", False)]
        )
        self.assertEqual(len(draft), 1)

    def imap_of(self, address):
        client = IMAPClient("127.0.0.1", self.world.imap_port, ssl=False)
        client.login(address, PASSWORD)
        return client
