from odoo import fields, models

from ..const import AUTO_CHOICES

ARRIVED, REFUSED = "done", "error"  # words of account_peppol for what became of an electronic invoice


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["lokario.followup.answers", "account.move", "lokario.business.document", "lokario.access.mixin"]

    followup_auto = fields.Selection(
        AUTO_CHOICES, string="Automatic follow-up", required=True, default="default", copy=False
    )
    followup_ids = fields.One2many("lokario.followup", "move_id", string="Follow-up")
    followup_why = fields.Selection(related="followup_ids.why", string="Follow-up: on hold because")
    followup_next_at = fields.Datetime(related="followup_ids.next_at", string="Next reminder")

    followup_seen_at = fields.Datetime(
        string="Opened by the customer on",
        readonly=True,
        copy=False,
        help="By one of his portal users, logged in: whoever has the link may be a program.",
    )

    def write(self, vals):
        """An invoice that the receiver's platform took over has arrived, whatever became of the mail beside it.

        What is corrected is another paper than the one that was seen.
        """
        if vals.get("state") == "draft":
            vals = {**vals, "followup_seen_at": False}
        result = super().write(vals)
        if vals.get("peppol_move_state") in (ARRIVED, REFUSED):
            self._record_electronic_deliveries(vals["peppol_move_state"])
        return result

    def _record_electronic_deliveries(self, outcome):
        now = fields.Datetime.now()
        outcomes = {
            ARRIVED: {"state": "sent", "sent_at": now, "server_answer": self.env._("Taken over by the receiver")},
            REFUSED: {
                "state": "failed",
                "cause": self.env._("The network could not deliver the invoice: see its log."),
            },
        }
        self.env["lokario.delivery"].sudo().create(
            [
                {
                    "res_model": move._name,
                    "res_id": move.id,
                    "company_id": move.company_id.id,
                    "subject": move.name,
                    "message_id": move.peppol_message_uuid or move.name,
                    "route": "network",
                    "sender": move.company_id.display_name,
                    "recipients": move.commercial_partner_id.display_name,
                    **outcomes[outcome],
                }
                for move in self
            ]
        )

    def _set_seen_by(self, user):
        """Note that a portal user of the customer opened the invoice (sudo) on the portal: it has arrived."""
        his = user.share and not user._is_public() and user.commercial_partner_id == self.commercial_partner_id
        if his and self.state == "posted" and not self.followup_seen_at:
            self.with_context(tracking_disable=True).followup_seen_at = fields.Datetime.now()

    def _followup_values(self):
        self.ensure_one()
        return {
            "kind": "invoice",
            "source": "invoice",
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "move_id": self.id,
            "due_date": self.invoice_date_due,
            "amount": self.amount_residual_signed,
            "claim_amount": self.amount_residual,
        }

    def _ordering_contacts(self):
        """Return those who ordered what is invoiced, on the side of its customer."""
        orderers = self.line_ids.sale_line_ids.order_id.partner_id
        return orderers.filtered(lambda partner: partner.commercial_partner_id == self.commercial_partner_id)

    def _late_instalments(self, today):
        """Return [(due date, still due in the company's currency)] of what fell due before today."""
        lines = self.line_ids.filtered(
            lambda line: (
                line.account_type == "asset_receivable"
                and line.amount_residual > 0
                and line.date_maturity
                and line.date_maturity < today
            )
        )
        return [(line.date_maturity, line.amount_residual) for line in lines]

    def _issued_pdfs(self):
        """Return {move id: its PDF as it was issued} (sudo); nothing is rendered again."""
        if not self:
            return {}
        domain = [
            ("res_model", "=", "account.move"),
            ("res_id", "in", self.ids),
            ("res_field", "=", "invoice_pdf_report_file"),
        ]
        return {pdf.res_id: pdf for pdf in self.env["ir.attachment"].sudo().search(domain)}

    def _prints_late_payment_mentions(self):
        """French invoices to professionals carry the penalties and the indemnity (C. com. L441-9, L441-10, D441-5)."""
        self.ensure_one()
        company = self.company_id
        printed = company.followup_print_mentions and self.move_type == "out_invoice"
        return printed and self.partner_id._owes_french_penalties(company)

    def action_view_followup(self):
        self.ensure_one()
        return self.env["lokario.followup"]._open_for(self)
