from datetime import date

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from odoo.addons.lokario_base.tools.send_window import MONDAY_TO_FRIDAY, ONE_DAY, SendWindow, clock, local_time

from ..tools.penalties import FRENCH_LAW, HalfYearRate

# who answers for the billing of a company without a named person, the first group with a member first
BILLING_GROUPS = (
    "lokario_billing.group_lokario_billing_manager",
    "account.group_account_invoice",
    "base.group_system",
)
SHORTEST_WINDOW = 2  # hours; the job runs once an hour and must meet the window


class ResCompany(models.Model):
    _inherit = "res.company"

    followup_enabled = fields.Boolean(string="Automatic follow-ups", groups="base.group_user")
    followup_auto_default = fields.Boolean(
        string="Follow up new documents automatically", default=True, groups="base.group_user"
    )
    followup_approved_at = fields.Datetime(string="First run approved on", copy=False, groups="base.group_user")
    followup_paused_until = fields.Date(string="Pause follow-ups until", groups="base.group_user")
    followup_opens = fields.Float(string="Send from", default=8.0, groups="base.group_user")
    followup_closes = fields.Float(string="Send until", default=18.0, groups="base.group_user")
    followup_days = fields.Selection(
        [("week", "Monday to Friday"), ("saturday", "Monday to Saturday"), ("all", "Every day")],
        string="Sending days",
        required=True,
        default="week",
        groups="base.group_user",
    )
    followup_holidays = fields.Boolean(string="Respect public holidays", default=True, groups="base.group_user")
    followup_minimum_amount = fields.Monetary(
        string="Minimum amount",
        currency_field="currency_id",
        help="Smaller claims are not followed up.",
        groups="base.group_user",
    )
    followup_tolerance = fields.Monetary(
        string="Differences not worth a reminder",
        currency_field="currency_id",
        default=1.0,
        help="A claim up to this amount is not reminded, a credit up to this amount holds nothing.",
        groups="base.group_user",
    )
    followup_unsent = fields.Boolean(
        string="Remind invoices that were not sent from here",
        help="For invoices that leave on paper or by another program. Else an invoice is reminded once it was sent.",
        groups="base.group_user",
    )
    followup_transfer_days = fields.Integer(
        string="Days to wait for an announced wire transfer", default=7, required=True, groups="base.group_user"
    )
    followup_promises = fields.Integer(
        string="Promises of a customer that pause reminders",
        default=2,
        required=True,
        help="Further promises for the same document pause nothing; its responsible person is notified.",
        groups="base.group_user",
    )
    followup_broken_promises = fields.Integer(
        string="Broken promises after which the next reminder is one level further",
        default=2,
        required=True,
        help="The next reminder leaves on the day after the promise, one level further than its turn. 0 = never.",
        groups="base.group_user",
    )
    followup_dispute_days = fields.Integer(
        string="Days to answer a dispute",
        default=10,
        required=True,
        help="The activity of the responsible person ends then, and the desk shows the day.",
        groups="base.group_user",
    )
    followup_hold_credit = fields.Boolean(
        string="Deduct unmatched payments and credit notes",
        default=True,
        help="What they cover is not reminded. Money on the bank statement that fits an invoice holds its reminder.",
        groups="base.group_user",
    )
    followup_bank_max_age = fields.Integer(
        string="Days the bank journal may be old",
        help="Reminders wait while the last bank transaction is older. 0 switches the check off.",
        groups="base.group_user",
    )
    followup_penalty_rate = fields.Float(
        string="Contractual late-payment rate (%)",
        help="Yearly rate printed on your invoices. 0 = statutory rate: ECB refinancing rate plus 10 points.",
        groups="base.group_user",
    )

    followup_print_mentions = fields.Boolean(
        string="Print the late-payment mentions on invoices",
        default=True,
        help="French law asks for them on every invoice to a professional (C. com. L441-9, L441-10, D441-5).",
        groups="base.group_user",
    )

    @api.constrains("followup_opens", "followup_closes")
    def _check_followup_window(self):
        for company in self:
            opens, closes = company.followup_opens, company.followup_closes
            if not (opens >= 0 and closes < 24 and closes - opens >= SHORTEST_WINDOW):
                raise ValidationError(
                    self.env._(
                        "Sending hours must lie within one day and last at least %(hours)s hours.",
                        hours=SHORTEST_WINDOW,
                    )
                )

    def _followup_switch(self):
        """Return the company whose switch holds: its own, else its nearest parent; perhaps none."""
        self.ensure_one()
        company = self.sudo()
        while company and not company.followup_enabled:
            company = company.parent_id
        return company

    def _with_followups(self):
        """Return all companies whose automatic follow-ups are switched on, branches of such companies included."""
        return self.search([("id", "child_of", self.search([("followup_enabled", "=", True)]).ids)])

    def _followup_window(self, recipient_country="", recipient_timezone=""):
        """Return the SendWindow of the company, towards a recipient in that country and time zone."""
        self.ensure_one()
        days = {"week": MONDAY_TO_FRIDAY, "saturday": frozenset(range(6)), "all": frozenset(range(7))}
        country = self.country_id.code if self.followup_holidays else ""
        timezone = self.partner_id.tz or self.env["res.users"].browse(SUPERUSER_ID).tz or "Europe/Paris"
        return SendWindow(
            timezone=timezone,
            opens=clock(self.followup_opens),
            closes=clock(self.followup_closes),
            weekdays=days[self.followup_days],
            country=country or "",
            closed=frozenset(self._closing_days(timezone)),
            recipient_country=recipient_country if self.followup_holidays else "",
            recipient_timezone=recipient_timezone,
        )

    def _closing_days(self, timezone):
        """Yield the days on which the whole company is away, as its working hours say."""
        for leave in self.sudo().resource_calendar_id.global_leave_ids:
            day, last = (_local_day(instant, timezone) for instant in (leave.date_from, leave.date_to))
            while day <= last:
                yield day
                day += ONE_DAY

    def _followup_today(self) -> date:
        return self._followup_window().local_day(fields.Datetime.now())

    def _billing_people(self):
        """Return the colleagues who answer for the company's billing, the best first."""
        return self._colleagues(BILLING_GROUPS)

    def _person_for(self, record, named):
        """Return who is asked about a record: a colleague named for it, else one who answers for the company's billing.

        Whoever has left or may not read the record is passed over.
        """
        candidates = named.sudo()._still_here() | self._billing_people()
        return next((user for user in candidates if user._readable(record)), candidates.browse())

    def _check_own(self):
        """Refuse the companies that the user does not work for, also where his call runs with more rights."""
        if not self.env.user._is_superuser() and self - self.env.user.company_ids:
            raise AccessError(self.env._("Choose one of your own companies."))

    def _has_french_law(self):
        """Whether the French Commercial Code rules the company's invoices."""
        self.ensure_one()
        return self.country_id.code in FRENCH_LAW

    def _penalty_rates(self) -> list[HalfYearRate]:
        return self.env["lokario.penalty.rate"].sudo().search([("starts_on", "!=", False)])._as_half_years()

    def action_approve_followups(self):
        """Let the automatic run begin, which switches it on; until then it only plans."""
        if not self.env.user.has_group("lokario_billing.group_lokario_billing_manager"):
            raise UserError(self.env._("Only a billing manager may approve the first automatic run."))
        self._check_own()
        for company_sudo in self.sudo():
            company_sudo.followup_approved_at = fields.Datetime.now()
            if not company_sudo._followup_switch():
                company_sudo.followup_enabled = True


def _local_day(instant, timezone):
    return local_time(instant, timezone).date()
