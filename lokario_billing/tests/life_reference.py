"""A simple reference of the follow-ups, written from what they promise and not from their code.

It knows one debtor's invoice and quote by heart: who may be written to, when, with which sum. Days are dates.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

ONE = timedelta(days=1)
SPACING = 5  # days between two reminders of a document, at least
TOLERANCE = 1.0
INVOICE_LEVELS = {1: ("due", 7), 2: ("due", 14), 3: ("due", 21)}
QUOTE_LEVELS = {1: ("sent", 7), 2: ("sent", 14), 3: ("expiry", -3)}
MOST = 3  # reminders of one claim
BANK_DAYS = 30
QUOTE_LIFE = 90


@dataclass
class Person:
    """Somebody of a customer (`firm`), or the firm itself."""

    firm: str
    email: str
    active: bool = True

    @property
    def reachable(self):
        return bool(self.active and self.email)


@dataclass
class Reminder:
    cycle: date
    level: int
    day: date
    address: str
    failed: bool = False


@dataclass
class Promise:
    day: date
    left: float


@dataclass
class Paper:
    """What an invoice and a quote have in common."""

    partner: str
    levels: dict
    arrived: bool = True
    disputed: bool = False
    answer_waits: bool = False
    answered_on: date | None = None
    switched_on: bool = True
    promises: list = field(default_factory=list)
    reminders: list = field(default_factory=list)

    def counted(self):
        return [reminder for reminder in self.reminders if not reminder.failed]


@dataclass
class Invoice(Paper):
    posted: bool = True
    parts: list = field(default_factory=list)  # [due date, still to be paid], the oldest first

    def left(self):
        return sum(left for _due, left in self.parts) if self.posted else 0.0

    def open_parts(self):
        return [(due, left) for due, left in self.parts if left > 0]

    def anchors(self):
        return {"due": self.open_parts()[0][0]} if self.posted and self.open_parts() else None

    def pay(self, amount):
        for part in self.parts:
            paid = min(part[1], amount)
            part[1] = round(part[1] - paid, 2)
            amount = round(amount - paid, 2)


@dataclass
class Quote(Paper):
    state: str = "sent"  # sent | draft | sale
    sent: date | None = None
    validity: date | None = None
    total: float = 0.0

    def left(self):
        return self.total

    def anchors(self):
        found = {"sent": self.sent}
        if self.validity:
            found["expiry"] = self.validity
        return found if self.state == "sent" else None


class Reference:
    def __init__(self, people: dict[str, Person], invoice: Invoice, quote: Quote, today: date):
        self.people, self.invoice, self.quote, self.today = people, invoice, quote, today
        self.credit, self.bank, self.closed_until = Counter(), {}, None

    def expected(self):
        """Return who is written to today: {(address, paper, level, sum)}. One reminder a reader and day."""
        due = [found for paper in (self.invoice, self.quote) if (found := self._due(paper))]
        by_reader = {}
        for since, paper, level, reader, amount in due:
            by_reader.setdefault((self.people[paper.partner].firm, reader), []).append((since, paper, level, amount))
        chosen = set()
        for (_firm, reader), waiting in by_reader.items():
            since, paper, level, amount = min(waiting, key=lambda each: (each[0], -each[2], each[1] is self.quote))
            chosen.add((self.people[reader].email, "invoice" if paper is self.invoice else "quote", level, amount))
        return chosen

    def remind(self, paper, level):
        cycle = self._cycle(paper)
        paper.reminders.append(Reminder(cycle, level, self.today, self.people[self.reader(paper)].email))

    def holds_bank_money(self):
        return self.bank.get(self.people[self.invoice.partner].firm, date.min) >= self.today

    def reader(self, paper):
        """The document's own contact; for an invoice whose contact cannot be reached, his firm."""
        firm = self.people[paper.partner].firm
        if paper is self.invoice:
            return next((key for key in (paper.partner, firm) if self.people[key].reachable), paper.partner)
        return paper.partner

    def _cycle(self, paper):
        """The day that names what is asked for: the oldest unpaid part, then the next one once all was said of it."""
        if paper is self.quote:
            return paper.sent
        cycle, *others = [due for due, _left in paper.open_parts()]
        for due in others:
            said = self._said(paper, cycle)
            if due >= self.today or not (len(said) >= MOST or max(paper.levels) in said):
                break
            cycle = due
        return cycle

    def _said(self, paper, cycle):
        return [reminder.level for reminder in paper.counted() if reminder.cycle == cycle]

    def _due(self, paper):
        anchors = paper.anchors()
        if anchors is None or not paper.switched_on or paper.disputed or paper.answer_waits:
            return None
        if self.closed_until and self.today <= self.closed_until:
            return None
        reader = self.reader(paper)
        if not self.people[reader].reachable or self._has_failed(paper, reader) or self._promised(paper):
            return None
        amount = self._amount(paper)
        if amount is None:
            return None
        step = self._step(paper, anchors)
        if not step or step[1] > self.today:
            return None
        return step[1], paper, step[0], reader, round(amount, 2)

    def _amount(self, paper):
        """What is asked for; None when it is too little, covered, on its way or never arrived."""
        if paper is self.quote:
            last = paper.validity or paper.sent + timedelta(days=QUOTE_LIFE)
            return paper.total if self.today <= last else None
        if not paper.arrived or self.holds_bank_money():
            return None
        left = self._overdue(paper) - self._covered(paper)
        return left if left > TOLERANCE else None

    def _overdue(self, paper):
        return sum(left for due, left in paper.open_parts() if due < self.today)

    def _covered(self, paper):
        """What the firm's unmatched money covers of an invoice."""
        credit = self.credit[self.people[paper.partner].firm]
        return min(credit, self._overdue(paper)) if credit > TOLERANCE else 0.0

    def left_to_pay(self, invoice):
        return invoice.left() - self._covered(invoice)

    def _has_failed(self, paper, reader):
        last = paper.reminders[-1:]
        return bool(last and last[0].failed and last[0].address == self.people[reader].email)

    def _promised(self, paper):
        if any(promise.day >= self.today for promise in paper.promises):
            return True
        partly = [p.day for p in paper.promises if self._outcome(paper, p) == "partly"]
        return bool(partly) and self.today <= max(partly) + timedelta(days=SPACING)

    def _outcome(self, paper, promise):
        paid = promise.left - self.left_to_pay(paper)
        if paid + TOLERANCE >= promise.left:
            return "kept"
        return "partly" if paid > TOLERANCE else "broken"

    def _broken_on(self, paper):
        broken = [p.day for p in paper.promises if p.day < self.today and self._outcome(paper, p) == "broken"]
        if len(broken) < 2 or any(reminder.day > max(broken) for reminder in paper.reminders):
            return None
        return max(broken)

    def _step(self, paper, anchors):
        """Return (level, first day) of the next reminder."""
        cycle, broken = self._cycle(paper), self._broken_on(paper)
        done = self._said(paper, cycle)
        if paper is self.invoice:
            anchors = {"due": cycle}
        left = [
            level
            for level, (anchor, _days) in sorted(paper.levels.items())
            if anchor in anchors and level > max(done, default=0)
        ]
        if len(done) >= MOST or not left:
            return None
        level = left[1] if broken and left[1:] else left[0]
        anchor, days = paper.levels[level]
        possible = [broken + ONE if broken else anchors[anchor] + timedelta(days=days)]
        if paper.answered_on:
            possible.append(paper.answered_on + timedelta(days=SPACING))
        if paper.counted():
            last = paper.counted()[-1]
            gap = SPACING
            last_anchor, last_days = paper.levels[last.level]
            if not broken and last.cycle == cycle and last_anchor == anchor:
                gap = max(gap, days - last_days)
            possible.append(last.day + timedelta(days=gap))
        return level, max(possible)
