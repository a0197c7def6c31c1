from odoo import fields, models

ARRIVED, REFUSED = "done", "error"  # words of account_peppol for what became of an electronic invoice


class AccountMove(models.Model):
    """An invoice that the receiver's platform took over has arrived, whatever became of the mail beside it."""

    _inherit = "account.move"

    def write(self, vals):
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
