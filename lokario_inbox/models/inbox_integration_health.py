import random
from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.lokario_base.tools.transaction import transaction

from ..const import BACKOFF_MAX
from .inbox_integration_oauth import PREFIXES

SLACK = timedelta(seconds=30)  # so that a mailbox is due at the tick, not just after it
ALERT_AFTER = 3  # failures in a row that only time may heal
WARNING = "mail.mail_activity_data_warning"
ALERT_AT_ONCE = ("login", "tls", "policy", "configuration")

STORE_OUTCOMES = """
    UPDATE inbox_integrations i
       SET state = v.state, last_sync_at = v.done_at::timestamp, last_sync_status = v.status,
           last_sync_error = v.error, failure_count = v.failures::int, last_error_class = v.class,
           last_error_at = v.error_at::timestamp, next_sync_at = v.next_at::timestamp,
           lease_token = NULL,
           backfill_pending = EXISTS (
               SELECT 1 FROM inbox_folder f
                WHERE f.integration_id = i.id AND f.sync_enabled AND f.backfill_uid > 0)
      FROM (VALUES %s)
        AS v(id, token, state, done_at, status, error, failures, class, error_at, next_at)
     WHERE i.id = v.id::int AND i.lease_token = v.token
"""
MAKE_HEALTHY_DUE = """
    UPDATE inbox_integrations SET next_sync_at = NULL
     WHERE id IN (SELECT id FROM inbox_integrations
                   WHERE active AND state != 'paused' AND COALESCE(failure_count, 0) = 0 AND lease_token IS NULL
                     AND next_sync_at > %s
                     FOR UPDATE SKIP LOCKED)
"""


class InboxIntegration(models.Model):
    """How the looks at a mailbox ended: its health, when it is due again, whom to tell."""

    _inherit = "inbox.integration"

    def _store_outcomes(self, outcomes, started_at):
        """Health and due time of all finished accounts, in one UPDATE; returns (account, error class) to alert of."""
        before = {i.id: i for i in self.browse([outcome.account_id for outcome in outcomes])}
        rows, alerts = [], []
        for outcome in outcomes:
            integration = before[outcome.account_id]
            rows.append(integration._outcome_row(outcome, started_at))
            if integration._is_alert_due(outcome.error_class):
                alerts.append((integration.id, outcome.error_class))
        self.env.cr.execute_values(STORE_OUTCOMES, rows, page_size=len(rows) or 1)
        self.browse(list(before)).invalidate_recordset()
        return alerts

    def _alert(self, error_class):
        """Tell the owner of a failure, or that nothing is to be done any more."""
        if error_class:
            self._warn_owner(error_class)
        else:
            self._withdraw_warnings()

    def _outcome_row(self, outcome, started_at):
        """A row of STORE_OUTCOMES; what the outcome says nothing about stays as it is."""
        if outcome.error_class == "stopped":  # not looked at: due at once
            changes = {"next_at": self.next_sync_at or started_at}
        elif outcome.error_class:
            changes = self._outcome_failed(outcome, started_at)
        else:
            changes = self._outcome_done(started_at, outcome.warning)
        values = {
            "state": self.state,
            "done_at": self.last_sync_at or None,
            "status": self.last_sync_status or None,
            "error": self.last_sync_error or None,
            "failures": self.failure_count,
            "class": self.last_error_class or None,
            "error_at": self.last_error_at or None,
            "next_at": None,
            **changes,
        }
        return (self.id, self.env.context["inbox_lease"], *values.values())

    def _outcome_done(self, started_at, warning=""):
        return {
            "state": "connected",
            "done_at": fields.Datetime.now(),
            "status": "success",
            "error": warning[:500] or None,
            "failures": 0,
            "class": None,
            "next_at": started_at + timedelta(minutes=max(self.sync_interval_minutes, 1)) - SLACK,
        }

    def _outcome_failed(self, outcome, started_at):
        failures = self.failure_count + 1
        base = max(self.sync_interval_minutes, 1) * 60
        if outcome.error_class in ("login", "configuration"):
            base *= 3  # a locked-out login is not helped by knocking
        seconds = min(base * 2 ** min(failures - 1, 10), BACKOFF_MAX)
        return {
            "state": "error",
            "status": "error",
            "error": outcome.error[:500],
            "failures": failures,
            "class": outcome.error_class,
            "error_at": fields.Datetime.now(),
            "next_at": started_at + timedelta(seconds=seconds * random.uniform(0.8, 1.2)) - SLACK,  # noqa: S311
        }

    def _is_alert_due(self, error_class):
        """Whether this is the failure after which the owner is asked (once for each cause), or a recovery."""
        if error_class in ("", "stopped"):
            return not error_class and self.state == "error"
        if error_class in ALERT_AT_ONCE:
            return not self.failure_count or self.last_error_class != error_class
        return self.failure_count + 1 == ALERT_AFTER

    # === ALL MAILBOXES TOGETHER === #

    @api.model
    def _make_healthy_due(self):
        """Have every mailbox looked at by the next run, but for those in back-off, paused or being looked at."""
        with transaction(self.env) as cr:
            cr.execute(MAKE_HEALTHY_DUE, [fields.Datetime.now()])

    @api.model
    def _all_fail(self):
        """Whether there are mailboxes to synchronise and none of them works."""
        mailboxes = self.sudo()
        return bool(mailboxes.search_count([("state", "=", "error")], limit=1)) and not mailboxes.search_count(
            [("state", "=", "connected")], limit=1
        )

    # === THE OWNER IS ASKED, EVERYBODY SEES WHY === #

    def _warn_owner(self, error_class):
        """Schedule an activity for the owner, in his language, unless he has one for this already."""
        mailbox = self.with_context(lang=self.user_id.lang, mail_activity_quick_update=True)
        if error_class == "login":
            summary = mailbox.env._("Enter the password of %s again", self.email_address)
        else:
            summary = mailbox.env._("The mailbox %s does not work", self.email_address)
        if summary not in mailbox.activity_ids.mapped("summary"):
            mailbox.activity_schedule(
                WARNING, summary=summary, note=mailbox._error_remedy(error_class), user_id=self.user_id.id
            )

    def _withdraw_warnings(self):
        """The mailbox works again: nobody needs to do anything, unless its sending is still held."""
        self.filtered(lambda mailbox: not mailbox.sending_hold_until).activity_unlink([WARNING])

    def _is_unconnected(self):
        """Whether nobody has entered a password or gone through the provider's consent yet."""
        self.ensure_one()
        if self.auth_method == "password":
            return not self.email_password
        return not self[f"{PREFIXES[self.auth_method]}_refresh_token"]

    def _reading_problem(self):
        """Return why new mail is missing, in the words of who works with the mailbox; "" when all is well."""
        self.ensure_one()
        if self.state == "draft" and self._is_unconnected():
            return self.env._("Not connected yet: its owner, %s, opens it and connects it.", self.user_id.sudo().name)
        if self.state != "error":
            return ""
        if self.last_error_class == "login":
            return self.env._(
                "The server refuses the password. Its owner, %s, is asked to enter it again.", self.user_id.sudo().name
            )
        return self._error_remedy(self.last_error_class)

    def _sending_problem(self):
        """Return why mails wait in the mailbox, in the words of who works with it; "" when they leave."""
        self.ensure_one()
        if not self.sending_hold_until or self.sending_hold_until <= fields.Datetime.now():
            return ""
        reasons = {
            "login": self.env._(
                "Sending waits: the server refuses the password. The owner, %s, is asked to enter it again.",
                self.user_id.sudo().name,
            ),
            "tls": self.env._("Sending waits: the certificate of the outgoing server is not valid."),
            "limit": self.env._("Sending waits: the provider's limit is reached; the mails leave by themselves later."),
            "network": self.env._(
                "Sending waits: the outgoing server cannot be reached; the mails leave by themselves later."
            ),
        }
        return reasons[self.sending_hold_cause]
