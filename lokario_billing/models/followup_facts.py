from collections import Counter, defaultdict
from datetime import timedelta

from odoo import api, fields, models

from ..tools import followup_plan

# reminders whose outcome is open keep their documents from being planned again
IN_FLIGHT = ("prepared", "sending", "retry", "uncertain")
NEVER_RECEIVED = ("cancelled", "failed")
QUOTE_LIFE = timedelta(days=90)  # nobody is asked about an older quote that names no day of its own


class Followup(models.Model):
    """What is true about the documents, read in batches for the pure decision."""

    _inherit = "lokario.followup"

    def _plan_documents(self):
        """Return {followup: followup_plan.Document} for follow-ups of ONE company."""
        company = self.company_id
        company.ensure_one()
        moves = self.move_id
        context = {
            "company": company,
            "instalments": self._instalments(moves, company._followup_today()),
            "paying": self._payments_on_their_way(),
            "bank_money": self._money_on_the_bank_statement(company),
            "credits": self._customers_with_credit(company),
            "bank_stale": self._is_bank_stale(company),
            "foreign": self._moves_followed_elsewhere(moves),
            "in_flight": self._in_flight_ids(),
            "steps": self._known_steps(),
            "deliveries": self.env["lokario.delivery"]._latest_of(moves),
            "policies": {},
        }
        return {followup: followup._plan_document(context) for followup in self}

    def _plan_document(self, context):
        customer, recipient = self.customer_id.with_company(context["company"]), self._recipient()
        common = {
            "answer": fields.Date.to_date(self.answered_at) if self.answered_at else None,
            "auto_enabled": self.auto_enabled,
            "opted_out": customer.followup_opt_out,
            "refused": self.refused,
            "cancelled": self.closed_by_hand,
            "answered": bool(self.answered_at) and not self.answer_pending,
            "answer_pending": self.answer_pending,
            "disputed": self.disputed,
            "promised_until": self.promised_until or None,
            "recipient": recipient.id,
            "no_recipient": not recipient._is_reachable(),
            "in_flight": self.id in context["in_flight"],
            "undelivered": self._has_failed_at(recipient.email_normalized, context),
            "payment_until": context["paying"].get(self.move_id or self.order_id),
        }
        facts = common | self._claim_facts(context)
        return followup_plan.Document(self.id, customer.id, self._policy_in(context), **facts)

    def _policy_in(self, context):
        """Policies are shared between documents: the decision groups by them."""
        stops = (self.auto_stop_on_response, self.auto_stop_on_paid, self.auto_stop_on_refused)
        policy = self._policy_in_force()
        key = (policy, stops, self.auto_frequency_days)
        if key not in context["policies"]:
            context["policies"][key] = policy._plan_policy(context["company"], stops, self.auto_frequency_days)
        return context["policies"][key]

    def _policy_in_force(self):
        """Return the follow-up's policy, the company's where that one was archived; perhaps none."""
        if self.policy_id.active:
            return self.policy_id
        return self.env["lokario.followup.policy"]._get_for(self.company_id, self.kind)

    def _claim_facts(self, context):
        if self.move_id:
            return self._invoice_facts(context)
        if self.order_id:
            return self._quote_facts()
        return {
            "cycle": str(self.due_date or ""),
            "due": self.due_date or None,
            "sent": self.sent_date or fields.Date.to_date(self.create_date),
            "amount": max(self.amount, context["company"].followup_minimum_amount),
            "claim": self.amount,
        }

    def _invoice_facts(self, context):
        move = self.move_id
        instalment = context["instalments"].get(move.id)
        due, amount, claim, excluded = instalment or (move.invoice_date_due, 0.0, 0.0, False)
        return {
            "cycle": str(due),
            "due": due or None,
            "sent": move.invoice_date or None,
            "amount": amount,
            "claim": claim,
            "paid": move.payment_state in ("paid", "invoicing_legacy") or (move.state == "posted" and not instalment),
            "in_payment": move.payment_state == "in_payment",
            "reversed": move.payment_state == "reversed",
            "cancelled": self.closed_by_hand or move.state != "posted",
            "disputed": self.disputed or move.payment_state == "blocked" or excluded,
            "not_arrived": not self._has_arrived(context),
            "bank_money_until": context["bank_money"].of(self.customer_id, move, (amount, claim)),
            "unreconciled_credit": context["company"].followup_hold_credit
            and self.customer_id.id in context["credits"],
            "bank_stale": context["bank_stale"],
            "other_followup": move.id in context["foreign"],
        }

    def _quote_facts(self):
        order = self.order_id
        return {
            "cycle": str(self._quote_sent_on()),
            "due": order.validity_date or None,
            "sent": self._quote_sent_on(),
            "expiry": order.validity_date or None,
            "closes": order.validity_date or self._quote_sent_on() + QUOTE_LIFE,
            "amount": order._amount_in_company_currency(),
            "claim": order.amount_total,
            "signed": order.state == "sale" or bool(order.signed_on),
            "cancelled": self.closed_by_hand or order.state in ("cancel", "draft"),
        }

    def _quote_sent_on(self):
        return self.sent_date or self.order_id.date_order.date()

    def _has_arrived(self, context):
        """Whether the customer has the invoice, as far as anybody can know."""
        move = self.move_id
        delivery = context["deliveries"].get(move.id)
        if delivery and delivery.state != "cancelled":
            return delivery.state in ("sent", "verifying", "uncertain")
        if "peppol_move_state" in move and move.peppol_move_state == "error":
            return False
        elsewhere = context["company"].followup_unsent or not self._recipient()._is_reachable()  # on paper
        answered = move.transaction_ids or any(step.state not in NEVER_RECEIVED for step in self._steps_in(context))
        return bool(move.is_move_sent or elsewhere or answered)

    def _has_failed_at(self, address, context):
        """Whether the last reminder failed at this address, or at one that nobody knows."""
        last = self._steps_in(context)[-1:]
        return last.state == "failed" and last.reminder_id.address in (False, address)

    def _steps_in(self, context):
        return context["steps"].get(self, self.env["lokario.followup.step"])

    def _recipient(self):
        """Return the partner who gets the reminder: the invoice's own contact for claims, the contact for the rest."""
        self.ensure_one()
        if self.kind != "invoice":
            return self.partner_id
        partner = self.partner_id.with_company(self.company_id)
        return partner._followup_contact(lambda: self.move_id._ordering_contacts())

    # === BATCH READS === #

    @api.model
    def _instalments(self, moves, today):
        """Return {move id: (due date of the oldest unpaid instalment, really due, the same in the invoice's currency,
        excluded from follow-ups)}: what has fallen due by `today` or, before that, the first instalment.
        """
        groups = (
            self.env["account.move.line"]
            .sudo()
            ._read_group(
                [
                    ("move_id", "in", moves.ids),
                    ("account_type", "=", "asset_receivable"),
                    ("parent_state", "=", "posted"),
                    ("amount_residual", ">", 0),
                ],
                ["move_id", "date_maturity:day"],
                ["amount_residual:sum", "amount_residual_currency:sum", "no_followup:bool_or"],
            )
        )
        per_move = defaultdict(list)
        for move, *instalment in groups:
            per_move[move.id].append(instalment)
        return {move_id: _oldest_claim(parts, today) for move_id, parts in per_move.items()}

    @api.model
    def _customers_with_credit(self, company):
        """Ids of the customers who paid something worth mentioning, here or to the parent, that is not matched yet."""
        groups = (
            self.env["account.move.line"]
            .sudo()
            ._read_group(
                [
                    ("company_id", "in", company.sudo().parent_ids.ids),
                    ("account_type", "=", "asset_receivable"),
                    ("parent_state", "=", "posted"),
                    ("reconciled", "=", False),
                    ("amount_residual", "<", 0),
                ],
                ["partner_id"],
                ["amount_residual:sum"],
            )
        )
        credit = Counter()
        for partner, amount in groups:
            credit[partner.commercial_partner_id.id] -= amount
        return {customer for customer, amount in credit.items() if amount > company.followup_tolerance}

    @api.model
    def _is_bank_stale(self, company):
        if not company.followup_bank_max_age:
            return False
        newest = (
            self.env["account.bank.statement.line"]
            .sudo()
            .search([("company_id", "=", company.id)], order="date desc", limit=1)
        )
        oldest_allowed = company._followup_today() - timedelta(days=company.followup_bank_max_age)
        return not newest or newest.date < oldest_allowed

    @api.model
    def _moves_followed_elsewhere(self, moves):
        """Ids of the moves that OCA's account_credit_control or Enterprise's follow-ups already remind."""
        followed = set()
        if "credit.control.line" in self.env:
            domain = [("invoice_id", "in", moves.ids), ("state", "!=", "ignored")]
            followed |= set(self.env["credit.control.line"].sudo().search(domain).invoice_id.ids)
        if "followup_reminder_type" in self.env["res.partner"]._fields:
            automatic = moves.commercial_partner_id.filtered_domain([("followup_reminder_type", "=", "automatic")])
            followed |= set(moves.filtered(lambda move: move.commercial_partner_id in automatic).ids)
        return followed

    def _in_flight_ids(self):
        groups = (
            self.env["lokario.followup.step"]
            .sudo()
            ._read_group(
                [
                    ("followup_id", "in", self.ids),
                    ("state", "in", IN_FLIGHT),
                    ("id", "not in", self.env.context.get("followup_steps_aside", [])),
                ],
                ["followup_id"],
            )
        )
        return {followup.id for (followup,) in groups}

    def _plan_history(self, without=None):
        """Return the pure steps of every customer of these follow-ups, in this company; `without` some."""
        steps = (
            self.env["lokario.followup.step"]
            .sudo()
            .search_fetch(
                [
                    ("company_id", "in", self.company_id.ids),
                    ("customer_id", "in", self.customer_id.ids),
                    ("state", "not in", NEVER_RECEIVED),
                    ("id", "not in", without.ids if without else []),
                ],
                ["followup_id", "customer_id", "reminder_id", "cycle", "sequence", "sent_at"],
            )
        )
        return [step._plan_step() for step in steps]

    def _known_steps(self):
        """Return {follow-up: its steps that were not cancelled, the last one last}."""
        aside = self.env.context.get("followup_steps_aside", [])
        domain = [("followup_id", "in", self.ids), ("state", "!=", "cancelled"), ("id", "not in", aside)]
        steps = self.env["lokario.followup.step"].sudo().search(domain, order="sent_at, id")
        return steps.grouped("followup_id")


def _oldest_claim(parts, today):
    parts = sorted(parts)
    fallen_due = [part for part in parts if part[0] < today] or parts[:1]
    amount, claim = (sum(part[position] for part in fallen_due) for position in (1, 2))
    return parts[0][0], amount, claim, any(excluded for *_figures, excluded in parts)
