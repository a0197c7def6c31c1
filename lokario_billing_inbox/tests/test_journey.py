"""The main story in French: quote, answer, pause, order, invoice, reminder, payment, silence."""

import base64
import os
import tempfile
from email.message import EmailMessage
from pathlib import Path
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tests.common import ChromeBrowser

from lokario_testing.environments.browser import fonts_file
from lokario_testing.environments.journey_browser import BrowserCase
from odoo.addons.lokario_billing.tests.test_delivery import MAILBOX, MailboxCase

IMAGES = os.environ.get("LOKARIO_IMAGES")  # a folder: then the journey leaves its screenshots there
WAIT = """
    const wait = async (words) => {
        for (let tries = 0; tries < 400; tries++) {
            if (document.body.innerText.includes(words)) { return; }
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error("never came: " + words + " in " + document.body.innerText.slice(0, 600));
    };
    const gone = async (selector) => {
        for (let tries = 0; tries < 400; tries++) {
            if (!document.querySelector(selector)) { return; }
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error("still there: " + selector + " in " + document.querySelector(selector).innerText.slice(0, 600));
    };
    const press = async (selector) => {
        for (let tries = 0; tries < 400; tries++) {
            const button = [...document.querySelectorAll(selector)].find((one) => one.offsetParent && !one.disabled);
            if (button) { button.click(); return; }
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error("no button: " + selector + " in " + document.body.innerText.slice(0, 600));
    };
    const drawn = async (selector) => {  // something is on the canvas, and it moves no more
        let before = "";
        for (let tries = 0; tries < 200; tries++) {
            const canvas = document.querySelector(selector);
            const { width, height } = canvas || {};
            const empty = Object.assign(document.createElement("canvas"), { width, height }).toDataURL();
            const now = canvas ? canvas.toDataURL() : empty;
            if (now !== empty && now === before) { return; }
            before = now;
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw new Error("never drawn: " + selector + " in " + document.body.innerText.slice(0, 600));
    };
"""
CUSTOMER = "compta@beta.test"


@tagged("post_install", "-at_install")
class TestJourney(MailboxCase, BrowserCase):
    browser_size = "1440,900"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.env["ir.module.module"]._load_module_terms(
            ["lokario_billing", "lokario_billing_inbox", "lokario_billing_ai"], ["fr_FR"]
        )
        admin = cls.env.ref("base.user_admin")
        admin.write(
            {
                "lang": "fr_FR",
                "company_ids": [Command.link(cls.company.id)],
                "company_id": cls.company.id,
                "group_ids": [
                    Command.link(cls.env.ref(name).id)
                    for name in ("sales_team.group_sale_manager", "account.group_account_manager")
                ],
            }
        )
        layout, euro = cls.env.ref("web.external_layout_standard"), cls.env.ref("base.EUR")
        euro.active = True
        cls.company.write({"name": "Alpha Menuiserie", "external_report_layout_id": layout.id, "currency_id": euro.id})
        cls.env["product.pricelist"].search([]).currency_id = euro
        cls.company.partner_id.lang = "fr_FR"
        cls.env.user.write({"lang": "fr_FR", "name": "Camille Martin"})  # the salesperson reads activities in French
        if IMAGES:
            fonts = fonts_file(cls.enterClassContext(tempfile.TemporaryDirectory()))
            cls.enterClassContext(patch.dict(os.environ, {"FONTCONFIG_FILE": fonts}))
        cls.customer.write({"lang": "fr_FR", "name": "Bêta SARL"})

    def look(self, url, words, name=None, login="admin", press=(), gone="", drawn="", phone=False):
        """Open a page, press its buttons, wait for what must have gone, what the user must read and the chart drawn."""
        original, navigate = ChromeBrowser._wait_code_ok, ChromeBrowser.navigate_to
        width, height = (390, 844) if phone else map(int, self.browser_size.split(","))
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}

        def sized(browser, *args, **kwargs):
            browser._websocket_request("Emulation.setDeviceMetricsOverride", params=size)
            navigate(browser, *args, **kwargs)

        def then_picture(browser, *args, **kwargs):
            original(browser, *args, **kwargs)
            if IMAGES and name:
                shot = browser._websocket_request("Page.captureScreenshot")["data"]
                Path(IMAGES, f"{name}.png").write_bytes(base64.b64decode(shot))

        presses = " ".join(f"await press({selector!r});" for selector in press)
        waits = " ".join(f"await wait({word!r});" for word in words)
        closed = f"await gone({gone!r});" if gone else ""
        chart = f"await drawn({drawn!r});" if drawn else ""
        steps = f"{WAIT} {presses} {closed} {waits} {chart} console.log('test successful');"
        code = f"(async () => {{ {steps} }})().catch((error) => console.error(error.message));"
        with (
            patch.object(ChromeBrowser, "_wait_code_ok", then_picture),
            patch.object(ChromeBrowser, "navigate_to", sized),
        ):
            ready = "odoo.isReady === true" if login else "document.readyState === 'complete'"
            self.browser_js(url, code, ready, login=login, timeout=240)

    def send_quote(self):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": self.product_a.id,
                            "name": "Escalier en chêne",
                            "product_uom_qty": 1,
                            "price_unit": 2400,
                        }
                    )
                ],
            }
        )
        buttons = ["button[name=action_quotation_send]", ".modal button[name=action_send_mail]"]
        with self.sending():
            self.look(f"/odoo/sales/{order.id}", [], "devis-envoye", press=buttons, gone=".modal")
        self.env.invalidate_all()
        return order

    def invoice_order(self, order):
        """Create and confirm the order's invoice, with the buttons of its form."""
        wizard = self.env.ref("sale.action_view_sale_advance_payment_inv").id
        buttons = [f"button[name='{wizard}']", ".modal button[name=create_invoices]", "button[name=action_post]"]
        self.look(f"/odoo/sales/{order.id}", [], press=buttons, gone="button[name=action_post]")
        self.env.invalidate_all()
        order.invoice_ids.is_move_sent = True  # handed over at the counter
        return order.invoice_ids

    def customer_answers(self, delivery):
        mail = EmailMessage()
        mail["From"], mail["To"] = f"Bêta SARL <{CUSTOMER}>", MAILBOX
        mail["Subject"] = f"Re: {delivery.subject}"
        mail["Message-ID"], mail["In-Reply-To"] = "<answer@beta.test>", delivery.message_id
        mail["References"], mail["Date"] = delivery.message_id, "Fri, 20 Nov 2026 10:00:00 +0100"
        mail.set_content("Bonjour,\n\nPouvez-vous le faire en frêne ?\n\nBêta SARL\n")
        self.environment.deliver(MAILBOX, mail.as_bytes())
        self.mailbox.next_sync_at = False
        self.env.flush_all()
        self.env.ref("lokario_inbox.ir_cron_sync_all").method_direct_trigger()
        self.env.invalidate_all()

    def test_quote_answer_pause_invoice_reminder_payment_silence(self):
        order = self.send_quote()
        delivery = (
            self.env["lokario.delivery"].sudo().search([("res_model", "=", "sale.order"), ("res_id", "=", order.id)])
        )
        self.assertEqual((delivery.state, delivery.sender, order.state), ("sent", MAILBOX, "sent"))
        self.run_cron()
        followup = order.followup_ids
        self.assertEqual(followup.why, "not_reached")
        self.look(f"/odoo/followups/{followup.id}", ["Des questions ?", "Chronologie"], "relance-devis")

        self.customer_answers(delivery)
        self.assertEqual((followup.why, followup.answer_pending), ("answer_pending", True))
        self.assertIn("Le client a répondu", followup.activity_ids.summary)
        self.assertTrue(order.message_ids.filtered(lambda message: "frêne" in (message.body or "")))
        said = ["La réponse du client n'a pas encore été traitée", "lisez-le avant que les relances continuent"]
        self.look(f"/odoo/followups/{followup.id}", said, "relance-pause")

        for url, button in (
            (f"/odoo/followups/{followup.id}", "button[name=action_answer_handled]"),
            (f"/odoo/sales/{order.id}", "button[name=action_confirm]"),
        ):
            self.look(url, [], press=[button], gone=button)
        self.env.invalidate_all()
        self.run_cron()
        self.assertEqual(followup.state, "done")

        move = self.invoice_order(order)
        self.assertEqual((move.state, move.amount_residual > 0), ("posted", True))
        with freeze_time(fields.Datetime.add(fields.Datetime.now(), days=10)):
            self.run_cron()
        self.assertEqual(move.followup_ids.step_ids.state, "sent")
        reminder = move.followup_ids.step_ids.reminder_id
        self.look("/odoo/followups", ["Rappel ferme", "Bêta SARL"], "relances")
        write = ["button[name=action_write]"]
        self.look(f"/odoo/followups/{move.followup_ids.id}", ["Écrire au client"], "redaction", press=write)
        for days_late, amount in ((12, 480), (40, 1250), (75, 640), (120, 2100)):
            self.invoice(days_late, amount, followup_auto="off")
        chart = {"words": ["Retards par ancienneté"], "drawn": ".o_graph_renderer canvas"}
        self.look("/odoo/action-lokario_billing.receivable_report_action_age", name="retards", **chart)
        self.look(f"/followups/statement/{reminder.access_token}", [move.name, "Je paierai le"], "releve", login=None)
        self.look("/odoo/action-lokario_billing.delivery_action", ["Envoyé"], "envois")
        routes = ["Type d'e-mail et source d'envoi", "Réponses automatiques de l'IA", "Boîte de la société", MAILBOX]
        self.look("/odoo/action-lokario_billing.mail_routes_action", routes, "portes")

        pay = ["button[name=action_force_register_payment], button[name=action_register_payment]"]
        pay += [".modal button[name=action_create_payments]"]
        self.look(f"/odoo/customer-invoices/{move.id}", [], press=pay, gone=".modal")
        self.env.invalidate_all()
        count = len(self.sink.deliveries())
        with freeze_time(fields.Datetime.add(fields.Datetime.now(), days=40)):
            self.run_cron()
        self.assertEqual(len(self.sink.deliveries()), count)
        self.assertEqual(move.followup_ids.state, "done")

    # === WHO COLLECTS === #

    def colleague(self, login, name, *groups):
        return new_test_user(
            self.env,
            login,
            ",".join(("base.group_user", *groups)),
            name=name,
            lang="fr_FR",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )

    def debts(self):
        """Return late invoices of five firms, sent before follow-ups were switched on, and a salesperson's quote."""
        self.company.write({"followup_enabled": False, "followup_approved_at": False})
        names = ("Menuiserie Côté", "Toits du Nord", "Atelier Lune", "Garage Petit", "Café Rivage")
        firms = [self.customer.copy({"name": name, "email": f"compta{n}@beta.test"}) for n, name in enumerate(names)]
        days = zip((12, 40, 9, 70, 15), (480, 1250, 640, 2100, 890), firms, strict=True)
        moves = [self.invoice(late, amount, partner=firm) for late, amount, firm in days]
        line = Command.create({"product_id": self.product_a.id, "name": "Porte vitrée", "price_unit": 760})
        values = {"partner_id": self.customer.id, "company_id": self.company.id, "user_id": self.paul.id}
        quote = self.env["sale.order"].create({**values, "order_line": [line]})
        quote.with_context(tracking_disable=True).action_quotation_sent()
        return moves, quote

    def level(self, move, **values):
        """Give an invoice a policy of one level."""
        policy = self.env.ref("lokario_billing.policy_invoice").copy(
            {"company_id": self.company.id, "name": values["name"], "level_ids": [Command.clear()]}
        )
        policy.level_ids = [Command.create({"sequence": 1, "days": 7, **values})]
        move.followup_ids.policy_id = policy

    def what_happens(self, moves):
        """A dispute, an answer, a letter to post, a debt whose reminders are all sent."""
        disputed, exhausted, answered, lettered, _quiet = moves
        dispute = {"reason": "Le prix convenu était de 400 €.", "by_customer": True}
        self.env["lokario.followup.dispute"].sudo().create({**dispute, "followup_id": disputed.followup_ids.id})
        answered.followup_ids._reply_received()
        self.level(lettered, name="Lettre recommandée", channel="registered")
        self.level(exhausted, name="Dernier rappel")
        exhausted.followup_ids.start_on = lettered.followup_ids.start_on = False
        with freeze_time(fields.Datetime.subtract(fields.Datetime.now(), days=8)):
            self.run_cron()
        self.run_cron()

    def test_an_accountant_and_a_salesperson_work_with_follow_ups(self):
        """Nobody is an administrator: accounting rights and the role of the addon, or a salesperson's alone."""
        anne = self.colleague(
            "anne", "Anne Moreau", "account.group_account_invoice", "lokario_billing.group_lokario_billing_manager"
        )
        self.paul = self.colleague("paul", "Paul Girard", "sales_team.group_sale_salesman")
        moves, quote = self.debts()
        confirm = ".o-overlay-item:last-child .modal-footer .btn-primary"
        preview = "/odoo/action-lokario_billing.followup_preview_action"
        run = ["button[name=action_run]"]
        foretold = ["Menuiserie Côté", "Documents anciens"]
        self.look(preview, foretold, "relances-essai", "anne", run, gone=".o_blockUI")
        self.look(preview, [], None, "anne", [*run, "button[name=action_approve]", confirm], gone=".modal")
        self.env.invalidate_all()
        self.assertTrue(self.company.followup_enabled and self.company.followup_approved_at)
        self.what_happens(moves)
        disputed, exhausted, answered, lettered, quiet = (move.followup_ids for move in moves)
        work = [each.work for each in (disputed, exhausted, answered, lettered, quiet)]
        self.assertEqual(work, ["dispute", "handover", "answer", "letter", False])

        desk = ["Contestations", "Réponses à traiter", "Courriers à poster", "Toutes les relances envoyées"]
        self.look("/odoo/collection", desk, "relances-bureau", "anne")
        if IMAGES:
            self.look("/odoo/collection", desk[:1], "relances-bureau-telephone", "anne", phone=True)

        page = f"/odoo/followups/{disputed.id}"
        why = ["Contesté par le client", "Le prix convenu était de 400 €.", "Le client conteste ce document."]
        self.look(page, why, "relances-contestation", "anne", ["a[name=promises]"])
        if IMAGES:
            self.look(page, why[:1], "relances-contestation-telephone", "anne", phone=True)
        reject = ["a[name=promises]", "button[name=action_reject]"]
        self.look(page, ["Rejetée"], None, "anne", reject, gone="button[name=action_reject]")
        off = ["La relance automatique est désactivée"]
        self.look(f"/odoo/followups/{quiet.id}", off, "relances-arret", "anne", ["button[name=action_toggle_auto]"])

        letter = lettered.step_ids.reminder_id
        page = f"/odoo/action-lokario_billing.followup_reminder_action/{letter.id}"
        self.look(page, ["Imprimer la lettre", "Garage Petit"], "relances-lettre", "anne")
        report = self.env["ir.actions.report"].with_user(anne).with_context(force_report_rendering=True)
        pdf, _kind = report._render_qweb_pdf("lokario_billing.report_reminder_letter", letter.ids)
        self.assertEqual(pdf[:4], b"%PDF")
        over = ["button[name=action_hand_over]", confirm]
        self.look(f"/odoo/followups/{exhausted.id}", [], None, "anne", over, gone="button[name=action_hand_over]")
        self.env.invalidate_all()
        self.assertEqual((disputed.disputed, quiet.auto_enabled, exhausted.why), (False, False, "handed_over"))

        page = f"/odoo/sales/{quote.id}"
        his = ["button[name=action_view_followup]"]
        self.look(page, ["Chronologie", quote.name], "relances-vendeur", "paul", his, gone=".o_sale_order")
        if IMAGES:
            self.look(
                f"/odoo/followups/{quote.followup_ids.id}",
                [quote.name],
                "relances-vendeur-telephone",
                "paul",
                phone=True,
            )
        quote.with_user(self.paul).followup_auto = "off"
        self.assertFalse(quote.followup_ids.auto_enabled)
        self.assertTrue(anne.has_group("account.group_account_invoice") and not anne.has_group("base.group_system"))
