import logging
from functools import partial
from itertools import chain

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import split_every
from psycopg2 import OperationalError

from odoo.addons.lokario_base.tools.transaction import repeating
from odoo.addons.lokario_mailbox.tools.steps import may_commit

_logger = logging.getLogger(__name__)

OPEN_INVOICES = ("not_paid", "partial", "blocked")
CHUNK = 100  # reminders prepared together; facts are read once for all of them


class FollowupRun(models.AbstractModel):
    """The hourly job: plan, claim, check again, send, record."""

    _name = "lokario.followup.run"
    _description = "Run of the automatic follow-ups"

    @api.model
    def _process_companies(self):
        """Send every automatic follow-up that is due.

        Companies take turns and their mails leave together: no bad company, no dead mailbox keeps another one waiting.
        """
        queues = {}
        for company in self.env["res.company"].sudo()._with_followups():
            queues[company] = self._isolated(company, partial(self._due_chunks, company))
        queues = {company: chunks for company, chunks in queues.items() if chunks}
        while queues:
            reminders = self.env["lokario.followup.reminder"]
            for company, chunks in queues.items():
                due = self.env["lokario.followup"].with_company(company).browse(chunks.pop())
                claimed = self._isolated(company, partial(self._claim, due))
                reminders = reminders.concat(reminders, *(claimed or []))
            stuck = reminders._send_claimed()
            queues = {company: chunks for company, chunks in queues.items() if chunks and company not in stuck}
            if not self._commit_progress(len(reminders)):
                break

    def _isolated(self, company, step):
        """Return what a step of one company returned, None when it failed: that is logged and undone.

        A race that is lost, to people who send the invoice at this moment, is run again in a fresh transaction.
        """
        try:
            return repeating(self.env.cr, step)
        except Exception:
            _logger.exception("Automatic follow-ups of company %s failed", company.id)
            return None

    @api.model
    def _claim(self, followups):
        claimed = self._bisected(followups, lambda part: part._claim_due())
        self._commit_progress()
        return claimed

    @api.model
    def _bisected(self, records, act):
        """Return what `act` returned for follow-ups or documents, or for parts of them: one that fails costs itself."""
        try:
            with self.env.cr.savepoint():
                return [act(records)]
        except OperationalError:  # a lost race: the whole step again
            raise
        except Exception as error:
            self.env.invalidate_all()
            if len(records) == 1:
                if not isinstance(error, UserError):  # that one says what to do
                    _logger.exception("Follow-up of %s failed", records[0])
                self._report_unfollowed(records[0], error)
                return []
            half = len(records) // 2
            return [*self._bisected(records[:half], act), *self._bisected(records[half:], act)]

    @api.model
    def _due_chunks(self, company):
        """Plan the company and return the ids of what is due, in chunks; the first one is last."""
        self.with_company(company)._create_missing(company)
        self._commit_progress()
        followups = self.env["lokario.followup"].with_company(company).search(self._to_decide(company))
        groups = [*chain.from_iterable(self._bisected(followups, lambda part: part._plan_and_store()))]
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

    # === KEEPING UP WITH THE DOCUMENTS === #

    @api.model
    def _to_decide(self, company):
        """Return the domain of what is decided each hour: the end of an open document's follow-up may not be the last
        word (posted again, sent again, extended, the next instalment, a payment that came back).
        """
        may_come_back = fields.Domain("closed_by_hand", "=", False) & (
            fields.Domain("move_id", "any", self._open_invoices()) | fields.Domain("order_id.state", "=", "sent")
        )
        return fields.Domain("company_id", "=", company.id) & (fields.Domain("state", "!=", "done") | may_come_back)

    @api.model
    def _open_invoices(self):
        """Return the domain of invoices of which something may be due; a payment under way may be one of a part."""
        partly = fields.Domain("payment_state", "=", "in_payment") & fields.Domain("amount_residual", ">", 0)
        return fields.Domain([("move_type", "=", "out_invoice"), ("state", "=", "posted")]) & (
            fields.Domain("payment_state", "in", OPEN_INVOICES) | partly
        )

    @api.model
    def _create_missing(self, company):
        """Give every open invoice and every quote that was sent its follow-up."""
        own = fields.Domain([("company_id", "=", company.id), ("followup_ids", "=", False)])
        moves = self.env["account.move"].search(own & self._open_invoices())
        orders = self.env["sale.order"].search(own & fields.Domain("state", "=", "sent"))
        if documents := [*moves, *orders]:
            self._bisected(documents, self._create_for)

    @api.model
    def _create_for(self, documents):
        quiet = {"tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True}
        values = [document._followup_values() for document in documents]
        self.env["lokario.followup"].with_context(**quiet).create(values)

    @api.model
    def _report_unfollowed(self, record, error):
        """Give the responsible person of a document or of its follow-up the cause, once."""
        document = (record._document() if record._name == "lokario.followup" else record) or record
        seller = document["invoice_user_id" if "invoice_user_id" in document else "user_id"]
        user = document.company_id._person_for(document, seller)
        if not user:
            return
        summary = self.with_context(lang=user.lang).env._("This document cannot be followed up")
        activity = "mail.mail_activity_data_warning"
        known = document.activity_search([activity], user_id=user.id)
        if summary not in known.mapped("summary"):
            document.activity_schedule(activity, summary=summary, note=str(error), user_id=user.id)
