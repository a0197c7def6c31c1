"""What a person has to do about a document now, read from the decision: the groups of the collector's desk."""

from datetime import date, timedelta

from .followup_plan import Decision, Why

WORK = [
    ("answer", "Answers to handle"),
    ("dispute", "Disputes"),
    ("promise", "Broken promises"),
    ("approve", "Notices to approve"),
    ("call", "Calls to make"),
    ("letter", "Letters to post"),
    ("address", "Addresses to correct"),
    ("send", "Invoices to send first"),
    ("match", "Money to match"),
    ("handover", "All reminders sent"),
]
BY_CHANNEL = {"call": "call", "letter": "letter", "registered": "letter"}


def work_of(decision: Decision, today: date) -> str:
    """Return the key of WORK, "" when there is nothing to do.

    Answers, disputes, calls and letters are work whatever holds the reminders; the rest only where these would go on.
    After the last reminder the customer gets the policy's spacing.
    """
    document, why = decision.document, decision.why
    if decision.is_final and why is not Why.EXHAUSTED:
        return ""
    late = bool(document.due) and document.due < today and document.auto_enabled and document.policy.enabled
    rested = not document.last_on or document.last_on + timedelta(days=document.policy.spacing_days) <= today
    unreachable = document.do_not_contact or document.undelivered or why is Why.NO_RECIPIENT
    groups = (
        ("answer", document.answer_pending),
        ("dispute", document.disputed),
        (BY_CHANNEL.get(document.waiting_channel, ""), document.waiting_channel),
        ("approve", why is Why.APPROVAL),
        ("address", late and unreachable),
        ("send", late and document.not_arrived),
        ("match", late and why in (Why.BANK_MONEY, Why.BANK_SUM, Why.UNRECONCILED_CREDIT)),
        ("promise", late and document.promise_broken),
        ("handover", late and rested and why is Why.EXHAUSTED),
    )
    return next((work for work, holds in groups if holds), "")


def proposed_start(late_days: int) -> str:
    """How an old document begins when follow-ups are switched on: as usual, counted from today, or not at all."""
    if late_days > 365:
        return "skip"
    return "today" if late_days > 30 else "usual"
