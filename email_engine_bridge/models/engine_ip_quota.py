from odoo import fields, models

from ..tools import pacing


class EngineIp(models.Model):
    """What an IP may send today and in this hour, and what it sent."""

    _inherit = "engine.ip"

    quota_today = fields.Integer(compute="_compute_today")
    sent_today = fields.Integer("Sent and reserved today", compute="_compute_today")
    remaining_today = fields.Integer(compute="_compute_today")
    hourly_cap = fields.Integer("At most in this hour", compute="_compute_hourly_cap")

    def _compute_today(self):
        for tenant, ips in self.grouped("tenant_id").items():
            days = self.env["engine.quota"]._read_today(tenant, ips) if tenant else {}
            for ip in ips:
                day = days.get(ip.id, {})
                ip.quota_today = day.get("quota", 0)
                ip.remaining_today = day.get("remaining", 0)
                ip.sent_today = day.get("sent", 0) + day.get("reserved", 0)

    def _compute_hourly_cap(self):
        for ip in self:
            ip.hourly_cap = ip._get_hourly_cap() if ip.id else 0

    def _get_plan_hourly(self):
        """Return the cap an hour of this IP's stage, 0 when it has none."""
        self.ensure_one()
        return self.plan_id.stage_ids[self.stage : self.stage + 1].hourly

    def _get_hourly_cap(self):
        """Return how many mails may leave this IP within the hour that runs."""
        self.ensure_one()
        tenant = self.tenant_id
        return pacing.hourly_cap(
            self.env["engine.quota"]._read_today(tenant, self)[self.id]["quota"],
            self._get_plan_hourly(),
            spread=tenant.spread_over_day,
            left_of_day=tenant._get_end_of_today() - fields.Datetime.now(),
        )

    def _describe_today(self, row):
        """Return this IP's day as the API shows it; `sent_today` includes what is reserved."""
        self.ensure_one()
        return {
            "ip_id": self.id,
            "ip_address": self.address,
            "address": self.address,
            "status": self.status,
            "phase": self.phase,
            "daily_quota": row["quota"],
            "sent_today": row["sent"] + row["reserved"],
            "remaining": row["remaining"],
        }

    def _set_quota_today(self, quota, reason):
        """Set the quota of today by hand; the warm-up leaves this day alone."""
        self.ensure_one()
        before = self.quota_today
        self.env["engine.quota"]._set_quota_by_hand(self, quota)
        self._explain(
            self.env._("Quota of today: %(before)s → %(after)s. %(reason)s", before=before, after=quota, reason=reason)
        )
        self.invalidate_recordset(["quota_today", "remaining_today"])
        self.tenant_id._touch_configuration()
