import base64
import email
import email.policy
import os
import tempfile
from email.message import EmailMessage
from pathlib import Path
from unittest.mock import patch

from imapclient import IMAPClient
from odoo import fields
from odoo.tests import tagged
from odoo.tests.common import ChromeBrowser

from lokario_testing.environments.browser import fonts_file
from lokario_testing.environments.journey_browser import BrowserCase
from odoo.addons.lokario_mailbox.tests.outgoing_common import CUSTOMER, MAILBOX, PASSWORD

from .ai_common import AiCase, hours

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
    const button = (words) => wait(
        () => [...document.querySelectorAll("button")].find((item) => item.innerText.trim() === words), words);
    const write = async (words, selector = ".lokario_editor") => {
        const editor = await one(selector);
        await new Promise((resolve) => setTimeout(resolve, 300));
        editor.focus();
        document.getSelection().selectAllChildren(editor);
        document.execCommand("insertText", false, words);
        await wait(() => editor.innerText.includes(words), "the typed text");
    };
    const edited = (words) => wait(
        () => (document.querySelector(".lokario_editor")?.innerText || "").includes(words), words + " in the editor");
    const rows = () => [...document.querySelectorAll(".lokario_row")];
    const row = (words) => wait(() => rows().find((item) => item.innerText.includes(words)), words);
"""


@tagged("post_install", "-at_install")
class TestAnswerJourney(AiCase, BrowserCase):
    browser_size = "1440,900"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.environment.add_user(CUSTOMER, PASSWORD)
        if IMAGES:
            fonts = fonts_file(cls.enterClassContext(tempfile.TemporaryDirectory()))
            cls.enterClassContext(patch.dict(os.environ, {"FONTCONFIG_FILE": fonts}))
        cls.sink.mailboxes = frozenset({MAILBOX, CUSTOMER})
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.env.ref("base.user_admin").write({"lang": "fr_FR", "name": "Camille Martin"})
        cls.integration.write({"signature": "<p>L'équipe Alpha</p>", "user_id": cls.env.ref("base.user_admin").id})

    def browse(self, steps, name, url="/odoo/inbox"):
        """Run steps in the web client; keep a picture of what the user sees at the end."""
        original = ChromeBrowser._wait_code_ok

        def then_picture(browser, *args, **kwargs):
            original(browser, *args, **kwargs)
            if IMAGES:
                self.picture(browser, f"inbox-{name}")
                phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
                browser._websocket_request("Emulation.setDeviceMetricsOverride", params=phone)
                self.picture(browser, f"phone-{name}")
                browser._websocket_request("Emulation.clearDeviceMetricsOverride")

        body = f"{HELPERS} {steps} console.log('test successful');"
        code = f"(async () => {{ {body} }})().catch((err) => console.error(err.message));"
        with patch.object(ChromeBrowser, "_wait_code_ok", then_picture):
            self.browser_js(url, code, "odoo.isReady === true", login="admin", timeout=240)

    def picture(self, browser, name):
        shot = browser._websocket_request("Page.captureScreenshot")["data"]
        Path(IMAGES, f"{name}.png").write_bytes(base64.b64decode(shot))

    def customer_writes(self, text, subject="Horaires d'ouverture", number=1, **headers):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = f"Anne Côté <{CUSTOMER}>", MAILBOX, subject
        mail["Message-ID"], mail["Date"] = f"<question{number}@client.example>", "Fri, 20 Nov 2026 10:00:00 +0100"
        for name, value in headers.items():
            mail[name] = value
        mail.set_content(text)
        self.environment.deliver(MAILBOX, mail.as_bytes())
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
            await one(".lokario_free");
            await text("rédigé par le modèle");
            """,
            "ai-draft",
        )
        self.browse(
            """
            (await row("Horaires")).click();
            (await one(".lokario_approve")).click();
            await one(".lokario_outgoing.scheduled .lokario_undo");
            """,
            "undo",
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

    def test_a_manager_approves_passages_and_the_answer_leaves(self):
        """Usual questions, approval and trial in the browser; then a question is answered without a person."""
        self.blocks.unlink()
        self.intent.unlink()
        self.browse(
            """
            (await button("Questions courantes")).click();
            await text("Voici nos horaires");
            (await one("thead .o_list_record_selector input")).click();
            (await button("Approuver")).click();
            await wait(() => [...document.querySelectorAll("td .badge")].filter(
                (item) => item.innerText === "Approuvé").length > 10, "approved passages");
            """,
            "ai-passages",
            "/odoo/inbox-passages",
        )
        self.env.invalidate_all()
        intent = self.env["inbox.answer.intent"].search([("code", "=", "opening_hours")])
        self.assertEqual(set(intent.block_ids.mapped("state")), {"approved"})
        intent.trial_cases = 1
        self.policy.mode = "auto"
        type(self).answer = staticmethod(hours)
        self.customer_writes("Bonjour,\n\nQuels sont vos horaires ?", number=21)
        self.think()
        self.browse(
            """
            (await row("Horaires")).click();
            await one(".lokario_composed");
            await text("Voici nos horaires");
            (await one(".lokario_approve")).click();
            await one(".lokario_outgoing.scheduled .lokario_undo");
            """,
            "ai-composed",
        )
        self.run_cron(self.cron_send, seconds=15)
        self.browse(
            """
            (await wait(() => document.querySelector("[name=is_automatic] input"), "the switch")).click();
            await text("1 des 1 dernières");
            const saved = () => performance.getEntriesByType("resource").some((item) => item.name.includes("web_save"));
            await wait(saved, "the answer to the switch, which saves by itself");
            await wait(() => !document.querySelector(".o_form_dirty"), "the saved form");
            """,
            "ai-question",
            f"/odoo/inbox-questions/{intent.id}",
        )
        self.env.invalidate_all()
        self.assertEqual((intent.is_earned, intent.judged_count), (True, 1))

    def test_a_person_writes_takes_back_and_sends(self):
        self.customer_writes("Bonjour, une question ?", subject="Question ouverte", number=2)
        self.browse(
            """
            (await row("Question ouverte")).click();
            (await one(".lokario_reply")).click();
            await write("Bonjour Anne, merci de votre message.");
            """,
            "composer",
        )
        self.assertFalse(self.sink.deliveries())
        draft = self.env["inbox.outgoing"].search(
            [("subject", "=", "Re: Question ouverte"), ("state", "=", "draft"), ("is_automatic", "=", False)]
        )
        self.assertEqual(len(draft), 1)

    def test_nothing_that_was_typed_is_lost(self):
        """Another conversation is opened in the middle of a sentence; a canned answer is typed by its shortcut."""
        self.env["inbox.canned.answer"].create(
            {"name": "Horaires d'été", "shortcut": "ete", "body_html": "<p>En août nous ouvrons à 10h.</p>"}
        )
        self.customer_writes("Bonjour, une question ?", subject="Question ouverte", number=12)
        self.customer_writes("Bonjour, autre chose.", subject="Autre sujet", number=13)
        self.browse(
            """
            (await row("Question ouverte")).click();
            await text("une question ?");
            (await one(".lokario_reply")).click();
            const editor = await one(".lokario_editor");
            await wait(() => !editor.innerText.trim(), "an empty editor");
            await write("Bonjour Anne");
            document.getSelection().selectAllChildren(editor);
            document.getSelection().collapseToEnd();
            const type = (letter) => { // as a keyboard does
                const options = { data: letter, inputType: "insertText", bubbles: true, cancelable: true };
                editor.dispatchEvent(new InputEvent("beforeinput", options));
                document.execCommand("insertText", false, letter);
            };
            [" ", "/"].forEach(type);
            await one(".o-we-powerbox");
            [..."ete"].forEach(type);
            (await wait(() => [...document.querySelectorAll(".o-we-command")].find(
                (item) => item.innerText.includes("Horaires d'été")), "the choice")).click();
            await wait(() => editor.innerText.includes("En août nous ouvrons"), "its text");
            (await row("Autre sujet")).click();
            await wait(() => !document.querySelector(".lokario_composer"), "the other conversation");
            (await row("Question ouverte")).click();
            (await wait(() => [...document.querySelectorAll(".lokario_answer_buttons button")].find(
                (item) => item.innerText.includes("Re: Question ouverte")), "the draft")).click();
            await edited("En août");
            const kept = document.querySelector(".lokario_editor").innerText;
            if (/[<>]|ete/.test(kept)) { throw new Error("not as it was typed: " + kept); }
            """,
            "draft-kept",
        )
        draft = self.env["inbox.outgoing"].search([("subject", "=", "Re: Question ouverte"), ("state", "=", "draft")])
        self.assertIn("Bonjour Anne", draft.body_html)
        self.assertIn("En août nous ouvrons", draft.body_html)
        self.assertEqual(self.env["inbox.canned.answer"].search([("shortcut", "=", "ete")]).use_count, 1)

    def test_a_scheduled_mail_that_was_overtaken_is_taken_up_again(self):
        self.customer_writes("Bonjour, où en est ma commande ?", subject="Commande", number=14)
        conversation = self.env["inbox.conversation"].search([("subject", "=", "Commande")])
        admin = self.env.ref("base.user_admin")
        draft = self.env["inbox.outgoing"].browse(conversation.with_user(admin).action_compose("reply"))
        draft.body_html = "<p>Elle part demain.</p>"
        draft.with_user(admin).action_schedule(fields.Datetime.add(fields.Datetime.now(), hours=3))
        answers = {"In-Reply-To": "<question14@client.example>"}
        self.customer_writes("J'ai trouvé, merci.", "Re: Commande", 15, **answers)
        self.run_cron(self.cron_send)
        self.browse(
            """
            (await row("Commande")).click();
            await text("le client a écrit le premier");
            (await one(".lokario_outgoing.cancelled .lokario_edit")).click();
            await edited("Elle part demain");
            """,
            "overtaken",
        )
        self.assertEqual(draft.state, "draft")

    def customer_reads(self):
        """What has reached the customer's mailbox, newest last: parsed mails of ours."""
        self.env.invalidate_all()
        self.run_cron(self.cron_send, seconds=15)
        raws = [item.raw for item in self.sink.deliveries() if item.recipient == CUSTOMER]
        return [email.message_from_string(raw, policy=email.policy.default) for raw in raws]

    def test_reply_to_all_and_forward(self):
        self.customer_writes("Bonjour à tous,\n\nUne question ?", "Réunion", 3, Cc="Bob <bob@client.example>")
        self.browse(
            f"""
            (await row("Réunion")).click();
            (await button("Répondre à tous")).click();
            await write("Bonjour à tous les deux.");
            await text("bob@client.example");
            (await one(".lokario_send")).click();
            await one(".lokario_outgoing.scheduled .lokario_undo");
            (await button("Transférer")).click();
            await write("Pour information.");
            const to = await one(".lokario_to");
            to.value = "{CUSTOMER}";
            to.dispatchEvent(new InputEvent("input", {{ bubbles: true }}));
            (await one(".lokario_send")).click();
            await wait(() => document.querySelectorAll(".lokario_outgoing.scheduled").length === 2, "two mails wait");
            """,
            "waiting",
        )
        reply, forward = self.customer_reads()
        self.assertEqual((reply["Subject"], reply["Cc"]), ("Re: Réunion", "Bob <bob@client.example>"))
        self.assertEqual((forward["Subject"], forward["In-Reply-To"]), ("Fwd: Réunion", None))
        for mail, words in ((reply, "tous les deux"), (forward, "Pour information")):
            self.assertIn(words, mail.get_body(("plain",)).get_content())
            self.assertIn("Une question ?", mail.get_body(("plain",)).get_content())

    def test_a_new_mail(self):
        self.browse(
            f"""
            (await one(".lokario_write")).click();
            await one(".modal .lokario_compose");
            for (const [name, value] of [["email_to", "{CUSTOMER}"], ["subject", "Votre devis"]]) {{
                const field = await one(`.modal [name=${{name}}] textarea, .modal [name=${{name}}] input`);
                field.value = value;
                field.dispatchEvent(new Event("input", {{ bubbles: true }}));
                field.dispatchEvent(new Event("change", {{ bubbles: true }}));
            }}
            await write("Bonjour Anne, voici votre devis.", ".modal .odoo-editor-editable");
            (await one(".modal .lokario_send")).click();
            await wait(() => !document.querySelector(".modal"), "the end of the dialog");
            """,
            "write",
        )
        (mail,) = self.customer_reads()
        self.assertEqual(mail["Subject"], "Votre devis")
        self.assertIn("voici votre devis", mail.get_body(("plain",)).get_content())

    def test_outbox_and_dashboard_in_french(self):
        self.earn_trust(accepted=30, edited=6)
        self.intent.trial_cases = 40
        decisions = self.env["inbox.ai.decision"].search([("policy_id", "=", self.policy.id)])
        for number, decision in enumerate(decisions):
            moment = fields.Datetime.subtract(fields.Datetime.now(), days=number % 12)
            self.env.cr.execute("UPDATE inbox_ai_decision SET create_date = %s WHERE id = %s", [moment, decision.id])
            decision.write({"minutes_saved": 4, "cost": 0.002})
        self.draft(subject="Devis 118").action_send()
        failed = self.draft(subject="Devis 119", email_to="bad@client.example")
        self.sink.rejects["bad@client.example"] = "550 5.1.1 No such user"
        self.addCleanup(self.sink.rejects.clear)
        failed.action_send()
        self.run_cron(self.cron_send, seconds=15)
        self.draft(subject="Devis 120").action_send()
        for url, words, name in (
            (f"/odoo/inbox-passages/{self.blocks[1].id}", "Retirer l'approbation", "ai-passage"),
            ("/odoo/inbox-outbox", "Devis 119", "outbox"),
            (f"/odoo/inbox-outbox/{failed.id}", "Réessayer", "outbox-form"),
            (f"/odoo/inbox-ai-decisions/{decisions[0].id}", "Ouvrir la conversation", "ai-decision"),
            ("/odoo/inbox-ai-policies", "Alpha", "ai-policies"),
        ):
            self.browse(f'await text("{words}");', name, url)
        self.browse(
            """
            await text("Arrêter");
            const day = (name) => [...document.querySelectorAll(".lokario_weekdays .form-check")].find(
                (box) => box.innerText.trim() === name);
            (await wait(() => day("dim."), "Sunday")).querySelector("input").click();
            (await one(".o_form_button_save")).click();
            await wait(() => !document.querySelector(".o_form_status_indicator_buttons:not(.invisible)"), "the saving");
            """,
            "ai-settings",
            "/odoo/inbox-ai-settings",
        )
        self.assertEqual(self.company.inbox_ai_weekdays, "123456")
        self.browse(
            """
            await one(".o_graph_renderer canvas");
            await new Promise((resolve) => setTimeout(resolve, 800));
            """,
            "ai-dashboard",
            "/odoo/inbox-ai-dashboard",
        )
        self.browse(
            """
            (await one(".o_switch_view.o_pivot")).click();
            for (const words of ["Acceptation", "Minutes gagnées", "Coût", "83"]) { await text(words); }
            """,
            "ai-pivot",
            "/odoo/inbox-ai-dashboard",
        )

    def imap_of(self, address):
        client = IMAPClient("127.0.0.1", self.environment.imap_port, ssl=False)
        client.login(address, PASSWORD)
        return client
