"""One run over the questions to models: every company in a lane of its own, a slow model delays its own only."""

import time

from odoo.fields import Domain

from ..tools.smtp_lanes import Desk, Lane

BATCH = 50  # questions that are taken up together
LONGEST_RUN = 60  # seconds in which a run begins further questions


class AiRun:
    """What one run of the cron has begun: every question once, every company by one lane at a time."""

    def __init__(self, decisions):
        self._decisions = decisions
        self._begun_at = time.monotonic()
        self._begun, self._at_work = set(), set()
        self._questions = {}

    def serve(self):
        Desk(lambda _key: None, self._record).serve(self._further)

    def _further(self, busy):
        """Return the lanes of companies that have something to ask; None when all is done."""
        decisions = self._decisions
        fresh = Domain("id", "not in", self._begun) & Domain("company_id", "not in", self._at_work)
        due = decisions.search(decisions._due_domain() & fresh, limit=BATCH, order="next_try_at, id")
        decisions.env["ir.cron"]._commit_progress(remaining=len(due) + busy)
        if time.monotonic() - self._begun_at > LONGEST_RUN:
            due = decisions
        lanes = [self._lane(company, asked) for company, asked in due.grouped("company_id").items()]
        return lanes if lanes or busy else None

    def _lane(self, company, asked):
        self._at_work.add(company.id)
        self._begun.update(asked.ids)
        return Lane(None, asked.ids, self._prepare, lambda: self._at_work.discard(company.id))

    def _prepare(self, decision_id):
        question = self._decisions.browse(decision_id)._prepare_question()
        self._questions[decision_id] = question
        if question is None:
            self._decisions.env["ir.cron"]._commit_progress(1)
        return question

    def _record(self, decision_id, outcome):
        brief = self._questions.pop(decision_id).brief
        self._decisions.browse(decision_id)._take_outcome(outcome, brief)
        self._decisions.env["ir.cron"]._commit_progress(1)
