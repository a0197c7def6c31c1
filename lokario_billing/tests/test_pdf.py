"""Quotes and invoices leave with their PDF, as the SMTP server saw it."""

import io
import os
from email import message_from_bytes, policy
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools.pdf import PdfFileReader

from .test_delivery import MailboxCase


@tagged("post_install", "-at_install")
class TestPdf(MailboxCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "force_report_rendering": True})  # tests get HTML otherwise
        cls.company.write({"name": "Alpha Menuiserie", "report_footer": "<p>SIREN 123 456 789</p>"})

    def quote(self, lines=1):
        return self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "order_line": [
                    Command.create({"product_id": self.product_a.id, "name": f"Marche {number}", "price_unit": 100})
                    for number in range(lines)
                ],
            }
        )

    def attached(self):
        """The names and texts of the PDFs that the server has accepted, by name."""
        mails = [
            message_from_bytes(arrived.raw.encode("latin-1"), policy=policy.default)
            for arrived in self.sink.deliveries()
            if arrived.recipient == self.customer.email
        ]
        parts = [part for mail in mails for part in mail.iter_attachments() if part.get_filename().endswith(".pdf")]
        return {part.get_filename(): "".join(self.texts(part.get_content())) for part in parts}

    def texts(self, pdf):
        return [page.extract_text() for page in PdfFileReader(io.BytesIO(pdf)).pages]

    def test_quote_and_invoice_leave_with_their_pdf(self):
        order, move = self.quote(), self.invoice(5)
        template = self.env.ref("sale.email_template_edi_sale")
        context = {"default_model": "sale.order", "default_res_ids": order.ids, "default_template_id": template.id}
        composer = self.env["mail.compose.message"].with_context(**context, default_composition_mode="comment")
        with self.sending():
            composer.create({})._action_send_mail()
            wizard = self.env["account.move.send.wizard"].with_context(active_model="account.move", active_ids=move.ids)
            wizard.create({"sending_methods": ["email"]}).action_send_and_print()
        texts = self.attached()
        self.assertEqual(len(texts), 2, list(texts))
        for document in (order, move):
            [text] = [text for text in texts.values() if document.name in text]
            self.assertIn("Alpha Menuiserie", text)

    def test_every_page_has_header_footer_and_number(self):
        order = self.quote(lines=60)
        pdf, _kind = self.env["ir.actions.report"]._render_qweb_pdf("sale.action_report_saleorder", order.ids)
        texts = self.texts(pdf)
        self.assertGreater(len(texts), 1)
        for number, text in enumerate(texts, 1):
            self.assertIn("Alpha Menuiserie", text)
            self.assertIn("SIREN 123 456 789", text)
            self.assertRegex(text, rf"Page\s*{number}\s*/\s*{len(texts)}")
        self.assertIn("Marche 59", "".join(texts))

    def test_without_any_program_the_message_says_what_to_do(self):
        order = self.quote()
        with patch.dict(os.environ, {"PATH": "/nowhere"}), self.assertRaisesRegex(UserError, "chromium"):
            self.env["ir.actions.report"]._render_qweb_pdf("sale.action_report_saleorder", order.ids)
