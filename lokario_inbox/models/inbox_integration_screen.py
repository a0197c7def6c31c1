from odoo import api, fields, models


class InboxIntegration(models.Model):
    _inherit = "inbox.integration"

    conversation_ids = fields.One2many("inbox.conversation", "integration_id")
    conversation_count = fields.Integer(compute="_compute_conversation_count")
    first_sync_progress = fields.Integer(compute="_compute_first_sync", string="First synchronisation (%)")
    first_sync_done = fields.Integer(compute="_compute_first_sync", string="E-mails fetched")
    first_sync_total = fields.Integer(compute="_compute_first_sync", string="E-mails at the server")
    lag_minutes = fields.Integer(
        compute="_compute_lag_minutes", search="_search_lag_minutes", help="Minutes since the last success."
    )
    audit_state = fields.Selection(
        [("pending", "Not proved yet"), ("complete", "Complete"), ("healed", "Healed")],
        compute="_compute_audit_state",
        string="Completeness",
    )

    def _compute_conversation_count(self):
        grouped = self.env["inbox.conversation"]._read_group(
            [("integration_id", "in", self.ids)], ["integration_id"], ["__count"]
        )
        counts = {integration.id: count for integration, count in grouped}
        for integration in self:
            integration.conversation_count = counts.get(integration.id, 0)

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
        grouped = self.env["inbox.placement"]._read_group(
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
            "problem": self._reading_problem(),
            "problem_detail": self.last_sync_error or "" if self.state == "error" else "",
            "hold": self._sending_problem(),
            "hold_detail": self.sending_hold_text or "",
            "last_sync_at": fields.Datetime.to_string(self.last_sync_at) if self.last_sync_at else False,
            "progress": self.first_sync_progress,
            "done": self.first_sync_done,
            "total": self.first_sync_total,
        }

    def action_open_conversations(self):
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "lokario_inbox.inbox",
            "name": self.name,
            "params": {"integration_id": self.id},
        }
