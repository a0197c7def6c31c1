import os
import socket
import uuid
from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..const import IMAP_PORTS
from ..tools.host_policy import HostPolicy
from ..tools.sync_plan import AccountPlan, FolderState, Push
from . import worker_locks

TICK_LIMIT = 500  # messages a folder delivers in one tick; the rest is the backfill's
BACKFILL_LIMIT = 20_000
CLAIM_LIMIT = 2000  # accounts a run takes
FOLDERS_EVERY = timedelta(hours=24)

DUE = "i.active AND i.integration_type = 'imap' AND i.imap_host IS NOT NULL AND {condition}"
CANDIDATES = "SELECT i.id FROM inbox_integrations i WHERE {due} ORDER BY i.next_sync_at NULLS FIRST, i.id"
CLAIM = "UPDATE inbox_integrations i SET lease_token = %s WHERE i.id = ANY(%s) AND {due} RETURNING i.id"
CONDITIONS = {
    "sync": """i.state != 'paused'
               AND (i.next_sync_at IS NULL OR i.next_sync_at <= clock_timestamp() AT TIME ZONE 'UTC')
               AND (i.state != 'draft' OR i.email_password IS NOT NULL
                    OR i.google_gmail_refresh_token IS NOT NULL
                    OR i.microsoft_outlook_refresh_token IS NOT NULL)""",
    "backfill": "i.state = 'connected' AND i.backfill_pending",
    "audit": """i.state = 'connected' AND EXISTS (
        SELECT 1 FROM inbox_folder f WHERE f.integration_id = i.id AND f.sync_enabled
           AND f.uidvalidity IS NOT NULL AND COALESCE(f.backfill_uid, 0) = 0
           AND (f.audit_at IS NULL OR f.audit_at < (clock_timestamp() AT TIME ZONE 'UTC') - interval '1 day'))""",
}


class InboxIntegration(models.Model):
    _inherit = "inbox.integration"

    capabilities = fields.Char(readonly=True, copy=False)
    folders_listed_at = fields.Datetime(readonly=True, copy=False)
    backfill_pending = fields.Boolean(readonly=True, copy=False)
    lease_token = fields.Char(readonly=True, copy=False)
    is_two_way = fields.Boolean(
        string="Two-way states", help="Mail read, answered or archived here is so in the mailbox too."
    )

    # === CRONS AND BUTTON === #

    @api.model
    def _cron_sync_all(self):
        """Every five minutes and by /inbox/integrations/sync-all: look at every due mailbox."""
        self._sync_due("sync", self._tick_limit())
        if self.search_count([("backfill_pending", "=", True)], limit=1):
            self.env.ref("lokario_inbox.ir_cron_backfill")._trigger()

    @api.model
    def _tick_limit(self):
        """Messages a folder may deliver in one tick."""
        return TICK_LIMIT

    @api.model
    def _cron_backfill(self):
        """Bring the older mail of first synchronisations, apart from the five-minute tick."""
        self._sync_due("backfill", BACKFILL_LIMIT)
        if self.search_count([("backfill_pending", "=", True), ("state", "=", "connected")], limit=1):
            self.env.ref("lokario_inbox.ir_cron_backfill")._trigger()

    @api.model
    def _cron_audit(self):
        """Prove, on another connection, that every folder is complete; heal what is not."""
        self._sync_due("audit", BACKFILL_LIMIT)

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
        sudo.filtered(lambda i: i.state == "paused").state = "draft"
        sudo.write({"next_sync_at": fields.Datetime.now()})
        self.env.ref("lokario_inbox.ir_cron_sync_all").sudo()._trigger()
        return self._notify_user(self.env._("Synchronisation started: new mail appears by itself."))

    def action_audit(self):
        """Button: have the completeness of every folder proved now."""
        self.check_access("write")
        self.sudo().folder_ids.write({"audit_at": False})
        self.env.ref("lokario_inbox.ir_cron_audit").sudo()._trigger()
        return self._notify_user(self.env._("The audit has started: see the folders."))

    def _notify_user(self, message):
        params = {"message": message, "type": "success", "next": {"type": "ir.actions.act_window_close"}}
        return {"type": "ir.actions.client", "tag": "display_notification", "params": params}

    # === LEASES === #

    @api.model
    def _sync_due(self, purpose, fetch_limit, claim=CLAIM_LIMIT):
        """Take at most ``claim`` due accounts, oldest first, and run them. Returns {id: Finished}."""
        self.env["ir.cron"]._commit_progress()  # the locks' session sees what is committed
        with worker_locks.WorkerLocks(self.env, worker_locks.SYNC) as locks:
            integrations = self._claim(locks, purpose, claim)
            self.env["ir.cron"]._commit_progress(remaining=len(integrations))
            if not integrations:
                return {}
            return integrations.env["inbox.sync"]._run(integrations, locks, purpose, fetch_limit)

    @api.model
    def _claim(self, locks, purpose, limit):
        """Take the due accounts for this worker; two living workers never have the same one.

        The locks end with the session, so nobody waits for a worker that died. The token is written into the account
        and checked with everything that is stored: who was paused and lost his session stores nothing any more.
        """
        due = DUE.format(condition=CONDITIONS[purpose])  # constants of this file
        locked = locks.take_first(SQL(CANDIDATES.format(due=due)), limit)
        token = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
        claimed = [row[0] for row in locks.query(SQL(CLAIM.format(due=due), token, locked))]
        locks.release(set(locked) - set(claimed))  # another worker has just looked at them
        integrations = self.with_context(inbox_lease=token).sudo().browse(claimed)
        integrations.invalidate_recordset()
        return integrations.sorted(lambda i: (i.next_sync_at or datetime.min, i.id))

    def _holds_lease(self):
        """Whether this worker is the last that took the account; nobody takes it before this transaction ends."""
        self.env.cr.execute(
            "SELECT 1 FROM inbox_integrations WHERE id = %s AND lease_token = %s FOR SHARE",
            [self.id, self.env.context["inbox_lease"]],
            log_exceptions=False,  # a lost race is tried again
        )
        return bool(self.env.cr.fetchone())

    # === PLANS === #

    def _plan_sync__(self, purpose="sync", fetch_limit=TICK_LIMIT):
        """Yield the AccountPlan of each integration: scalars for the network side."""
        folders, pushes = self._folder_states(purpose), self._pending_pushes(purpose)
        policy = self._host_policy(IMAP_PORTS)
        now = fields.Datetime.now()
        for integration in self:
            listed = integration.folders_listed_at
            states = folders.get(integration.id, ())
            yield AccountPlan(
                id=integration.id,
                host=integration.imap_host,
                port=integration.imap_port,
                security=integration.imap_security,
                login=integration.login or integration.email_address,
                policy=policy,
                capabilities=frozenset((integration.capabilities or "").split()),
                folders=tuple(states),
                pushes=tuple(pushes.get(integration.id, ())),
                list_folders=not states or not listed or listed < now - FOLDERS_EVERY,
                purpose=purpose,
                fetch_limit=fetch_limit,
                ca_file=self._ca_file(),
                **integration._plan_credentials__(),
            )

    @api.model
    def _ca_file(self):
        """Certificate authorities to trust; None: those of the machine."""
        return

    def _plan_credentials__(self):
        """Password or token source, decrypted for this run only."""
        self.ensure_one()
        if self.auth_method == "password":
            return {"secret": self._reveal_secret__("email_password") or ""}
        return {"token_source": self._token_source__()}

    @api.model
    def _host_policy(self, ports):
        """The addresses that mail servers may have (an administrator's list opens more)."""
        allowed = self.env["ir.config_parameter"].sudo().get_param("lokario_inbox.allowed_hosts")
        return HostPolicy.from_text(allowed, ports)

    def _folder_states(self, purpose):
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
                 JOIN inbox_placement p ON p.message_id = m.id AND p.expunged_at IS NULL
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
                move_to=target if target != path and not leaves_inbox else "",
                leaves_inbox=leaves_inbox,
                message_ids=tuple(ids),
            )
            pushes.setdefault(integration_id, []).append(push)
        return pushes

    def _move_target(self, use):
        """Path of the folder of that use; "" when the mailbox has none."""
        return self.folder_ids.filtered(lambda folder: folder.special_use == use)[:1].path or ""

    # === WHAT COMES BACK === #

    def _store_folders(self, event):
        """Create what is new, mark what is gone; the user's choice of folders stays."""
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
        return False
