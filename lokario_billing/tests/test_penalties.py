"""Penalties to the cent, against a calculation that goes day by day with exact fractions."""

import random
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from odoo.tests import BaseCase, tagged

from ..tools.penalties import (
    Balance,
    HalfYearRate,
    half_years_without_rate,
    late_penalty,
    penalty_lines,
    recovery_indemnity,
)

RATES = [
    HalfYearRate(date(year, month, 1), Decimal(refinancing), Decimal(legal))
    for year, month, refinancing, legal in (
        (2022, 7, "0.00", "0.77"),
        (2023, 1, "2.50", "2.06"),
        (2023, 7, "4.00", "4.22"),
        (2024, 1, "4.50", "5.07"),
        (2024, 7, "4.25", "4.92"),
        (2025, 1, "3.15", "3.71"),
    )
]
CASES = 2000


def by_the_day(balances, due, until, contractual):
    """Independent oracle: one day at a time, exact fractions, one rounding at the end."""
    total, day = Fraction(0), due + timedelta(days=1)
    while day <= until:
        rate = [r for r in RATES if r.starts <= day][-1]
        yearly = Fraction(rate.refinancing) + 10
        if contractual is not None:
            yearly = max(Fraction(contractual), 3 * Fraction(rate.legal_interest))
        principal = [b.amount for b in balances if b.since <= day]
        total += Fraction(principal[-1] if principal else 0) * yearly / 100 / 365
        day += timedelta(days=1)
    cents, rest = divmod(total * 100, 1)
    return Decimal(int(cents) + (rest >= Fraction(1, 2))) / 100


def random_case(rng):
    due = date(2022, 7, 1) + timedelta(days=rng.randrange(800))
    until = due + timedelta(days=rng.randrange(0, 170))
    amount, balances, since = Decimal(rng.randrange(1, 9_999_999)) / 100, [], due - timedelta(days=30)
    for _payment in range(rng.randrange(1, 4)):
        balances.append(Balance(since, amount))
        since, amount = since + timedelta(days=rng.randrange(1, 90)), (amount * rng.randrange(0, 100) / 100)
        amount = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    contractual = Decimal(rng.randrange(0, 2000)) / 100 if rng.random() < 0.3 else None
    return balances, due, until, contractual


@tagged("post_install", "-at_install")
class TestPenalties(BaseCase):
    def test_two_thousand_cases_to_the_cent(self):
        rng = random.Random(441)
        for _case in range(CASES):
            balances, due, until, contractual = random_case(rng)
            self.assertEqual(
                late_penalty(balances, due, until, RATES, contractual),
                by_the_day(balances, due, until, contractual),
                (balances, due, until, contractual),
            )

    def test_rate_changes_on_the_first_of_july(self):
        lines = list(
            penalty_lines([Balance(date(2024, 1, 1), Decimal(1000))], date(2024, 6, 20), date(2024, 7, 10), RATES)
        )
        self.assertEqual([(line.days, line.rate) for line in lines], [(10, Decimal("14.50")), (10, Decimal("14.25"))])

    def test_a_contractual_rate_has_the_legal_floor(self):
        line = next(
            penalty_lines(
                [Balance(date(2024, 1, 1), Decimal(1000))], date(2024, 2, 1), date(2024, 3, 1), RATES, Decimal(5)
            )
        )
        self.assertEqual(line.rate, Decimal("15.21"))

    def test_no_rate_no_guess(self):
        """The half-year without a rate is left out, the known one is claimed."""
        debt = ([Balance(date(2025, 6, 1), Decimal(1000))], date(2025, 6, 20))
        lines = list(penalty_lines(*debt, date(2025, 8, 2), RATES))
        self.assertEqual(half_years_without_rate(lines), [date(2025, 7, 1)])
        self.assertEqual(sum(line.amount for line in lines), sum(penalty.amount for penalty in lines[:1]))
        self.assertEqual(late_penalty(*debt, date(2025, 8, 2), RATES), late_penalty(*debt, date(2025, 6, 30), RATES))

    def test_forty_euros_between_professionals_only(self):
        self.assertEqual(recovery_indemnity(3, business_customer=True), Decimal(120))
        self.assertEqual(recovery_indemnity(3, business_customer=False), Decimal(0))
