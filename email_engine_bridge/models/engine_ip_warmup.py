from datetime import timedelta

from odoo import api, models

from ..const import LIVE_STATUSES
from ..tools import health, warmup

WINDOW_DAYS = 7


class EngineIp(models.Model):
    """The warm-up engine: every finished day is counted once, health decides who is stopped."""

    _inherit = "engine.ip"

    @api.model
    def _cron_consolidate(self, limit=1000):
        """Count the days that ended in the tenants' time zones since the last run."""
        ips = self.search([("status", "in", LIVE_STATUSES)], limit=limit, order="consolidated_on NULLS FIRST, id")
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(ips))
        for ip in ips:
            if ip.try_lock_for_update():
                ip._in_company_language()._consolidate()
            if not commit_progress(1):
                break

    def _in_company_language(self):
        """Return the IP with the language of the people who read what a job writes on it."""
        return self.with_context(lang=self.company_id.sudo().partner_id.lang)

    def _consolidate(self):
        """Count every finished day of this IP that was not counted yet."""
        self.ensure_one()
        yesterday = self.tenant_id._get_today() - timedelta(days=1)
        first = self.consolidated_on + timedelta(days=1) if self.consolidated_on else self._get_first_day()
        while first <= yesterday:
            self._consolidate_day(first)
            first += timedelta(days=1)

    def _get_first_day(self):
        """Return the first day of this IP that has counters, today if there is none."""
        days = self.sudo().day_ids.filtered(lambda row: row.sent or row.reserved)
        return min(days.mapped("day"), default=self.tenant_id._get_today())

    def _consolidate_day(self, day):
        """Judge the IP at the end of `day`, then count the day for its warm-up."""
        rows = self._get_window(day)
        today = rows.filtered(lambda row: row.day == day)
        verdict = self._judge(rows, today)
        self._set_health(verdict, day)
        step = warmup.consolidate(
            self.plan_id._get_plan(),
            self._get_progress(),
            quota=today.quota or self.plan_quota,
            sent=today.sent + today.reserved,
            healthy=verdict.state == "ok",
        )
        self._apply_step(step, day)

    def _get_window(self, day):
        """Return the days the statistics look at; a probation starts afresh."""
        since = day - timedelta(days=WINDOW_DAYS - 1)
        if self.health == "probation" and self.health_since:
            since = max(since, self.health_since)
        return self.sudo().day_ids.filtered(lambda row: since <= row.day <= day)

    def _judge(self, week, today):
        """Return the Verdict on these days, by the thresholds of the tenant."""
        windows = [
            health.Window(sum(rows.mapped("sent")), sum(rows.mapped("bounced")), sum(rows.mapped("complained")))
            for rows in (week, today)
        ]
        tenant = self.tenant_id
        return health.judge(*windows, tenant.max_bounce_rate / 100, tenant.max_complaint_rate / 100)

    def _set_health(self, verdict, day):
        """Move the IP's health by the verdict on `day`; stop or restart it, explain and alert."""
        self.ensure_one()
        lasted = (day - self.health_since).days if self.health_since else 0
        after = health.next_state(self.health, lasted, verdict)
        if after.state == self.health or self.status not in LIVE_STATUSES:
            return
        before = self.health
        status = {"pause": "paused", "hold": "held"}.get(after.state, self._get_working_status())
        self.sudo().write(
            {
                "health": after.state,
                "health_since": day,
                "health_finding": after.reason,
                "status": status,
                "status_finding": after.reason,
            }
        )
        labels = dict(self._fields["health"]._description_selection(self.env))
        self._announce(
            self.env._(
                "Health of %(address)s: %(before)s → %(after)s. %(reason)s",
                address=self.address,
                before=labels[before],
                after=labels[after.state],
                reason=self.health_reason,
            )
        )

    def _announce(self, text):
        """Write on the IP what happened to it, and alert the people behind its tenant."""
        self._explain(text)
        self.env["engine.alert"]._raise_alert(self.tenant_id, text, ip=self)

    def _apply_step(self, step, day):
        """Store where the warm-up stands after `day`; a new stage is explained and announced."""
        progress = step.progress
        self.sudo().write(
            {
                "stage": progress.stage,
                "used_days": progress.used_days,
                "idle_days": progress.idle_days,
                "warmup_finding": step.reason,
                "consolidated_on": day,
            }
        )
        if step.kind not in ("advance", "activate", "step_back"):
            return
        if self.status in ("warming", "active"):
            self.sudo().status = self._get_working_status()
        reason = self.env["engine.finding"]._say(step.reason)
        self._announce(self.env._("Warm-up of %(address)s: %(reason)s", address=self.address, reason=reason))

    @api.model
    def _cron_judge_today(self, limit=1000):
        """The emergency brake: judge the running day, too."""
        ips = self.search([("status", "in", ("warming", "active"))], limit=limit)
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(ips))
        for ip in ips:
            if ip.try_lock_for_update():
                ip._in_company_language()._judge_today()
            if not commit_progress(1):
                break

    def _judge_today(self):
        """Pause the IP at once if this day, or the week with it, is bad beyond doubt."""
        self.ensure_one()
        day = self.tenant_id._get_today()
        rows = self._get_window(day)
        verdict = self._judge(rows, rows.filtered(lambda row: row.day == day))
        if verdict.state in ("hold", "pause"):
            self._set_health(verdict, day)
