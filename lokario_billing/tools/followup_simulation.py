"""Dry run: what the hourly job will do over the next days, computed by the very decision the job uses."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from odoo.addons.lokario_base.tools.send_window import SendWindow

from .followup_plan import Decision, Document, Step, decide

TICK = timedelta(hours=1)


@dataclass(frozen=True)
class Forecast:
    """`sent` are the reminders that will go out (`at` = the hourly run that sends them), `silent` the last word on
    every document, with the reason why nothing more is planned for it."""

    sent: tuple[Decision, ...]
    silent: tuple[Decision, ...]


def simulate(
    documents: Iterable[Document], history: Iterable[Step], window: SendWindow, start: datetime, days: int = 90
) -> Forecast:
    """Play the hourly job from `start` (naive UTC) over `days`, if there is no payment, answer or change."""
    portfolios, past = defaultdict(list), defaultdict(list)
    for document in documents:
        portfolios[document.customer].append(document)
    for step in history:
        past[step.customer].append(step)
    sent, silent = [], []
    for customer, portfolio in portfolios.items():
        forecast = _simulate_customer(portfolio, past[customer], window, start, start + timedelta(days=days))
        sent += forecast.sent
        silent += forecast.silent
    sent.sort(key=lambda decision: (decision.at, decision.document.key))
    return Forecast(tuple(sent), tuple(silent))


def _simulate_customer(portfolio, history, window, start, end) -> Forecast:
    history, sent, now = list(history), [], next_tick(start)
    while True:
        decisions = decide(portfolio, history, window, now)
        for decision in decisions:
            if decision.send:
                sent.append(replace(decision, at=now))
                history.append(_step(decision, now))
        if any(decision.send for decision in decisions):
            continue
        upcoming = [decision.at for decision in decisions if decision.at]
        if not upcoming or min(upcoming) >= end:
            return Forecast(tuple(sent), tuple(decisions))
        now = max(next_tick(min(upcoming)), now + TICK)


def next_tick(instant: datetime) -> datetime:
    """First full hour not before `instant`: the hourly job runs on minute 0."""
    floor = instant.replace(minute=0, second=0, microsecond=0)
    return floor if floor == instant else floor + TICK


def _step(decision: Decision, sent_at: datetime) -> Step:
    document = decision.document
    return Step(document.key, document.customer, document.cycle, decision.level.sequence, sent_at, document.recipient)
