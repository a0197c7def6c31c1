from odoo import api, models
from odoo.tools import SQL

QUERY = """
WITH locked AS (SELECT * FROM lokario_followup WHERE id IN %(ids)s FOR UPDATE SKIP LOCKED),
     moves AS (SELECT * FROM account_move WHERE id IN (
               SELECT move_id FROM lokario_followup WHERE id IN %(ids)s) FOR UPDATE SKIP LOCKED),
     orders AS (SELECT * FROM sale_order WHERE id IN (
                SELECT order_id FROM lokario_followup WHERE id IN %(ids)s) FOR UPDATE SKIP LOCKED)
SELECT f.id, concat_ws('|', f.partner_id, f.customer_id, f.company_id, f.sent_date, f.due_date,
       f.start_on, f.first_level, f.approved_level, f.handed_over_on, f.auto_frequency_days,
       f.auto_enabled, f.answered_at, f.answer_pending, f.refused, f.closed_by_hand,
       f.promised_until, f.disputed, f.policy_id, m.state, m.payment_state, m.amount_residual,
       m.partner_id, m.currency_id, m.name, m.is_move_sent, o.partner_id, o.currency_id,
       o.state, o.signed_on, o.validity_date, o.amount_total, p.followup_opt_out, r.active,
       c.followup_enabled, c.followup_approved_at, c.followup_paused_until,
       c.followup_minimum_amount, c.followup_tolerance, c.followup_hold_credit,
       (SELECT concat_ws(':', y.active, y.write_date, max(v.write_date), count(v.id))
          FROM lokario_followup_policy y LEFT JOIN lokario_followup_level v ON v.policy_id = y.id
         WHERE y.id = f.policy_id GROUP BY y.id),
       (SELECT string_agg(concat_ws(':', l.id, l.amount_residual, l.no_followup, l.date_maturity), ';'
                          ORDER BY l.id)
          FROM account_move_line l JOIN account_account a ON a.id = l.account_id
         WHERE l.partner_id = f.customer_id AND a.account_type = 'asset_receivable'
           AND NOT l.reconciled AND l.parent_state = 'posted'
           AND (l.move_id = f.move_id OR l.amount_residual < 0)),
       (SELECT string_agg(concat_ws(':', g.id, g.cancelled, h.date, h.amount), ';' ORDER BY h.id)
          FROM lokario_followup_plan g JOIN lokario_followup_plan_line h ON h.plan_id = g.id
         WHERE g.followup_id = f.id),
       (SELECT string_agg(concat_ws(':', y.id, y.state), ';' ORDER BY y.id) FROM account_payment y
         WHERE y.partner_id = f.customer_id AND y.state = 'in_process' AND y.move_id IS NULL),
       (SELECT md5(string_agg(concat_ws(':', k.id, k.email, k.active, k.type, k.lang, k.name,
                                        k.phone, k.street, k.zip, k.city,
                                        k.followup_do_not_contact, k.followup_contact_id,
                                        (SELECT b.active FROM mail_blacklist b WHERE b.email = k.email_normalized)), ';'
                              ORDER BY k.id))
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
"""


class FollowupFingerprint(models.AbstractModel):
    """Whether anything changed since a decision: a text of every fact that could stop a reminder."""

    _name = "lokario.followup.fingerprint"
    _description = "Fingerprint of the facts of follow-ups"

    @api.model
    def _read(self, followups):
        """Return {id: text}, in one query that locks the follow-ups and their documents.

        Those that another transaction has locked are missing.
        """
        if not followups:
            return {}
        self.env.flush_all()
        return dict(self.env.execute_query(SQL(QUERY, ids=followups._ids)))

    @api.model
    def _joined(self, followups, fingerprints):
        return ",".join(fingerprints.get(followup_id, "") for followup_id in sorted(followups._ids))
