"""The synchronisation of a mailbox: what is due, who works on it, how it ended, and what the screens say of it."""

import os
import random
import socket
import uuid
from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.lokario_base.tools.transaction import transaction
from odoo.addons.lokario_mailbox.tools import worker_locks

from ..const import BACKOFF_MAX
from ..tools.sync_plan import AccountPlan, FolderState, Push

TICK_LIMIT = 500  # messages a folder delivers in one tick; the rest is the backfill's
BACKFILL_LIMIT = 20_000
CLAIM_LIMIT = 2000  # accounts a run takes
JOB_CLAIM = 100  # mailboxes a job takes at a time; then it looks whether more are due
FOLDERS_EVERY = timedelta(hours=24)
ERASED = 500  # rows erased at a time

DUE = "i.active AND i.integration_type = 'imap' AND i.imap_host IS NOT NULL AND {condition}"
CANDIDATES = "SELECT i.id FROM inbox_integrations i WHERE {due} ORDER BY i.next_sync_at NULLS FIRST, i.id"
CLAIM = "UPDATE inbox_integrations i SET lease_token = %s WHERE i.id = ANY(%s) AND {due} RETURNING i.id"
ANSWER = "DELETE FROM inbox_ring WHERE integration_id = ANY(%s) RETURNING id"
CONDITIONS = {
    "sync": """i.state != 'paused'
               AND (i.next_sync_at IS NULL OR i.next_sync_at <= clock_timestamp() AT TIME ZONE 'UTC')
               AND (i.state != 'draft' OR i.email_password IS NOT NULL
                    OR i.google_gmail_refresh_token IS NOT NULL
                    OR i.microsoft_outlook_refresh_token IS NOT NULL)""",
    "rung": "i.state = 'connected' AND EXISTS (SELECT FROM inbox_ring r WHERE r.integration_id = i.id)",
    "backfill": "i.state = 'connected' AND i.backfill_pending",
    "audit": """i.state = 'connected' AND EXISTS (
        SELECT 1 FROM inbox_folder f WHERE f.integration_id = i.id AND f.sync_enabled
           AND f.uidvalidity IS NOT NULL AND COALESCE(f.backfill_uid, 0) = 0
           AND (f.audit_at IS NULL OR f.audit_at < (clock_timestamp() AT TIME ZONE 'UTC') - interval '1 day'))""",
}
SLACK = timedelta(seconds=30)  # so that a mailbox is due at the tick, not just after it
ALERT_AFTER = 3  # failures in a row that only time may heal
ALERT_IMMEDIATELY = ("login", "tls", "policy", "configuration")

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
    _inherit = "inbox.integration"

    folder_ids = fields.One2many("inbox.folder", "integration_id", string="Folders")
    capabilities = fields.Char(readonly=True, copy=False)
    folders_listed_at = fields.Datetime(readonly=True, copy=False)
    backfill_pending = fields.Boolean(readonly=True, copy=False)
    lease_token = fields.Char(readonly=True, copy=False)
    is_two_way = fields.Boolean(
        string="Two-way states", help="Mail read, answered or archived here is so in the mailbox too."
    )
    conversation_ids = fields.One2many("inbox.conversation", "integration_id")
    conversation_count = fields.Integer(compute="_compute_conversation_count")
    message_count = fields.Integer(compute="_compute_message_count", string="E-mails")
    quarantine_count = fields.Integer(
        compute="_compute_quarantine_count", string="In quarantine", help="E-mails that could not be read or fetched."
    )
    first_sync_progress = fields.Integer(compute="_compute_first_sync", string="First synchronisation (%)")
    first_sync_done = fields.Integer(compute="_compute_first_sync", string="E-mails fetched")
    first_sync_total = fields.Integer(compute="_compute_first_sync", string="E-mails at the server")
    lag_minutes = fields.Integer(
        compute="_compute_lag_minutes", search="_search_lag_minutes", help="Minutes since the last success."
    )
    audit_state = fields.Selection(
        [("pending", "Not verified"), ("complete", "Complete"), ("healed", "Healed")],
        compute="_compute_audit_state",
        string="Completeness",
    )

    # === CRONS, JOBS AND BUTTONS === #

    @api.model
    def _cron_sync_all(self):
        """Every five minutes and by /inbox/integrations/sync-all: synchronise every due mailbox."""
        if self._share_out("_job_sync"):
            return
        self._sync_due("sync", self._tick_limit())
        self._wake_backfill([("backfill_pending", "=", True)])

    @api.model
    def _cron_sync_rung(self):
        """When a line to a mailbox rang (tools/mailbox_watch.py): synchronise it, whatever its timetable says."""
        self._sync_due("sync", self._tick_limit(), due="rung")

    @api.model
    def _cron_backfill(self):
        """Bring the older mail of first synchronisations, apart from the five-minute tick."""
        if self._share_out("_job_backfill"):
            return
        self._sync_due("backfill", BACKFILL_LIMIT)
        self._wake_backfill([("backfill_pending", "=", True), ("state", "=", "connected")])

    def _wake_backfill(self, domain):
        if self.search_count(domain, limit=1):
            self.env.ref("lokario_inbox.ir_cron_backfill")._trigger()

    @api.model
    def _tick_limit(self):
        """Messages a folder may deliver in one tick."""
        return TICK_LIMIT

    @api.model
    def _cron_audit(self):
        """Verify, on another connection, that every folder is complete; heal what is not."""
        self._sync_due("audit", BACKFILL_LIMIT)

    def _share_out(self, method):
        """Several machines: with ``lokario_inbox.sync_jobs`` above 0 the crons share their work out as that many jobs.

        The jobs of a tick are alike: each leases due mailboxes until none is left, so that a slow one keeps no other
        waiting. Identity keys keep a tick from piling up behind the last one. Returns the number of jobs.
        """
        count = int(self.env["ir.config_parameter"].sudo().get_param("lokario_inbox.sync_jobs") or 0)
        for number in range(count):
            getattr(self.with_delay(identity_key=f"lokario_inbox.{method}.{number}"), method)()
        return count

    @api.model
    def _job_sync(self):
        while self._sync_due("sync", self._tick_limit(), claim=JOB_CLAIM):
            pass
        self._wake_backfill([("backfill_pending", "=", True)])

    @api.model
    def _job_backfill(self):
        while self._sync_due("backfill", BACKFILL_LIMIT, claim=1):
            pass

    def action_sync(self):
        """Button “Synchroniser”: have the mailbox looked at now, whatever its timetable says."""
        self.check_access("read")
        sudo = self.sudo()  # a reader of the mailbox may ask for its mail
        if unconnected := sudo.filtered(lambda i: i._is_unconnected()):
            raise UserError(
                self.env._(
                    "Not connected yet: %s. Open the mailbox and enter its password, or press “Connect” to allow the "
                    "access at its provider.",
                    ", ".join(unconnected.mapped("email_address")),
                )
            )
        sudo._set_draft()
        sudo._synchronise_soon()
        return self._notify_user(self.env._("Synchronisation started: new mail appears automatically."))

    def action_audit(self):
        """Button: have the completeness of every folder verified now."""
        self.check_access("write")
        self.sudo().folder_ids.write({"audit_at": False})
        self.env.ref("lokario_inbox.ir_cron_audit").sudo()._trigger()
        return self._notify_user(self.env._("The audit has started: see the folders."))

    def _notify_user(self, message):
        params = {"message": message, "type": "success", "next": {"type": "ir.actions.act_window_close"}}
        return {"type": "ir.actions.client", "tag": "display_notification", "params": params}

    def action_open_folders(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("lokario_inbox.inbox_folder_action")
        return {**action, "domain": [("integration_id", "=", self.id)]}

    def action_open_conversations(self):
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "lokario_inbox.inbox",
            "name": self.name,
            "params": {"integration_id": self.id},
        }

    def _synchronise_soon(self):
        super()._synchronise_soon()
        if self:
            self.env.ref("lokario_inbox.ir_cron_sync_all").sudo()._trigger()

    # === LEASES === #

    @api.model
    def _sync_due(self, purpose, fetch_limit, claim=CLAIM_LIMIT, due=""):
        """Take at most ``claim`` due accounts, oldest first, and run them. Returns {id: Finished}.

        due: by which of the CONDITIONS, when it is not that of the purpose.
        """
        self.env["ir.cron"]._commit_progress()  # the locks' session sees what is committed
        with worker_locks.WorkerLocks(self.env, worker_locks.SYNC) as locks:
            token = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
            integrations = self._claim(locks, due or purpose, claim, token)
            if purpose == "sync":  # who rings from now on is not answered by this look
                locks.query(SQL(ANSWER, integrations.ids))
            self.env["ir.cron"]._commit_progress(remaining=len(integrations))
            if not integrations:
                return {}
            return integrations.env["inbox.sync"]._run(integrations, locks, token, purpose, fetch_limit)

    @api.model
    def _claim(self, locks, condition, limit, token):
        """Take the due accounts for this worker; two living workers never have the same one.

        The locks end with the session, so no worker waits for one that died. The token is written into the account
        and checked with everything that is stored: who was paused and lost his session stores nothing any more.
        """
        due = DUE.format(condition=CONDITIONS[condition])  # constants of this file
        locked = locks.take_first(SQL(CANDIDATES.format(due=due)), limit)
        claimed = [row[0] for row in locks.query(SQL(CLAIM.format(due=due), token, locked))]
        locks.release(set(locked) - set(claimed))  # another worker has just looked at them
        integrations = self.sudo().browse(claimed)
        integrations.invalidate_recordset()
        return integrations.sorted(lambda i: (i.next_sync_at or datetime.min, i.id))

    def _holds_lease(self, token):
        """Whether this worker is the last that took the account; no other takes it before this transaction ends."""
        self.env.cr.execute(
            "SELECT 1 FROM inbox_integrations WHERE id = %s AND lease_token = %s FOR SHARE",
            [self.id, token],
            log_exceptions=False,  # a lost race is tried again
        )
        return bool(self.env.cr.fetchone())

    # === PLANS === #

    def _plan_sync__(self, purpose="sync", fetch_limit=TICK_LIMIT):
        """Yield the AccountPlan of each integration: scalars for the network side."""
        folders, pushes = self._folder_states(), self._pending_pushes(purpose)
        now = fields.Datetime.now()
        for integration in self:
            listed = integration.folders_listed_at
            states = folders.get(integration.id, ())
            yield AccountPlan(
                capabilities=frozenset((integration.capabilities or "").split()),
                folders=tuple(states),
                pushes=tuple(pushes.get(integration.id, ())),
                list_folders=not states or not listed or listed < now - FOLDERS_EVERY,
                purpose=purpose,
                fetch_limit=fetch_limit,
                **integration._plan_values__(),
            )

    def _folder_states(self):
        """{integration id: [FolderState]} in one query."""
        self.env.cr.execute(
            """SELECT integration_id, id, path, COALESCE(special_use, ''), COALESCE(uidvalidity, ''),
                      COALESCE(uidnext, 0), COALESCE(cursor_uid, 0), COALESCE(backfill_uid, 0),
                      COALESCE(highestmodseq, ''), COALESCE(message_count, 0),
                      COALESCE(missing_uids, ''), audit_at IS NULL
                        OR audit_at < (now() AT TIME ZONE 'UTC') - interval '1 day'
                 FROM inbox_folder
                WHERE integration_id = ANY(%s) AND sync_enabled AND is_selectable
                ORDER BY sequence, path""",
            [self.ids],
        )
        states = {}
        for integration_id, *values in self.env.cr.fetchall():
            states.setdefault(integration_id, []).append(FolderState(*values))
        return states

    def _pending_pushes(self, purpose):
        """{integration id: [Push]}: what people did here that the mailbox shall show."""
        if purpose != "sync":
            return {}
        self.env.cr.execute(
            """SELECT m.integration_id, m.push_move, f.special_use, p.folder_id, p.uidvalidity, f.path,
                      m.push_add, m.push_remove, array_agg(p.uid), array_agg(m.id)
                 FROM inbox_message m
                 JOIN inbox_message_location p ON p.message_id = m.id AND p.expunged_at IS NULL
                 JOIN inbox_folder f ON f.id = p.folder_id AND f.uidvalidity = p.uidvalidity
                WHERE m.is_push_pending AND m.integration_id = ANY(%s)
             GROUP BY 1, 2, 3, 4, 5, 6, 7, 8""",
            [self.ids],
        )
        pushes = {}
        for integration_id, move, use, folder_id, validity, path, add, remove, uids, ids in self.env.cr.fetchall():
            target = self.browse(integration_id)._move_target(move) if move else ""
            leaves_inbox = move == "archive" and use == "all"
            push = Push(
                folder_id,
                validity,
                path,
                tuple(uids),
                add=add or "",
                remove=remove or "",
                move=move or "",
                move_to=target if target != path and not leaves_inbox else "",
                leaves_inbox=leaves_inbox,
                message_ids=tuple(ids),
            )
            pushes.setdefault(integration_id, []).append(push)
        return pushes

    def _move_target(self, use):
        """Path of the folder of that use; "" when the mailbox has none."""
        return self.folder_ids.filtered(lambda folder: folder.special_use == use)[:1].path or ""

    def _folder_names(self):
        return {"sent": self._move_target("sent"), "drafts": self._move_target("drafts")}

    # === WHAT COMES BACK === #

    def _store_folders(self, event):
        """Create what is new, mark what is gone; the user's choice of folders stays. Returns the FolderStates."""
        known = {folder.path: folder for folder in self.folder_ids}
        rows = {path: rest for path, *rest in event.rows}
        has_all_mail = any(use == "all" for _name, use, _selectable in rows.values())
        folders = self.env["inbox.folder"]
        for path, (name, use, selectable) in rows.items():
            values = {"name": name, "special_use": use or False, "is_selectable": selectable}
            if path in known:
                known[path].write({key: v for key, v in values.items() if known[path][key] != v})
            else:
                folders.create(
                    {
                        **values,
                        **folders._default_choice(use, has_all_mail),
                        "integration_id": self.id,
                        "path": path,
                    }
                )
        gone = self.folder_ids.filtered(lambda folder: event.complete and folder.path not in rows)
        gone.filtered("is_selectable").write({"is_selectable": False})
        self.write(
            {
                "capabilities": " ".join(sorted(event.capabilities)),
                "folders_listed_at": fields.Datetime.now(),
            }
        )
        self.env.flush_all()
        return tuple(self._folder_states().get(self.id, ()))

    def _store_outcomes(self, outcomes, started_at, token):
        """Health and due time of all finished accounts, in one UPDATE; returns (account, error class) to alert of."""
        before = {i.id: i for i in self.browse([outcome.account_id for outcome in outcomes])}
        rows, alerts = [], []
        for outcome in outcomes:
            integration = before[outcome.account_id]
            rows.append((integration.id, token, *integration._outcome_values(outcome, started_at)))
            if integration._is_alert_due(outcome.error_class):
                alerts.append((integration.id, outcome.error_class))
        turned = self.browse(
            [account_id for account_id, _token, state, *_rest in rows if state != before[account_id].state]
        )
        self.env.cr.execute_values(STORE_OUTCOMES, rows, page_size=len(rows) or 1)
        self.browse(list(before)).invalidate_recordset()
        for integration in turned:  # nothing is all done where mail may be missing
            integration._announce()
        return alerts

    def _announce(self, conversations=None, new_mail=False):
        """Notify open inboxes of a change: ids only, the content is fetched with rights."""
        self.ensure_one()
        ids = conversations.ids[:100] if conversations else []
        change = {"integration_id": self.id, "ids": ids, "new_mail": new_mail}
        self.env["bus.bus"]._sendone((self, "inbox"), "lokario_inbox/changed", change)

    def _alert(self, error_class):
        """Notify the owner of a failure, or that nothing is to be done any more."""
        if error_class:
            self.env["mailbox.health"]._warn_owner(self, error_class)
        else:
            self.env["mailbox.health"]._withdraw_warnings(self)

    def _outcome_values(self, outcome, started_at):
        """The values of a row of STORE_OUTCOMES; what the outcome says nothing about stays as it is."""
        if outcome.error_class == "stopped":  # not reached: due immediately
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
        return values.values()

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
        if error_class in ALERT_IMMEDIATELY:
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

    # === WHAT IS STORED OF A MAILBOX === #

    def _propagate_access(self):
        """Company and privacy are copied to the rows that record rules test by the thousand."""
        super()._propagate_access()
        for integration in self:
            values = {"company_id": integration.company_id.id, "owner_id": integration.owner_id.id}
            domain = [("integration_id", "=", integration.id)]
            for model in ("inbox.message", "inbox.conversation"):
                stored = self.env[model].sudo().with_context(tracking_disable=True, active_test=False)
                stored.search(domain).write(values)

    def _erase_stored_mail(self):
        """Mails with their files first, a batch at a time, then what held them together."""
        owned = [("integration_id", "in", self.ids)]
        for model in ("inbox.message", "inbox.quarantine", "inbox.conversation", "inbox.folder"):
            rows_sudo = self.env[model].sudo().with_context(active_test=False).search(owned, limit=ERASED)
            if rows_sudo:
                erased = {model: rows_sudo.ids}
                if model == "inbox.message":
                    rows_sudo.attachment_ids.attachment_id.unlink()
                rows_sudo.unlink()
                return erased
        return super()._erase_stored_mail()

    # === SCREENS === #

    def _compute_message_count(self):
        counts = dict(
            self.env["inbox.message"]._read_group(
                [("integration_id", "in", self.ids), ("deleted_at", "=", False)],
                ["integration_id"],
                ["__count"],
            )
        )
        for integration in self:
            integration.message_count = counts.get(integration, 0)

    def _compute_conversation_count(self):
        grouped = self.env["inbox.conversation"]._read_group(
            [("integration_id", "in", self.ids)], ["integration_id"], ["__count"]
        )
        counts = {integration.id: count for integration, count in grouped}
        for integration in self:
            integration.conversation_count = counts.get(integration.id, 0)

    def _compute_quarantine_count(self):
        waiting = [("integration_id", "in", self.ids), ("state", "=", "quarantined")]
        counts = dict(self.env["inbox.quarantine"]._read_group(waiting, ["integration_id"], ["__count"]))
        for integration in self:
            integration.quarantine_count = counts.get(integration, 0)

    @api.depends("folder_ids.message_count", "folder_ids.backfill_uid")
    def _compute_first_sync(self):
        fetched = self._fetched_counts()
        for integration in self:
            folders = integration.folder_ids.filtered("sync_enabled")
            total = sum(folders.mapped("message_count"))
            waiting = any(folder.backfill_uid > 1 for folder in folders) or not any(folders.mapped("last_sync_at"))
            done = min(fetched.get(integration.id, 0), total)
            integration.first_sync_total = total
            integration.first_sync_done = done if waiting else total
            integration.first_sync_progress = 100 * done // total if waiting and total else 0 if waiting else 100

    def _fetched_counts(self):
        waiting = self.folder_ids.filtered(lambda f: f.sync_enabled and (f.backfill_uid > 1 or not f.last_sync_at))
        grouped = self.env["inbox.message.location"]._read_group(
            [("integration_id", "in", waiting.integration_id.ids), ("expunged_at", "=", False)],
            ["integration_id"],
            ["__count"],
        )
        return {integration.id: count for integration, count in grouped}

    @api.depends("last_sync_at")
    def _compute_lag_minutes(self):
        now = fields.Datetime.now()
        for integration in self:
            since = integration.last_sync_at or integration.create_date or now
            integration.lag_minutes = int((now - since).total_seconds() // 60)

    def _search_lag_minutes(self, operator, value):
        if operator not in (">", ">="):
            return NotImplemented
        return [("last_sync_at", "<", f"-{int(value)}M"), ("active", "=", True)]

    @api.depends("folder_ids.audit_state", "folder_ids.sync_enabled")
    def _compute_audit_state(self):
        for integration in self:
            states = set(integration.folder_ids.filtered("sync_enabled").mapped("audit_state"))
            if not states or "pending" in states or False in states:
                integration.audit_state = "pending"
            else:
                integration.audit_state = "healed" if "healed" in states else "complete"

    def _sidebar_values(self):
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email_address,
            "state": self.state,
            "visibility": self.visibility,
            "problem": self.env["mailbox.health"]._reading_problem(self),
            "problem_detail": self.last_sync_error or "" if self.state == "error" else "",
            "hold": self.env["mailbox.health"]._sending_problem(self),
            "hold_detail": self.sending_hold_text or "",
            "last_sync_at": fields.Datetime.to_string(self.last_sync_at) if self.last_sync_at else False,
            "progress": self.first_sync_progress,
            "done": self.first_sync_done,
            "total": self.first_sync_total,
        }
