from datetime import timedelta

from odoo import api, models

from ..const import LIVE_STATUSES
from ..tools import health, warmup

WINDOW_DAYS = 7


class EngineWarmup(models.AbstractModel):
    """The warm-up engine: every finished day of an IP is counted once, its health decides whether it is stopped.

    The words and texts are in the language of the IP's environment.
    """

    _name = "engine.warmup"
    _description = "Warm-up"

    @api.model
    def _consolidate(self, ip):
        """Count every finished day of this IP that was not counted yet."""
        yesterday = ip.tenant_id._get_today() - timedelta(days=1)
        first = ip.consolidated_on + timedelta(days=1) if ip.consolidated_on else self._get_first_day(ip)
        while first <= yesterday:
            self._consolidate_day(ip, first)
            first += timedelta(days=1)

    @api.model
    def _judge_today(self, ip):
        """Pause the IP immediately if this day, or the week with it, is bad beyond doubt."""
        day = ip.tenant_id._get_today()
        rows = self._get_window(ip, day)
        verdict = self._judge(ip.tenant_id, rows, rows.filtered(lambda row: row.day == day))
        if verdict.state in ("hold", "pause"):
            self._follow(ip, verdict, day)

    def _get_first_day(self, ip):
        """Return the first day of this IP that has counters, today if there is none."""
        days = ip.sudo().day_ids.filtered(lambda row: row.sent or row.reserved)
        return min(days.mapped("day"), default=ip.tenant_id._get_today())

    def _consolidate_day(self, ip, day):
        """Judge the IP at the end of `day`, then count the day for its warm-up."""
        rows = self._get_window(ip, day)
        today = rows.filtered(lambda row: row.day == day)
        verdict = self._judge(ip.tenant_id, rows, today)
        self._follow(ip, verdict, day)
        step = warmup.consolidate(
            ip.plan_id._get_plan(),
            ip._get_progress(),
            quota=today.quota or ip.plan_quota,
            sent=today.sent + today.reserved,
            healthy=verdict.state == "ok",
        )
        ip._set_progress(step.progress, day, step.reason)
        if step.kind in ("advance", "activate", "step_back"):
            reason = ip.env["engine.finding"]._say(step.reason)
            ip._announce(ip.env._("Warm-up of %(address)s: %(reason)s", address=ip.address, reason=reason))

    def _get_window(self, ip, day):
        """Return the days the statistics cover; a probation starts afresh."""
        since = day - timedelta(days=WINDOW_DAYS - 1)
        if ip.health == "probation" and ip.health_since:
            since = max(since, ip.health_since)
        return ip.sudo().day_ids.filtered(lambda row: since <= row.day <= day)

    def _judge(self, tenant, week, today):
        """Return the Verdict on these days, by the thresholds of the tenant."""
        windows = [
            health.Window(rows._count_left(), sum(rows.mapped("bounced")), sum(rows.mapped("complained")))
            for rows in (week, today)
        ]
        return health.judge(*windows, tenant.max_bounce_rate / 100, tenant.max_complaint_rate / 100)

    def _follow(self, ip, verdict, day):
        """Move the IP's health by the verdict on `day`, explain and alert."""
        lasted = (day - ip.health_since).days if ip.health_since else 0
        after = health.next_state(ip.health, lasted, verdict)
        if after.state == ip.health or ip.status not in LIVE_STATUSES:
            return
        labels = dict(ip._fields["health"]._description_selection(ip.env))
        before = labels[ip.health]
        ip._set_health(after.state, day, after.reason)
        ip._announce(
            ip.env._(
                "Health of %(address)s: %(before)s → %(after)s. %(reason)s",
                address=ip.address,
                before=before,
                after=labels[after.state],
                reason=ip.health_reason,
            )
        )
