import logging
from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.lokario_base.tools.transaction import own_transaction, retrying
from odoo.addons.lokario_mailbox.tools import worker_locks
from odoo.addons.lokario_mailbox.tools.sent_mailbox import MailboxUnavailable

_logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=20)  # between two looks for evidence
MIN_LOOKS = 2  # absence must be seen twice
UNCERTAIN_AFTER = timedelta(hours=24)  # what cannot be settled for so long is shown to a person
UNFINISHED = [("state", "=", "sent"), ("mail_id.state", "=", "outgoing")]  # accepted, the paperwork is missing


class Delivery(models.Model):
    """After a crash: what became of a mail is settled by evidence from the mailbox, never by sending again."""

    _inherit = "lokario.delivery"

    @api.model
    def _cron_settle(self):
        """Settle what a dead worker left, by evidence from the mailbox; nothing is sent again on a guess."""
        with worker_locks.WorkerLocks(self.env, worker_locks.MAIL) as locks:
            for delivery in self.search(["|", ("state", "=", "sending"), *UNFINISHED]):
                for mail_id in locks.take(delivery.mail_id.ids):
                    delivery._step(type(self)._settle)
                    self.env["lokario.followup"]._commit_progress(1)
                    locks.release([mail_id])
        now = fields.Datetime.now()
        for delivery in self.search([("state", "=", "uncertain"), ("next_try_at", "<=", now)]):
            evidence = delivery._evidence()
            delivery._step(lambda mine, evidence=evidence: mine._take_evidence(evidence))
            if not self.env["lokario.followup"]._commit_progress(1):
                break

    def _step(self, act):
        """Record in a transaction of its own, again after a lost race; what fails for one delivery stops no other."""

        def step():
            with own_transaction(self) as mine:
                act(mine)

        try:
            retrying(step)
        except Exception:
            _logger.exception("Delivery %s could not be settled", self.id)

    def _settle(self):
        """The worker died: before the hand-over, after it, or between the 250 and its paperwork."""
        self.filtered(lambda delivery: delivery.state == "sending")._recover()
        self.filtered_domain(UNFINISHED).mail_id._finish_accepted()

    def _recover(self):
        """Before the hand-over nothing had left; after it, only the mailbox knows."""
        for delivery in self:
            if delivery.handed_over_at:
                delivery.mail_id._wait(delivery, "uncertain", 1, self.env._("The sending was interrupted."))
            else:
                delivery._queue_again()

    def _queue_again(self):
        self._set_queued()
        self.mail_id.write({"state": "outgoing", "scheduled_date": False})
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    def _settle_sent(self, answer):
        self._set_accepted(answer)
        self.mail_id._finish_accepted()

    def _evidence(self):
        """Ask the mailbox whether the mail left; None when it cannot say."""
        if self.route != "mailbox" or not self.integration_id or self._has_siblings():
            return None
        try:
            return self.integration_id._find_evidence__(self.message_id)
        except MailboxUnavailable:
            return None

    def _take_evidence(self, evidence):
        """Send again only what the mailbox proves not to have left."""
        if self.state != "uncertain":  # somebody was faster
            return
        if evidence is None:
            self._look_later()
            return
        if evidence == "present":
            self.integration_id.evidence_proven_at = fields.Datetime.now()
            self._settle_sent(self.env._("Found in the mailbox after an interruption"))
            return
        self.evidence_looks += 1
        waited = (fields.Datetime.now() - self.handed_over_at).total_seconds()
        grace = self.integration_id._evidence_grace()
        if self.integration_id._evidence_is_proven() and waited >= grace and self.evidence_looks >= MIN_LOOKS:
            self._queue_again()
        else:
            self._look_later()

    def _look_later(self):
        """What stays unclear for a day is shown to a person, once."""
        at = fields.Datetime.now() + LOOK_EVERY
        self.next_try_at = at
        self.env.ref("lokario_billing.ir_cron_settle_deliveries").sudo()._trigger(at)
        since = self.handed_over_at or self.create_date
        if not self.told_uncertain and (
            self.route != "mailbox" or self._has_siblings() or since < fields.Datetime.now() - UNCERTAIN_AFTER
        ):
            self.told_uncertain = True
            self._ask_somebody(self.cause)
