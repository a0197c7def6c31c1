import logging
from collections import defaultdict
from contextlib import contextmanager

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import split_every

from odoo.addons.lokario_mailbox.tools.steps import may_commit

from ..tools import followup_plan

_logger = logging.getLogger(__name__)

OPEN_INVOICES = ("not_paid", "partial", "blocked")
CHUNK = 100  # reminders prepared together; facts are read once for all of them


class Followup(models.Model):
    """The hourly job: plan, claim, check again, send, record."""

    _inherit = "lokario.followup"

    @api.model
    def _cron_process_automatic(self):
        """Send every automatic follow-up that is due.

        Companies take turns and their mails leave together: no bad company, no dead mailbox keeps another one waiting.
        """
        queues = {}
        for company in self.env["res.company"].sudo().search([("followup_enabled", "=", True)]):
            with self._alone(company):
                queues[company] = self.with_company(company)._due_chunks(company)
        queues = {company: chunks for company, chunks in queues.items() if chunks}
        while queues:
            reminders = self.env["lokario.followup.reminder"]
            for company, chunks in queues.items():
                with self._alone(company):
                    reminders |= self.with_company(company).browse(chunks.pop())._claim_due()
                    self._commit_progress()
            stuck = reminders._send_claimed()
            queues = {company: chunks for company, chunks in queues.items() if chunks and company not in stuck}
            if not self._commit_progress(len(reminders)):
                break

    @contextmanager
    def _alone(self, company):
        """What fails in one company is logged and undone."""
        try:
            yield
        except Exception:
            self.env.cr.rollback()
            _logger.exception("Automatic follow-ups of company %s failed", company.id)

    @api.model
    def _due_chunks(self, company):
        """Plan the company and return the ids of what is due, in chunks; the first one is last."""
        self._create_missing(company)
        self._commit_progress()
        groups = self.search(self._to_decide(company))._plan_and_store()
        self._commit_progress(remaining=len(groups))
        chunks = split_every(CHUNK, groups, list)
        return [[followup.id for group in chunk for followup, _decision in group] for chunk in chunks][::-1]

    @api.model
    def _commit_progress(self, processed=0, remaining=None):
        """Commit between the steps of a run; inside a test's own transaction there is nothing to commit."""
        if not may_commit(self.env):
            self.env.flush_all()
            return float("inf")
        return self.env["ir.cron"]._commit_progress(processed, remaining=remaining)

    def _decide(self, now=None, without=None):
        """Return {followup: decision} of follow-ups of one company.

        :param now: naive UTC datetime of the decision, now by default
        :param without: steps that do not count, because they are the ones being decided about
        """
        if not self:
            return {}
        documents = self.with_context(followup_steps_aside=without.ids if without else [])._plan_documents()
        decisions = followup_plan.decide(
            documents.values(),
            self._plan_history(without),
            self.company_id._followup_window(),
            now or fields.Datetime.now(),
        )
        return {self.browse(decision.document.key): decision for decision in decisions}

    def _plan_and_store(self):
        """Store every decision and return the groups that are due: lists of (followup, decision)."""
        decisions = self._decide()
        levels = {}
        for followup, decision in decisions.items():
            followup._apply_decision(decision, followup._level_of(decision, levels))
        return _groups(decisions)

    def _level_of(self, decision, levels):
        if not decision.level:
            return self.env["lokario.followup.level"]
        key = (self._policy_in_force(), decision.level.sequence)
        if key not in levels:
            levels[key] = self.env["lokario.followup.level"]._of_decision(self, decision)
        return levels[key]

    def _refresh_plan(self):
        """Whoever changed something: the decision sees everything."""
        for followups in self.sudo().grouped("company_id").values():
            followups._plan_and_store()

    def _claim_due(self):
        """Claim what is still due, under lock."""
        groups = _groups(self.try_lock_for_update()._decide())
        return self.env["lokario.followup.reminder"]._prepare(groups)

    def _send_by_hand(self):
        """Send the next level at once: no waiting for its day, but every stop and hold is respected."""
        self.ensure_one()
        documents = self._plan_documents()
        document = documents[self]
        history = self._plan_history()
        today = self.company_id._followup_today()
        reasons = dict(self._fields["why"]._description_selection(self.env))
        stop = followup_plan.stop_reason(document, today)
        hold = followup_plan.hold_reason(document, today)
        if stop or (hold and hold[0] not in BY_HAND):
            raise UserError(self.env._("Not sent: %(reason)s.", reason=reasons[(stop or hold[0]).value]))
        level = followup_plan.next_level(document, history)
        if level is None:
            reason = reasons[followup_plan.no_level_reason(document, history).value]
            raise UserError(self.env._("Not sent: %(reason)s.", reason=reason))
        decision = followup_plan.Decision(document, level, send=True)
        reminder = self.env["lokario.followup.reminder"]._prepare([[(self, decision)]])
        reminder.by_hand = True
        reminder.mail_id.sudo().send_after_commit()
        self._refresh_plan()
        return reminder

    # === KEEPING UP WITH THE DOCUMENTS === #

    @api.model
    def _to_decide(self, company):
        """Return the domain of what is decided each hour: the end of an open document's follow-up may not be the last
        word (posted again, sent again, extended, the next instalment, a payment that came back).
        """
        may_come_back = fields.Domain("closed_by_hand", "=", False) & (
            fields.Domain("move_id", "any", [("state", "=", "posted"), ("payment_state", "in", OPEN_INVOICES)])
            | fields.Domain("order_id", "any", [("state", "=", "sent")])
        )
        return fields.Domain("company_id", "=", company.id) & (fields.Domain("state", "!=", "done") | may_come_back)

    @api.model
    def _create_missing(self, company):
        """Give every open invoice and every quote that was sent its follow-up."""
        moves = self.env["account.move"].search(
            [
                ("company_id", "=", company.id),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("payment_state", "in", OPEN_INVOICES),
                ("followup_ids", "=", False),
            ]
        )
        orders = self.env["sale.order"].search(
            [
                ("company_id", "=", company.id),
                ("state", "=", "sent"),
                ("followup_ids", "=", False),
            ]
        )
        self._create_for([*moves, *orders])

    @api.model
    def _create_for(self, documents):
        """Create the follow-ups of documents; one that has none by its own fault costs the others nothing."""
        quiet = self.with_context(tracking_disable=True, mail_create_nolog=True, mail_create_nosubscribe=True)
        try:
            with self.env.cr.savepoint():
                quiet.create([document._followup_values() for document in documents])
        except (UserError, ValueError) as error:  # inconsistent companies, say
            if len(documents) == 1:
                self._report_unfollowed(documents[0], error)
                return
            half = len(documents) // 2
            self._create_for(documents[:half])
            self._create_for(documents[half:])

    @api.model
    def _report_unfollowed(self, document, error):
        """Give the document's responsible person the cause, once."""
        seller = document.invoice_user_id if document._name == "account.move" else document.user_id
        user = document.company_id._person_for(document, seller)
        if not user:
            return
        summary = self.with_context(lang=user.lang).env._("This document cannot be followed up")
        known = document.activity_search(["mail.mail_activity_data_warning"], user_id=user.id)
        if summary not in known.mapped("summary"):
            document.activity_schedule(
                "mail.mail_activity_data_warning", summary=summary, note=str(error), user_id=user.id
            )


# holds that a person may overrule by pressing the button
BY_HAND = frozenset(
    ["switched_off", "not_approved", "auto_off", "below_minimum", "bank_stale", "undelivered", "not_arrived"]
)


def _groups(decisions):
    """Group what is to be sent: one reminder per recipient, customer, policy and level, or per document."""
    groups = defaultdict(list)
    for followup, decision in decisions.items():
        if decision.send:
            document = decision.document
            own = None if document.policy.grouped else document.key
            reader = (document.customer, document.recipient)
            groups[*reader, document.policy.key, decision.level.sequence, own].append((followup, decision))
    return list(groups.values())
