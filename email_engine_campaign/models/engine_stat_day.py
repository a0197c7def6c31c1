from datetime import timedelta

from odoo import api, fields, models

COUNTERS = ("delivered", "hard", "soft", "block", "deferred", "complained", "opened", "clicked", "unsubscribed")


class EngineStatDay(models.Model):
    """What happened on one day, by tenant, campaign, IP and mailbox provider; kept for ever."""

    _name = "engine.stat.day"
    _inherit = ["lokario.access.mixin"]
    _description = "Day statistics"
    _order = "day desc"
    _log_access = False
    _rec_name = "day"

    day = fields.Date(required=True, readonly=True)
    tenant_id = fields.Many2one("engine.tenant", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True)
    campaign_id = fields.Many2one("engine.campaign", readonly=True, ondelete="cascade")
    ip_id = fields.Many2one("engine.ip", "IP address", readonly=True, ondelete="cascade")
    provider = fields.Char(readonly=True)
    delivered = fields.Integer(readonly=True, default=0)
    hard = fields.Integer("Unknown addresses", readonly=True, default=0)
    soft = fields.Integer("Temporary failures", readonly=True, default=0)
    block = fields.Integer("Refused as spam", readonly=True, default=0)
    deferred = fields.Integer(readonly=True, default=0)
    complained = fields.Integer("Complaints", readonly=True, default=0)
    opened = fields.Integer(readonly=True, default=0)
    clicked = fields.Integer(readonly=True, default=0)
    unsubscribed = fields.Integer(readonly=True, default=0)

    _identity_uniq = models.UniqueIndex(
        "(tenant_id, day, COALESCE(campaign_id, 0), COALESCE(ip_id, 0), COALESCE(provider, ''))"
    )

    @api.model
    def _totals(self, domain):
        """{counter: sum} of the rows of a domain, with the rates the API gives."""
        aggregates = [f"{name}:sum" for name in COUNTERS]
        [row] = self._read_group(domain, [], aggregates)
        return self._with_rates(dict(zip(COUNTERS, (value or 0 for value in row), strict=True)))

    @api.model
    def _with_rates(self, totals):
        """Add bounces, processed and the rates; all rates are percent of what was processed."""
        bounced = totals["hard"] + totals["soft"] + totals["block"]
        processed = totals["delivered"] + bounced

        def rate(part, whole):
            return round(100 * part / whole, 3) if whole else 0.0

        return {
            **totals,
            "bounced": bounced,
            "processed": processed,
            "delivery_rate": rate(totals["delivered"], processed),
            "bounce_rate": rate(bounced, processed),
            "complaint_rate": rate(totals["complained"], totals["delivered"]),
            "open_rate": rate(totals["opened"], totals["delivered"]),
            "click_rate": rate(totals["clicked"], totals["delivered"]),
        }

    @api.model
    def _overview(self, tenant):
        """What `GET /api/v2/stats/{tenant_id}/overview` answers."""
        domain = [("tenant_id", "=", tenant.id)]
        states = self.env["engine.campaign"]._read_group(domain, ["state"], ["__count"])
        days = self.env["engine.quota"]._read_today(tenant, tenant.ip_ids.filtered("is_sending")).values()
        return {
            "tenant_id": tenant.id,
            "contacts": self.env["engine.contact"].search_count(domain),
            "suppressed": self.env["engine.suppression"].search_count([*domain, ("lifted_at", "=", False)]),
            "campaigns": dict(states),
            "today": {
                "daily_quota": sum(row["quota"] for row in days),
                "sent": sum(row["sent"] + row["reserved"] for row in days),
                "remaining": sum(row["remaining"] for row in days),
            },
            "totals": self._totals(domain),
        }

    @api.model
    def _performance(self, tenant, days):
        """What `GET /api/v2/stats/{tenant_id}/performance` answers; days without mail are zeros."""
        today = tenant._get_today()
        first = today - timedelta(days=days - 1)
        domain = [("tenant_id", "=", tenant.id), ("day", ">=", first), ("day", "<=", today)]
        by_day = {key: figures for key, figures in self._grouped(domain, "day:day")}
        empty = self._with_rates(dict.fromkeys(COUNTERS, 0))
        daily = [first + timedelta(days=number) for number in range(days)]
        return {
            "tenant_id": tenant.id,
            "days": days,
            "totals": self._totals(domain),
            "daily": [{"day": day, **by_day.get(day, empty)} for day in daily],
            "providers": [{"name": key or "other", **figures} for key, figures in self._grouped(domain, "provider")],
            "ips": [{"name": key.address or "-", **figures} for key, figures in self._grouped(domain, "ip_id")],
        }

    @api.model
    def _grouped(self, domain, groupby):
        """[(group, figures)] of a domain."""
        rows = self._read_group(domain, [groupby], [f"{name}:sum" for name in COUNTERS])
        return [(row[0], self._with_rates(dict(zip(COUNTERS, map(int, row[1:]), strict=True)))) for row in rows]
