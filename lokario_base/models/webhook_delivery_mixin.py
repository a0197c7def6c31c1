import json
import uuid
from datetime import timedelta

from odoo import api, fields, models

from ..tools.standard_webhooks import BadSecret
from ..tools.webhook_client import DeliveryFailed, ReceiverGone

# Seconds until the next try: the schedule standardwebhooks.com recommends
RETRIES = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
LOG_DAYS = 30
STATES = [("pending", "Waiting"), ("sent", "Delivered"), ("failed", "Given up")]


class WebhookDeliveryMixin(models.AbstractModel):
    """One delivery to a target: what was sent, how often, with what answer.

    The addon's model adds ``target_id``, a unique index on ``message_id``, and names ``STATES`` once more: Odoo
    translates the words of a selection in the addon that names them.
    """

    _name = "lokario.webhook.delivery.mixin"
    _inherit = ["lokario.state.mixin", "lokario.access.mixin"]
    _description = "Webhook Delivery"
    _transitions = {"pending": {"pending", "sent", "failed"}, "sent": {"pending"}, "failed": {"pending"}}

    message_id = fields.Char(required=True, readonly=True, default=lambda self: f"msg_{uuid.uuid4().hex}")
    body = fields.Text(required=True, readonly=True)
    state = fields.Selection(STATES, required=True, default="pending", readonly=True)
    attempts = fields.Integer(readonly=True)
    next_try_at = fields.Datetime(readonly=True, default=fields.Datetime.now)
    answer = fields.Char(readonly=True)
    answer_body = fields.Text("Answer's Text", readonly=True, help="Its beginning, with secrets masked.")

    @api.model
    def _add(self, target, payload, **values):
        """Have ``payload`` delivered to ``target``."""
        return self.create({"target_id": target.id, "body": json.dumps(payload), **values})

    def action_retry(self):
        self.check_access("write")
        self.target_id._check_active()
        self._set_pending()

    def _set_pending(self):
        self.sudo()._set_state("pending", attempts=0, next_try_at=fields.Datetime.now())

    def _set_sent(self, answer):
        self.sudo()._set_state("sent", answer=answer)

    def _set_failed(self, answer):
        self.sudo()._set_state("failed", answer=answer)

    @api.model
    def _due(self, limit):
        """Hook: return what is to be delivered now, in the order in which it is."""
        waiting = [("state", "=", "pending"), ("target_id.active", "=", True)]
        due = [*waiting, ("next_try_at", "<=", fields.Datetime.now())]
        return self.search(due, limit=limit, order="next_try_at")

    @api.model
    def _deliver_due(self, limit=200):
        """Deliver what is due; a target that fails stops no other.

        :return: whether there was anything
        """
        due = self._due(limit)
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(due))
        for delivery in due:
            delivery.try_lock_for_update().filtered(self._is_due)._deliver()
            if not commit_progress(1):
                return False
        return bool(due)

    @api.model
    def _is_due(self, delivery):
        """Whether it is still: others may have delivered or put it off, or its receiver may be gone meanwhile."""
        is_due = delivery.state == "pending" and delivery.next_try_at <= fields.Datetime.now()
        return is_due and delivery.target_id.active

    def _deliver(self):
        """Send the deliveries; the outcome is stored, never raised. Their ids let the receiver know repeats."""
        for delivery in self:
            delivery.attempts += 1
            try:
                client = delivery.target_id._get_client__()
                status, delivery.answer_body = client.deliver(delivery.message_id, delivery.body.encode())
            except ReceiverGone as error:
                delivery.answer_body = error.text
                delivery._set_failed(str(error))
                delivery.target_id._set_gone()
            except DeliveryFailed as error:
                delivery.answer_body = error.text
                delivery._try_later(str(error))
            except BadSecret as error:
                delivery._set_failed(str(error))
            else:
                delivery._set_sent(f"HTTP {status}")

    def _try_later(self, answer):
        if self.attempts > len(RETRIES):
            self._set_failed(answer)
            return
        wait = timedelta(seconds=RETRIES[self.attempts - 1])
        self.write({"answer": answer, "next_try_at": fields.Datetime.now() + wait})

    @api.autovacuum
    def _gc_deliveries(self):
        """The log is kept for a month."""
        if self._abstract:
            return 0, False
        old = self.search([("state", "!=", "pending"), ("create_date", "<", f"-{LOG_DAYS}d")], limit=10_000)
        old.unlink()
        return len(old), len(old) == 10_000
