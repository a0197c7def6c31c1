"""French late-payment penalties and recovery indemnity between professionals.

Sources: Code de commerce L441-10 II (ECB refinancing rate in force on 1 January or 1 July plus 10 points; a contractual
rate may not be below three times the legal interest rate; due from the day after the due date without a reminder),
D441-5 (fixed recovery indemnity of 40 EUR). Consumers: L111-8 CPCE (out-of-court recovery costs are not theirs).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
DAYS_PER_YEAR = 365
# ISO codes where the Commercial Code holds as in mainland France: the overseas departments and regions (Constitution,
# art. 73) and Saint-Barthelemy, Saint-Martin and Saint-Pierre-et-Miquelon (CGCT, LO6213-1, LO6313-1, LO6413-1). New
# Caledonia, French Polynesia and Wallis-et-Futuna have rules of their own.
FRENCH_LAW = frozenset(["FR", "GP", "MQ", "GF", "RE", "YT", "BL", "MF", "PM"])
STATUTORY_MARGIN = Decimal(10)  # points over the ECB refinancing rate
RECOVERY_INDEMNITY = Decimal("40.00")  # EUR per late invoice


@dataclass(frozen=True)
class HalfYearRate:
    """Rates in per cent a year, in force for the half-year that starts on `starts` (1 January or 1 July)."""

    starts: date
    refinancing: Decimal
    legal_interest: Decimal | None = None


@dataclass(frozen=True)
class Balance:
    """Amount still due, tax included, from the day `since` on."""

    since: date
    amount: Decimal


@dataclass(frozen=True)
class PenaltyLine:
    """Penalty of one stretch of days with the same rate and the same amount due; `amount` is not rounded.

    Without a recorded rate nothing is claimed for the stretch: `rate` is None then.
    """

    starts: date
    ends: date
    days: int
    principal: Decimal
    rate: Decimal | None
    amount: Decimal


def half_year_start(day: date) -> date:
    return date(day.year, 1 if day.month <= 6 else 7, 1)


def next_half_year(start: date) -> date:
    return date(start.year, 7, 1) if start.month == 1 else date(start.year + 1, 1, 1)


def penalty_lines(
    balances: Iterable[Balance],
    due: date,
    until: date,
    rates: Iterable[HalfYearRate],
    contractual: Decimal | None = None,
) -> Iterator[PenaltyLine]:
    """Penalty stretch by stretch from the day after `due` to `until`, both included.

    `contractual` is the yearly rate in per cent printed on the invoice; it is raised to three times the legal interest
    rate where it is below that floor. Without it the statutory rate applies.
    """
    known = {rate.starts: rate for rate in rates}
    ordered = sorted(balances, key=lambda balance: balance.since)
    day = due + timedelta(days=1)
    while day <= until:
        start = half_year_start(day)
        changes = [balance.since for balance in ordered if balance.since > day]
        ends = min(until, next_half_year(start) - timedelta(days=1), *(c - timedelta(days=1) for c in changes))
        principal = next((b.amount for b in reversed(ordered) if b.since <= day), Decimal(0))
        if principal > 0:
            rate = _yearly_rate(known, start, contractual)
            days = (ends - day).days + 1
            amount = principal * (rate or 0) * days / (100 * DAYS_PER_YEAR)
            yield PenaltyLine(day, ends, days, principal, rate, amount)
        day = ends + timedelta(days=1)


def late_penalty(
    balances: Iterable[Balance],
    due: date,
    until: date,
    rates: Iterable[HalfYearRate],
    contractual: Decimal | None = None,
) -> Decimal:
    """Penalty in the currency of the balances, rounded once, half up, to the cent."""
    return total(penalty_lines(balances, due, until, rates, contractual))


def total(lines: Iterable[PenaltyLine]) -> Decimal:
    return sum((line.amount for line in lines), Decimal(0)).quantize(CENT, ROUND_HALF_UP)


def half_years_without_rate(lines: Iterable[PenaltyLine]) -> list[date]:
    """First days of the half-years for which nothing could be claimed."""
    return sorted({half_year_start(line.starts) for line in lines if line.rate is None})


def recovery_indemnity(late_invoices: int, business_customer: bool) -> Decimal:
    """40 EUR for each late invoice of a professional, nothing for a consumer."""
    return RECOVERY_INDEMNITY * late_invoices if business_customer else Decimal("0.00")


def _yearly_rate(known: dict[date, HalfYearRate], start: date, contractual: Decimal | None) -> Decimal | None:
    if start not in known:
        return None
    rate = known[start]
    if contractual is None:
        return rate.refinancing + STATUTORY_MARGIN
    floor = 3 * rate.legal_interest if rate.legal_interest is not None else Decimal(0)
    return max(contractual, floor)
