"""The follow-up decision: which document is reminded, at which level, when, and why not.

Pure: the same facts always give the same decisions, so the dry run and the hourly job cannot disagree.
Instants are naive UTC datetimes, days are local calendar days of the company.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from odoo.addons.lokario_base.tools.send_window import ONE_DAY, SendWindow


class Why(StrEnum):
    """Why a document is not reminded now. The first group ends the follow-up, the second only holds it."""

    PAID = "paid"
    IN_PAYMENT = "in_payment"
    REVERSED = "reversed"
    CANCELLED = "cancelled"
    SIGNED = "signed"
    REFUSED = "refused"
    EXPIRED = "expired"
    OPTED_OUT = "opted_out"
    ANSWERED = "answered"
    HANDED_OVER = "handed_over"
    EXHAUSTED = "exhausted"

    SWITCHED_OFF = "switched_off"
    NOT_APPROVED = "not_approved"
    COMPANY_PAUSED = "company_paused"
    AUTO_OFF = "auto_off"
    DO_NOT_CONTACT = "do_not_contact"
    DISPUTED = "disputed"
    PROMISED = "promised"
    PARTLY_KEPT = "partly_kept"
    PLAN = "plan"
    UNDELIVERED = "undelivered"
    NOT_ARRIVED = "not_arrived"
    PAYMENT_PENDING = "payment_pending"
    DIRECT_DEBIT = "direct_debit"
    BANK_MONEY = "bank_money"
    BANK_SUM = "bank_sum"
    ANSWER_PENDING = "answer_pending"
    BELOW_MINIMUM = "below_minimum"
    UNRECONCILED_CREDIT = "unreconciled_credit"
    BANK_STALE = "bank_stale"
    NO_RECIPIENT = "no_recipient"
    OTHER_FOLLOWUP = "other_followup"
    IN_FLIGHT = "in_flight"
    NO_LEVEL = "no_level"
    APPROVAL = "approval"

    NOT_REACHED = "not_reached"
    WINDOW = "window"
    CUSTOMER_DAY = "customer_day"


STOPS = frozenset(list(Why)[: list(Why).index(Why.SWITCHED_OFF)])
# Holds that a person may overrule by sending now.
OVERRULED_BY_HAND = frozenset(
    [
        Why.SWITCHED_OFF,
        Why.NOT_APPROVED,
        Why.AUTO_OFF,
        Why.BELOW_MINIMUM,
        Why.BANK_SUM,
        Why.BANK_STALE,
        Why.APPROVAL,
        Why.UNDELIVERED,
        Why.NOT_ARRIVED,
    ]
)


@dataclass(frozen=True)
class Level:
    """One reminder of a policy: `days` after (before, when negative) the document's `anchor`."""

    sequence: int
    days: int
    anchor: str = "due"  # due | sent | answer | expiry
    channel: str = "email"  # email | call | letter | registered | sms
    approval: bool = False  # a person lets it go


@dataclass(frozen=True)
class Policy:
    """Rules shared by the documents of one kind in one company."""

    key: int
    levels: tuple[Level, ...]
    max_reminders: int = 3
    spacing_days: int = 1
    grouped: bool = True
    minimum_amount: float = 0.0
    tolerance: float = 0.0
    stop_on_answer: bool = True
    stop_on_paid: bool = True
    stop_on_refused: bool = True
    enabled: bool = True
    approved: bool = True
    paused_until: date | None = None


@dataclass(frozen=True)
class Document:
    """What is known about one document at this moment.

    `customer` is the debtor, `recipient` who is written to: a reminder never goes to two of them. `cycle` names the
    claim that is followed up (due date of the oldest unpaid instalment, day a quote was sent): a new cycle starts the
    levels again. `later` are the due dates of the other unpaid instalments (see `in_turn`). `amount` is what is overdue
    in the company's currency, `claim` the same in the document's own, for its customer; `credit` is the part of
    `amount` that the customer's unmatched payments and credit notes cover. After the day it `closes` it is not followed
    up any more; `payment_until`, `debit_until`, `bank_money_until` and `bank_sum_until` are the last days on which
    money that is on its way holds the reminders. `broken_on` is the day of a broken promise that moves the next
    reminder one level up. An old document begins at `first_level`, or counts from the day `start_on`; `approved` names
    the level that a person let go (see `approval_key`). `window` holds where the recipient is, None as the company's.
    """

    key: int
    customer: int
    policy: Policy
    cycle: str
    recipient: int = 0
    due: date | None = None
    later: tuple[date, ...] = ()
    oldest: date | None = None  # the due date from which on something is owed, when it is another instalment's turn
    sent: date | None = None
    answer: date | None = None
    expiry: date | None = None
    closes: date | None = None
    broken_on: date | None = None
    start_on: date | None = None
    first_level: int = 0
    approved: str = ""
    window: SendWindow | None = None
    amount: float = 0.0
    claim: float = 0.0
    credit: float = 0.0
    auto_enabled: bool = True
    paid: bool = False
    in_payment: bool = False
    reversed: bool = False
    cancelled: bool = False
    signed: bool = False
    refused: bool = False
    opted_out: bool = False
    answered: bool = False
    answer_pending: bool = False
    disputed: bool = False
    promised_until: date | None = None
    partly_kept_until: date | None = None
    plan_until: date | None = None
    promise_broken: bool = False
    handed_over: bool = False
    last_on: date | None = None
    waiting_channel: str = ""
    payment_until: date | None = None
    debit_until: date | None = None
    bank_money_until: date | None = None
    bank_sum_until: date | None = None
    bank_stale: bool = False
    no_recipient: bool = False
    no_phone: bool = False
    do_not_contact: bool = False
    undelivered: bool = False
    not_arrived: bool = False
    other_followup: bool = False
    in_flight: bool = False

    @property
    def owed_since(self) -> date | None:
        """The due date of the oldest unpaid instalment."""
        return self.oldest or self.due

    @property
    def credit_claim(self) -> float:
        """The credit in the document's currency."""
        return self.claim * self.credit / self.amount if self.amount else 0.0


@dataclass(frozen=True)
class Step:
    """A reminder that went out, or is going out."""

    document: int
    customer: int
    cycle: str
    sequence: int
    sent_at: datetime
    recipient: int = 0


@dataclass(frozen=True)
class Decision:
    """`send` now at `level`, or not: `why` says why not and `at` from when on it may be, if that is known."""

    document: Document
    level: Level | None = None
    send: bool = False
    at: datetime | None = None
    why: Why | None = None

    @property
    def is_final(self) -> bool:
        """Whether this ends the follow-up."""
        return self.why in STOPS


def decide(documents: Iterable[Document], history: Iterable[Step], window: SendWindow, now: datetime) -> list[Decision]:
    """One decision for each document, in the order given.

    Keeps at most one reminder per recipient and local day: the group of documents that has waited longest goes first.
    """
    by_customer = defaultdict(list)
    for step in history:
        by_customer[step.customer].append(step)
    waiting, decisions = defaultdict(list), {}
    for document in documents:
        decision = _decide_alone(document, by_customer[document.customer], window, now)
        decisions[document.key] = decision
        if decision.send:
            waiting[document.customer, document.recipient].append(decision)
    for (customer, recipient), due in waiting.items():
        read = [step for step in by_customer[customer] if step.recipient == recipient]
        for decision in _one_a_day(due, read, window, now):
            decisions[decision.document.key] = decision
    return list(decisions.values())


def groups_to_send(decisions: Iterable[tuple[object, Decision]]) -> list[list[tuple[object, Decision]]]:
    """Group what is to be sent now: one reminder per recipient, customer, policy and level, or per document.

    `decisions` are pairs of anything and its decision; a group consists of such pairs.
    """
    groups = defaultdict(list)
    for key, decision in decisions:
        if decision.send:
            reader = (decision.document.customer, decision.document.recipient)
            groups[reader, _group(decision)].append((key, decision))
    return list(groups.values())


def stop_reason(document: Document, today: date) -> Why | None:
    """The reason that ends the follow-up of a document for good, if there is one."""
    policy = document.policy
    return next(
        (
            why
            for why, holds in (
                (Why.PAID, document.paid and policy.stop_on_paid),
                (Why.IN_PAYMENT, document.in_payment and policy.stop_on_paid),
                (Why.REVERSED, document.reversed),
                (Why.CANCELLED, document.cancelled),
                (Why.SIGNED, document.signed),
                (Why.REFUSED, document.refused and policy.stop_on_refused),
                (Why.EXPIRED, document.closes is not None and document.closes < today),
                (Why.OPTED_OUT, document.opted_out),
                (Why.ANSWERED, document.answered and policy.stop_on_answer),
                (Why.HANDED_OVER, document.handed_over),
            )
            if holds
        ),
        None,
    )


def hold_reason(document: Document, today: date) -> tuple[Why, date | None] | None:
    """The reason that holds the follow-up of a document, with the first day it no longer holds, if known."""
    policy = document.policy
    left = document.amount - document.credit
    covered = bool(document.credit) and (left <= 0 or _is_small(left, policy))
    return next(
        (
            (why, until)
            for why, holds, until in (
                (Why.SWITCHED_OFF, not policy.enabled, None),
                (Why.NOT_APPROVED, not policy.approved, None),
                (Why.COMPANY_PAUSED, *_through(policy.paused_until, today)),
                (Why.AUTO_OFF, not document.auto_enabled, None),
                (Why.DO_NOT_CONTACT, document.do_not_contact, None),
                (Why.OTHER_FOLLOWUP, document.other_followup, None),  # the other module asks for it
                (Why.IN_FLIGHT, document.in_flight, None),
                (Why.DISPUTED, document.disputed, None),
                (Why.NOT_ARRIVED, document.not_arrived, None),
                (Why.UNDELIVERED, document.undelivered, None),
                (Why.ANSWER_PENDING, document.answer_pending, None),
                (Why.PROMISED, *_through(document.promised_until, today)),
                (Why.PARTLY_KEPT, *_through(document.partly_kept_until, today)),
                (Why.PLAN, *_through(document.plan_until, today)),
                (Why.DIRECT_DEBIT, *_through(document.debit_until, today)),
                (Why.PAYMENT_PENDING, *_through(document.payment_until, today)),
                (Why.BANK_MONEY, *_through(document.bank_money_until, today)),
                (Why.BANK_SUM, *_through(document.bank_sum_until, today)),
                (Why.UNRECONCILED_CREDIT, covered, None),
                (Why.BELOW_MINIMUM, _is_small(left, policy), None),
                (Why.BANK_STALE, document.bank_stale, None),
            )
            if holds
        ),
        None,
    )


def refusal_by_hand(document: Document, history: Sequence[Step], today: date) -> Why | None:
    """Why not even a person may send the next level now."""
    stop = stop_reason(document, today)
    hold = hold_reason(document, today)
    if stop or (hold and hold[0] not in OVERRULED_BY_HAND):
        return stop or hold[0]
    document = in_turn(document, history, today)
    return None if next_level(document, history) else no_level_reason(document, history)


def in_turn(document: Document, history: Sequence[Step], today: date) -> Document:
    """The document with the instalment whose turn it is: the oldest unpaid one; when its reminders are all sent, the
    next one that has fallen due has its own.
    """
    while document.later and document.later[0] < today and _is_exhausted(document, history):
        due, *later = document.later
        document = replace(
            document, cycle=str(due), due=due, later=tuple(later), oldest=document.oldest or document.due
        )
    return document


def _is_exhausted(document: Document, history: Sequence[Step]) -> bool:
    return not next_level(document, history) and no_level_reason(document, history) is Why.EXHAUSTED


def _is_small(amount: float, policy: Policy) -> bool:
    """Whether a claim is not worth a reminder."""
    return amount < policy.minimum_amount or bool(policy.tolerance and amount <= policy.tolerance)


def _through(last: date | None, today: date) -> tuple[bool, date | None]:
    """Whether what ends with the day `last` holds today, and the first day after it."""
    return (today <= last, last + ONE_DAY) if last else (False, None)


def next_level(document: Document, history: Sequence[Step]) -> Level | None:
    """The level after the last one sent in this cycle, one further after a broken promise; levels that the document
    cannot have do not count.
    """
    done = [step.sequence for step in _of_cycle(document, history)]
    if len(done) >= document.policy.max_reminders:
        return None
    left = [level for level in _usable_levels(document) if level.sequence > max(done, default=-1)]
    return next(iter(left[1:] if document.broken_on and left[1:] else left), None)


def no_level_reason(document: Document, history: Sequence[Step]) -> Why:
    """Why no level is left."""
    if document.no_recipient and next_level(replace(document, no_recipient=False), history):
        return Why.NO_RECIPIENT
    return Why.EXHAUSTED if _of_cycle(document, history) else Why.NO_LEVEL


def eligible_day(document: Document, level: Level, history: Sequence[Step], window: SendWindow) -> date:
    """First day on which `level` may go out.

    Never before its own delay, and never closer to the reminder before it than the policy's delays are to each other:
    an outage delays the later levels, it never bunches them. Who has answered gets as long as after a reminder. After a
    broken promise the level's delay has been waited for already.
    """
    days = [document.broken_on + ONE_DAY if document.broken_on else _anchor_day(document, level)]
    if document.answer:
        days.append(document.answer + timedelta(days=document.policy.spacing_days))
    own = [step for step in history if step.document == document.key]
    if own:
        last = max(own, key=lambda step: step.sent_at)
        days.append(window.local_day(last.sent_at) + timedelta(days=_gap(document, level, last)))
    return max(days)


def approval_key(document: Document, level: Level) -> str:
    """What a person approves: this level of this claim, and no other."""
    return f"{document.cycle}/{level.sequence}"


def _anchor_day(document: Document, level: Level) -> date:
    day = getattr(document, level.anchor)
    if document.start_on and level.days >= 0:
        day = max(day, document.start_on)
    return day + timedelta(days=level.days)


def _decide_alone(document: Document, history: Sequence[Step], window: SendWindow, now: datetime) -> Decision:
    window = document.window or window
    today = window.local_day(now)
    stop = stop_reason(document, today)
    if stop:
        return Decision(document, why=stop)
    document = in_turn(document, history, today)
    level = next_level(document, history)
    if level is None:
        return Decision(document, at=_next_turn(document, history, window), why=no_level_reason(document, history))
    day = eligible_day(document, level, history, window)
    hold = hold_reason(document, today)
    if hold:
        why, until = hold
        return Decision(document, level, at=until and window.opening(max(day, until)), why=why)
    if day > today:
        return Decision(document, level, at=window.opening(day), why=Why.NOT_REACHED)
    if level.approval and document.approved != approval_key(document, level):
        return Decision(document, level, why=Why.APPROVAL)
    if not window.is_open(now):
        return Decision(document, level, at=window.next_open(now), why=Why.WINDOW)
    return Decision(document, level, send=True, at=window.opening(day))


def _next_turn(document: Document, history: Sequence[Step], window: SendWindow) -> datetime | None:
    """When the next instalment gets its first reminder, after those of this one have all been sent."""
    after = in_turn(document, history, date.max)
    level = next_level(after, history) if after is not document else None
    return window.opening(max(after.due + ONE_DAY, eligible_day(after, level, history, window))) if level else None


def _one_a_day(due: list[Decision], history: Sequence[Step], window: SendWindow, now: datetime) -> Iterator[Decision]:
    """Let one group of the recipient's due documents pass, and postpone the others to the next working day."""
    today = window.local_day(now)
    last_day = max((window.local_day(step.sent_at) for step in history), default=date.min)
    chosen = None
    if last_day < today:
        first = min(due, key=lambda decision: (decision.at, -decision.level.sequence, decision.document.key))
        chosen = _group(first)
    for decision in due:
        document = decision.document
        if _group(decision) == chosen:
            yield Decision(document, decision.level, send=True, at=now)
        else:
            next_turn = (document.window or window).opening(max(last_day, today) + ONE_DAY)
            yield Decision(document, decision.level, at=next_turn, why=Why.CUSTOMER_DAY)


def _group(decision: Decision) -> tuple:
    policy = decision.document.policy
    return (policy.key, decision.level.sequence, None if policy.grouped else decision.document.key)


def _gap(document: Document, level: Level, last: Step) -> int:
    gap = max(document.policy.spacing_days, 1)
    if document.broken_on:
        return gap
    previous = next((known for known in document.policy.levels if known.sequence == last.sequence), None)
    if last.cycle == document.cycle and previous and previous.anchor == level.anchor:
        gap = max(gap, level.days - previous.days)
    return gap


def _usable_levels(document: Document) -> list[Level]:
    usable = (
        level
        for level in document.policy.levels
        if getattr(document, level.anchor) is not None and not _cannot_have(document, level)
    )
    return sorted(usable, key=lambda level: level.sequence)


def _cannot_have(document: Document, level: Level) -> bool:
    """Whether the document begins later, or its recipient has no address for the level's channel."""
    if level.sequence < document.first_level:
        return True
    return (level.channel == "email" and document.no_recipient) or (level.channel == "sms" and document.no_phone)


def _of_cycle(document: Document, history: Sequence[Step]) -> list[Step]:
    return [step for step in history if step.document == document.key and step.cycle == document.cycle]
