from datetime import timedelta

from odoo import fields, models
from odoo.tools import SQL

FRESH = timedelta(hours=1)  # a mail that waited longer is decided again, with the hour and day it is now


class FollowupReminder(models.Model):
    """The moment of sending: nothing leaves that somebody's payment, answer or word has overtaken."""

    _inherit = "lokario.followup.reminder"

    def _still_due(self):
        """Return those whose decision still holds. A document that somebody is changing right now counts as changed.

        Runs as the first statements of a transaction, which holds the documents' locks until it ends.
        """
        facts = self.step_ids.followup_id._fingerprints()
        oldest = fields.Datetime.now() - FRESH
        return self.filtered(
            lambda reminder: reminder._holds(
                reminder.step_ids.followup_id, facts, reminder.create_date > oldest and reminder.fingerprint
            )
        )

    def _holds(self, followups, facts, fingerprint):
        if not facts.keys() >= set(followups._ids):
            return False
        return followups._joined(facts) == fingerprint or self._is_decided_again()

    def _is_decided_again(self):
        """Facts have changed since the mail was built: ask the decision itself, without our own steps."""
        followups = self.step_ids.followup_id
        if any((each.customer_id, each._recipient()) != (self.customer_id, self.partner_id) for each in followups):
            return False
        if self.address and self.address != self.partner_id.email_normalized:
            return False
        decisions = followups._decide(without=self.step_ids)
        amounts = {step.followup_id: step.amount for step in self.step_ids}
        return all(
            decision.send
            and decision.level.sequence == self.level_id.sequence
            and not self.currency_id.compare_amounts(decision.document.amount, amounts[followup])
            for followup, decision in decisions.items()
        )


class Followup(models.Model):
    _inherit = "lokario.followup"

    def _joined(self, fingerprints):
        return ",".join(fingerprints.get(followup_id, "") for followup_id in sorted(self._ids))

    def _fingerprints(self):
        """Return {id: text} that changes with every fact which could stop a reminder, in one query.

        Locks the follow-ups and their documents; those that somebody else has locked are missing.
        """
        if not self:
            return {}
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
            WITH locked AS (SELECT * FROM lokario_followup WHERE id IN %(ids)s FOR UPDATE SKIP LOCKED),
                 moves AS (SELECT * FROM account_move WHERE id IN (
                           SELECT move_id FROM lokario_followup WHERE id IN %(ids)s) FOR UPDATE SKIP LOCKED),
                 orders AS (SELECT * FROM sale_order WHERE id IN (
                            SELECT order_id FROM lokario_followup WHERE id IN %(ids)s) FOR UPDATE SKIP LOCKED)
            SELECT f.id, concat_ws('|', f.partner_id, f.customer_id,
                   f.auto_enabled, f.answered_at, f.answer_pending, f.refused, f.closed_by_hand,
                   f.promised_until, f.disputed, f.policy_id, m.state, m.payment_state, m.amount_residual,
                   o.state, o.signed_on, o.validity_date, o.amount_total, p.followup_opt_out, r.active,
                   c.followup_enabled, c.followup_approved_at, c.followup_paused_until,
                   (SELECT string_agg(concat_ws(':', l.id, l.amount_residual, l.no_followup, l.date_maturity), ';'
                                      ORDER BY l.id)
                      FROM account_move_line l JOIN account_account a ON a.id = l.account_id
                     WHERE l.partner_id = f.customer_id AND a.account_type = 'asset_receivable'
                       AND NOT l.reconciled AND l.parent_state = 'posted'
                       AND (l.move_id = f.move_id OR l.amount_residual < 0)),
                   (SELECT md5(string_agg(concat_ws(':', k.id, k.email, k.active, k.type), ';' ORDER BY k.id))
                      FROM res_partner k WHERE k.commercial_partner_id = f.customer_id),
                   (SELECT string_agg(concat_ws(':', d.id, d.state), ';' ORDER BY d.id) FROM lokario_delivery d
                     WHERE d.res_model = 'account.move' AND d.res_id = f.move_id),
                   (SELECT max(s.id) FROM account_bank_statement_line s
                     WHERE s.company_id = f.company_id AND s.is_reconciled IS NOT TRUE AND s.amount > 0),
                   (SELECT string_agg(concat_ws(':', x.id, x.state), ';' ORDER BY x.id) FROM payment_transaction x
                     WHERE x.id IN (SELECT transaction_id FROM account_invoice_transaction_rel
                                     WHERE invoice_id = f.move_id
                                     UNION SELECT transaction_id FROM sale_order_transaction_rel
                                     WHERE sale_order_id = f.order_id)))
              FROM locked f
              JOIN res_company c ON c.id = f.company_id
              LEFT JOIN res_partner p ON p.id = f.customer_id
              LEFT JOIN res_partner r ON r.id = f.partner_id
              LEFT JOIN moves m ON m.id = f.move_id
              LEFT JOIN orders o ON o.id = f.order_id
             WHERE (f.move_id IS NULL OR m.id IS NOT NULL) AND (f.order_id IS NULL OR o.id IS NOT NULL)
            """,
                ids=self._ids,
            )
        )
        return dict(rows)
