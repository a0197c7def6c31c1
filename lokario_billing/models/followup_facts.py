from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta

from odoo import api, fields, models

from odoo.addons.lokario_base.tools.send_window import SendWindow

from ..tools import followup_plan
from ..tools.bank_money import BankMoney

# reminders whose outcome is open keep their documents from being planned again
IN_FLIGHT = ("prepared", "sending", "retry", "uncertain")
NEVER_RECEIVED = ("cancelled", "failed")
QUOTE_LIFE = timedelta(days=90)  # an older quote that names no day of its own is closed


@dataclass
class Batch:
    """What was read together for the follow-ups of one company."""

    company: models.Model
    window: SendWindow
    today: date
    assume_enabled: bool
    instalments: dict
    paying: dict
    bank_money: BankMoney
    covered: dict
    bank_stale: bool
    foreign: set
    in_flight: set
    steps: dict
    deliveries: dict
    policies: dict = field(default_factory=dict)
    windows: dict = field(default_factory=dict)


class FollowupFacts(models.AbstractModel):
    """What is true about the documents, read in batches for the pure decision."""

    _name = "lokario.followup.facts"
    _description = "Facts about documents that are followed up"

    @api.model
    def _documents(self, followups, aside=None, assume_enabled=False):
        """Return {followup: followup_plan.Document} for follow-ups of ONE company.

        :param aside: steps that do not count, because they are the ones being decided about
        :param assume_enabled: as if automatic follow-ups were switched on and approved
        """
        batch = self._read_batch(followups, aside or self.env["lokario.followup.step"], assume_enabled)
        return {followup: self._document(followup, batch) for followup in followups}

    @api.model
    def _history(self, followups, aside=None):
        """Return the pure steps of every customer of these follow-ups, in this company."""
        domain = [
            ("company_id", "in", followups.company_id.ids),
            ("customer_id", "in", followups.customer_id.ids),
            ("state", "not in", NEVER_RECEIVED),
            ("id", "not in", aside.ids if aside else []),
        ]
        names = ["followup_id", "customer_id", "reminder_id", "cycle", "sequence", "sent_at"]
        return [step._plan_step() for step in self.env["lokario.followup.step"].sudo().search_fetch(domain, names)]

    @api.model
    def _read_batch(self, followups, aside, assume_enabled):
        company = followups.company_id
        company.ensure_one()
        moves, money, window = followups.move_id, self.env["lokario.followup.money"], company._followup_window()
        today = window.local_day(fields.Datetime.now())
        return Batch(
            company=company,
            window=window,
            today=today,
            assume_enabled=assume_enabled,
            instalments=self._instalments(moves, today),
            paying=money._under_way(moves, followups.order_id),
            bank_money=money._on_bank_statement(company),
            covered=money._covered(followups.customer_id, company),
            bank_stale=money._is_bank_stale(company),
            foreign=self._moves_followed_elsewhere(moves),
            in_flight=self._in_flight_ids(followups, aside),
            steps=self._known_steps(followups, aside),
            deliveries=self.env["lokario.delivery"]._latest_of(moves),
        )

    # === ONE DOCUMENT === #

    @api.model
    def _document(self, followup, batch):
        customer, recipient = followup.customer_id.with_company(batch.company), followup._recipient()
        common = {
            "answer": batch.window.local_day(followup.answered_at) if followup.answered_at else None,
            "auto_enabled": followup.auto_enabled,
            "opted_out": customer.followup_opt_out,
            "refused": followup.refused,
            "cancelled": followup.closed_by_hand,
            "answered": bool(followup.answered_at) and not followup.answer_pending,
            "answer_pending": followup.answer_pending,
            "start_on": followup.start_on or None,
            "first_level": followup.first_level,
            "approved": followup.approved_level or "",
            "handed_over": bool(followup.handed_over_on),
            "waiting_channel": self._waiting_channel(followup, batch),
            "last_on": self._last_on(followup, batch),
            "disputed": followup.disputed,
            "window": self._window(recipient, batch),
            "recipient": recipient.id,
            "no_recipient": not recipient._is_reachable(),
            "do_not_contact": recipient.followup_do_not_contact,
            "in_flight": followup.id in batch.in_flight,
            "no_phone": not recipient._reminder_address("sms"),
            "undelivered": self._has_failed_at(followup, recipient, batch),
            **batch.paying.get(followup.move_id or followup.order_id, {}),
        }
        facts = common | self._promise_facts(followup, batch) | self._claim_facts(followup, batch)
        return followup_plan.Document(followup.id, customer.id, self._policy(followup, batch), **facts)

    @api.model
    def _policy(self, followup, batch):
        """Policies are shared between documents: the decision groups by them."""
        stops = (followup.auto_stop_on_response, followup.auto_stop_on_paid, followup.auto_stop_on_refused)
        policy = followup._policy_in_force()
        key = (policy, stops, followup.auto_frequency_days)
        if key not in batch.policies:
            batch.policies[key] = policy._plan_policy(
                batch.company, stops, followup.auto_frequency_days, batch.assume_enabled
            )
        return batch.policies[key]

    @api.model
    def _window(self, recipient, batch):
        """Return the company's hours, held against the clock and the holidays of the place where the recipient is."""
        place = recipient._reminder_place()
        if place not in batch.windows:
            batch.windows[place] = batch.company._followup_window(*place)
        return batch.windows[place]

    @api.model
    def _promise_facts(self, followup, batch):
        """A promise that was kept in part waits some days more; too many broken ones move the next reminder one level
        up, until a reminder has followed the last of them.
        """
        past = followup.promise_ids.filtered(lambda each: not each.withdrawn and each.promised_for < batch.today)
        days = {"partly": [], "broken": [], "kept": []}
        for promise in past:
            days[promise._outcome_on(batch.today, batch.covered)].append(promise.promised_for)
        patience = timedelta(days=self._policy(followup, batch).spacing_days)
        return {
            "promised_until": followup.promised_until or None,
            "partly_kept_until": max(days["partly"]) + patience if days["partly"] else None,
            "plan_until": followup.plan_ids._held_until(batch.today, batch.covered),
            "promise_broken": bool(days["broken"]) and not self._is_followed(max(days["broken"]), followup, batch),
            "broken_on": self._broken_on(followup, days["broken"], batch),
        }

    @api.model
    def _broken_on(self, followup, broken, batch):
        allowed = batch.company.followup_broken_promises
        if not allowed or len(broken) < allowed or self._is_followed(max(broken), followup, batch):
            return None
        return max(broken)

    @api.model
    def _is_followed(self, day, followup, batch):
        """Whether a reminder went out after a day."""
        return any(batch.window.local_day(step.sent_at) > day for step in self._steps(followup, batch))

    @api.model
    def _last_on(self, followup, batch):
        """Return the day of the last reminder."""
        last = self._steps(followup, batch)[-1:]
        return batch.window.local_day(last.sent_at) if last else None

    @api.model
    def _waiting_channel(self, followup, batch):
        """Return the channel of the call or letter that a person has to do."""
        waiting = self._steps(followup, batch).filtered(lambda step: step.state == "todo")
        return waiting[-1:].channel or ""

    @api.model
    def _claim_facts(self, followup, batch):
        if followup.move_id:
            return self._invoice_facts(followup, batch)
        if followup.order_id:
            return self._quote_facts(followup, batch)
        return {
            "cycle": str(followup.due_date or ""),
            "due": followup.due_date or None,
            "sent": followup.sent_date or batch.window.local_day(followup.create_date),
            "amount": max(followup.amount, batch.company.followup_minimum_amount),
            "claim": followup.amount,
        }

    @api.model
    def _invoice_facts(self, followup, batch):
        move = followup.move_id
        instalment = batch.instalments.get(move.id)
        (due, *later), amount, claim, excluded = instalment or ((move.invoice_date_due,), 0.0, 0.0, False)
        names = (move.name, move.payment_reference)
        return {
            "cycle": str(due),
            "due": due or None,
            "later": tuple(later),
            "sent": move.invoice_date or None,
            "amount": amount,
            "claim": claim,
            "credit": min(batch.covered.get(move.id, 0.0), amount),
            "paid": move.payment_state in ("paid", "invoicing_legacy") or (move.state == "posted" and not instalment),
            "in_payment": move.payment_state == "in_payment" and not instalment,
            "reversed": move.payment_state == "reversed",
            "cancelled": followup.closed_by_hand or move.state != "posted",
            "disputed": followup.disputed or move.payment_state == "blocked" or excluded,
            "not_arrived": not self._has_arrived(followup, batch),
            "bank_money_until": batch.bank_money.last_day_for(followup.customer_id.id, names),
            "bank_sum_until": batch.bank_money.last_day_of_sum((amount, claim)),
            "bank_stale": batch.bank_stale,
            "other_followup": move.id in batch.foreign,
        }

    @api.model
    def _quote_facts(self, followup, batch):
        order = followup.order_id
        sent = followup.sent_date or batch.window.local_day(order.date_order)
        return {
            "cycle": str(sent),
            "due": order.validity_date or None,
            "sent": sent,
            "expiry": order.validity_date or None,
            "closes": order.validity_date or sent + QUOTE_LIFE,
            "amount": order._amount_in_company_currency(),
            "claim": order.amount_total,
            "signed": order.state == "sale" or bool(order.signed_on),
            "cancelled": followup.closed_by_hand or order.state in ("cancel", "draft"),
        }

    @api.model
    def _has_arrived(self, followup, batch):
        """Whether the customer has the invoice, as far as it can be known."""
        move = followup.move_id
        if move.followup_seen_at:
            return True
        latest = batch.deliveries.get(move.id, self.env["lokario.delivery"]).filtered(
            lambda each: each.state != "cancelled"
        )
        if latest and not latest._have_reached(followup.customer_id):
            return False
        if "peppol_move_state" in move and move.peppol_move_state == "error":
            return False
        elsewhere = batch.company.followup_unsent or not followup._recipient()._is_reachable()  # on paper
        reminded = any(step.state not in NEVER_RECEIVED for step in self._steps(followup, batch))
        return bool(move.is_move_sent or elsewhere or move.transaction_ids or reminded)

    @api.model
    def _has_failed_at(self, followup, recipient, batch):
        """Whether the last reminder failed at the recipient's address, or at one that is not recorded."""
        last = self._steps(followup, batch)[-1:]
        address = recipient._reminder_address(last.channel)
        return last.state == "failed" and last.reminder_id.address in (False, address)

    @api.model
    def _steps(self, followup, batch):
        return batch.steps.get(followup, self.env["lokario.followup.step"])

    # === BATCH READS === #

    @api.model
    def _instalments(self, moves, today):
        """Return {move id: (due dates of the unpaid instalments, overdue, the same in the invoice's currency, excluded
        from follow-ups)}: what has fallen due by `today` or, before that, the first instalment.
        """
        domain = [
            ("move_id", "in", moves.ids),
            ("account_type", "=", "asset_receivable"),
            ("parent_state", "=", "posted"),
            ("amount_residual", ">", 0),
        ]
        sums = ["amount_residual:sum", "amount_residual_currency:sum", "no_followup:bool_or"]
        lines = self.env["account.move.line"].sudo()
        per_move = defaultdict(list)
        for move, *instalment in lines._read_group(domain, ["move_id", "date_maturity:day"], sums):
            per_move[move.id].append(instalment)
        return {move_id: _oldest_claim(parts, today) for move_id, parts in per_move.items()}

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

    @api.model
    def _in_flight_ids(self, followups, aside):
        domain = [("followup_id", "in", followups.ids), ("state", "in", IN_FLIGHT), ("id", "not in", aside.ids)]
        return {
            followup.id for (followup,) in self.env["lokario.followup.step"].sudo()._read_group(domain, ["followup_id"])
        }

    @api.model
    def _known_steps(self, followups, aside):
        """Return {follow-up: its steps that were not cancelled, the last one last}."""
        domain = [("followup_id", "in", followups.ids), ("state", "!=", "cancelled"), ("id", "not in", aside.ids)]
        steps = self.env["lokario.followup.step"].sudo().search(domain, order="sent_at, id")
        return steps.grouped("followup_id")


def _oldest_claim(parts, today):
    parts = sorted(parts)
    fallen_due = [part for part in parts if part[0] < today] or parts[:1]
    amount, claim = (sum(part[position] for part in fallen_due) for position in (1, 2))
    return tuple(part[0] for part in parts), amount, claim, any(excluded for *_sums, excluded in parts)
