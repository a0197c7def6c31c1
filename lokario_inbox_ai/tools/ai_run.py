"""One run over the questions to models: every company has a worker of its own."""

from odoo.fields import Domain

from odoo.addons.lokario_mailbox.tools.dispatcher import Worker
from odoo.addons.lokario_mailbox.tools.worker_run import WorkerRun


class AiRun(WorkerRun):
    """Every question is put once a run; those behind a model that is down wait for the next run."""

    owner = "company_id"
    order = "next_try_at, id"
    batch = 50

    def __init__(self, decisions):
        super().__init__(decisions)
        self._begun, self._briefs = set(), {}

    def _due_domain(self):
        return self._model._due_domain() & Domain("id", "not in", self._begun)

    def _worker(self, company, decisions):
        self._begun.update(decisions.ids)
        return Worker(None, decisions.ids, self._prepare, lambda _left: self._at_work.discard(company.id))

    def _prepare(self, decision_id):
        question = self._model.browse(decision_id)._prepare_question()
        if question:
            self._briefs[decision_id] = question.brief
        else:
            self._progress(1)
        return question

    def _record(self, decision_id, outcome):
        self._model.browse(decision_id)._take_outcome(outcome, self._briefs.pop(decision_id))
        self._progress(1)
