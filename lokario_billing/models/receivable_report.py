from odoo import fields, models
from odoo.tools import SQL

# instalments of posted customer invoices
RECEIVABLE = """
    SELECT line.*, here.zone, here.today FROM account_move_line line
    JOIN here ON here.company_id = line.company_id
    JOIN account_account account ON account.id = line.account_id
    AND account.account_type = 'asset_receivable'
    JOIN account_move move ON move.id = line.move_id
    WHERE move.move_type = 'out_invoice' AND move.state = 'posted'
    AND move.payment_state NOT IN ('reversed', 'invoicing_legacy')
"""
# when an instalment was last paid
PAID = """
    SELECT line.id, line.partner_id, line.date_maturity, max(part.max_date) AS day
    FROM account_partial_reconcile part
    JOIN receivable line ON line.id = part.debit_move_id
    GROUP BY line.id, line.partner_id, line.date_maturity, line.reconciled
"""
# how many days late a customer usually pays
HABIT = """
    SELECT paid.partner_id, avg(paid.day - paid.date_maturity)::int AS days
    FROM paid JOIN receivable line ON line.id = paid.id
    WHERE line.reconciled GROUP BY paid.partner_id
"""
# the last reminder of an invoice
REMINDED = """
    SELECT DISTINCT ON (followup.move_id) followup.move_id, step.level_id, step.sent_at
    FROM lokario_followup_step step
    JOIN lokario_followup followup ON followup.id = step.followup_id
    WHERE step.state IN ('sent', 'read', 'answered', 'done')
    ORDER BY followup.move_id, step.sent_at DESC
"""
# what was paid after that reminder
RECOVERED = """
    SELECT line.id, sum(part.amount) AS amount
    FROM reminded JOIN receivable line ON line.move_id = reminded.move_id
    JOIN account_partial_reconcile part ON part.debit_move_id = line.id
    JOIN account_move_line credit ON credit.id = part.credit_move_id
    JOIN account_move payment ON payment.id = credit.move_id
    WHERE part.max_date >= (reminded.sent_at AT TIME ZONE 'UTC' AT TIME ZONE line.zone)::date
    AND payment.move_type != 'out_refund'
    GROUP BY line.id
"""
# what was paid late, until when, and what still is late
LATE = """
    SELECT line.id, line.company_id, line.date_maturity AS due, line.amount_residual AS amount, line.today AS until
    FROM receivable line WHERE line.amount_residual > 0 AND line.date_maturity < line.today
    UNION ALL
    SELECT line.id, line.company_id, line.date_maturity, part.amount, part.max_date
    FROM account_partial_reconcile part
    JOIN receivable line ON line.id = part.debit_move_id
    JOIN account_move_line credit ON credit.id = part.credit_move_id
    JOIN account_move payment ON payment.id = credit.move_id
    WHERE part.max_date > line.date_maturity AND payment.move_type != 'out_refund'
"""
# its price: the late-payment rate of each half-year, for the days after the due date
COST = """
    SELECT late.id, sum(late.amount
               * (least(late.until, rate.ends_on) - greatest(late.due, rate.starts_on - 1))
               * coalesce(nullif(company.followup_penalty_rate, 0), rate.refinancing_rate + 10) / 36500) AS amount
    FROM late JOIN res_company company ON company.id = late.company_id
    JOIN (SELECT starts_on, (starts_on + interval '6 months')::date - 1 AS ends_on, refinancing_rate
            FROM lokario_penalty_rate) rate ON rate.starts_on <= late.until AND rate.ends_on > late.due
    GROUP BY late.id
"""
# one row per instalment
ROWS = """
SELECT line.id, line.move_id, line.partner_id, line.company_id, move.invoice_date,
       line.date_maturity AS due_date,
       CASE WHEN line.amount_residual > 0 THEN greatest(line.today, coalesce(
           followup.promised_until, line.date_maturity + greatest(habit.days, 0), line.date_maturity
       )) END AS expected_on,
       CASE WHEN line.amount_residual <= 0 THEN NULL
            WHEN line.date_maturity >= line.today THEN '0'
            WHEN line.date_maturity >= line.today - 30 THEN '1'
            WHEN line.date_maturity >= line.today - 60 THEN '2'
            WHEN line.date_maturity >= line.today - 90 THEN '3' ELSE '4' END AS age,
       reminded.level_id, line.amount_residual AS open_amount,
       coalesce(recovered.amount, 0) AS recovered_amount,
       coalesce(cost.amount, 0) AS late_cost,
       CASE WHEN line.amount_residual > 0 THEN line.today ELSE coalesce(paid.day, line.today)
            END - move.invoice_date AS days_outstanding
  FROM receivable line
  JOIN account_move move ON move.id = line.move_id
  LEFT JOIN paid ON paid.id = line.id
  LEFT JOIN habit ON habit.partner_id = line.partner_id
  LEFT JOIN reminded ON reminded.move_id = line.move_id
  LEFT JOIN recovered ON recovered.id = line.id
  LEFT JOIN cost ON cost.id = line.id
  LEFT JOIN lokario_followup followup ON followup.move_id = line.move_id
"""
PARTS = {
    "receivable": RECEIVABLE,
    "paid": PAID,
    "habit": HABIT,
    "reminded": REMINDED,
    "recovered": RECOVERED,
    "late": LATE,
    "cost": COST,
}


class ReceivableReport(models.Model):
    """One row per instalment of a customer invoice, for the charts: overdue by age, recovered by level, forecast."""

    _name = "lokario.receivable.report"
    _inherit = ["lokario.access.mixin"]
    _description = "Receivables"
    _auto = False
    _order = "due_date desc"
    _rec_name = "move_id"

    move_id = fields.Many2one("account.move", string="Invoice", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    invoice_date = fields.Date(readonly=True)
    due_date = fields.Date(readonly=True)
    expected_on = fields.Date(
        string="Expected on",
        readonly=True,
        help="The day promised; else the due date plus the delay this customer usually takes, today at the earliest.",
    )
    age = fields.Selection(
        [
            ("0", "Not due"),
            ("1", "1 to 30 days"),
            ("2", "31 to 60 days"),
            ("3", "61 to 90 days"),
            ("4", "More than 90 days"),
        ],
        string="Days late",
        readonly=True,
    )
    level_id = fields.Many2one("lokario.followup.level", string="Last level", readonly=True)
    open_amount = fields.Monetary(string="To be paid", readonly=True)
    recovered_amount = fields.Monetary(string="Recovered", readonly=True, help="Paid after a reminder had been sent")
    late_cost = fields.Monetary(
        string="Cost of late payment",
        readonly=True,
        help="What was paid late and what still is late, at the company's late-payment rate (else ECB + 10 points) for "
        "the days after the due date. Half-years without a recorded rate do not count.",
    )
    days_outstanding = fields.Float(
        string="Days sales outstanding",
        readonly=True,
        aggregator="avg",
        help="From the invoice to its payment; an invoice that is still open counts until today.",
    )

    @property
    def _table_query(self):
        """Which day it is depends on where a company is; PostgreSQL knows its own clock only."""
        companies = self.env["res.company"].sudo().search([])  # pylint: disable=no-search-all  # a handful
        windows = [(company.id, company._followup_window()) for company in companies]
        now = fields.Datetime.now()
        here = [SQL("(%s, %s, %s::date)", id_, window.timezone, window.local_day(now)) for id_, window in windows]
        here = SQL("here (company_id, zone, today) AS (VALUES %s)", SQL(", ").join(here))
        parts = SQL(", ").join([here, *(SQL(f"{name} AS ({query})") for name, query in PARTS.items())])
        return SQL("WITH %s %s", parts, SQL(ROWS))
