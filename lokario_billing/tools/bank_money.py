"""Money on the bank statement that is not matched yet, and the invoices that it may pay."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

LONGEST_REFERENCE = 8  # words; banks cut references into pieces


@dataclass
class BankMoney:
    """What came in and is not matched; the days are the last ones on which it holds reminders."""

    customers: dict[int, date] = field(default_factory=dict)
    references: dict[str, date] = field(default_factory=dict)
    amounts: dict[float, date] = field(default_factory=dict)  # of lines that name no customer

    def add(self, customer: int, amount: float, text: str, until: date) -> None:
        """Count a line of the statement; `customer` is 0 when it names none. The latest `until` comes last."""
        self.references |= dict.fromkeys(references(text), until)
        if customer:
            self.customers[customer] = until
        else:
            self.amounts[round(amount, 2)] = until

    def last_day_for(self, customer: int, names: Iterable[str]) -> date | None:
        """Return the last day on which money that names an invoice, or its customer, holds it."""
        days = [self.customers.get(customer), *(self.references.get(plain(name)) for name in names if name)]
        return max(filter(None, days), default=None)

    def last_day_of_sum(self, amounts: Iterable[float]) -> date | None:
        """Return the last day on which money that names nobody holds every invoice of its sum."""
        days = (self.amounts.get(round(amount, 2)) for amount in amounts)
        return max(filter(None, days), default=None)


def plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).upper()


def references(text: str) -> Iterator[str]:
    """Yield every run of words, written without anything between them."""
    words = [word for word in map(plain, text.split()) if word]
    for start in range(len(words)):
        for end in range(start + 1, min(start + LONGEST_REFERENCE, len(words)) + 1):
            yield "".join(words[start:end])
