from odoo import fields, models
from odoo.tools import SQL

# The plan as a calendar, as if every day were used from the IP's first one on, and a week after it.
QUERY = """
WITH stage AS (
    SELECT plan_id, quota, sum(days) OVER earlier - days AS since, sum(days) OVER earlier AS until
      FROM engine_warmup_stage
    WINDOW earlier AS (PARTITION BY plan_id ORDER BY sequence, id)
), start AS (
    SELECT ip.id AS ip_id, ip.tenant_id, ip.company_id, ip.plan_id, p.active_quota,
           coalesce((SELECT min(d.day) FROM engine_ip_day d WHERE d.ip_id = ip.id), current_date) AS day,
           coalesce((SELECT max(until) FROM stage WHERE stage.plan_id = ip.plan_id), 0)::int + 6 AS last
      FROM engine_ip ip JOIN engine_warmup_plan p ON p.id = ip.plan_id
     WHERE ip.active AND ip.status <> 'retired'
), curve AS (
    SELECT start.ip_id, start.day + n AS day, 'planned' AS series, coalesce(stage.quota, active_quota) AS emails
      FROM start CROSS JOIN LATERAL generate_series(0, start.last) n
      LEFT JOIN stage ON stage.plan_id = start.plan_id AND n >= stage.since AND n < stage.until
     UNION ALL
    SELECT start.ip_id, d.day, 'sent', d.sent
      FROM start JOIN engine_ip_day d ON d.ip_id = start.ip_id AND d.day <= start.day + start.last
)
SELECT row_number() OVER (ORDER BY ip_id, curve.day, series) AS id, curve.*, start.tenant_id, start.company_id
  FROM curve JOIN start USING (ip_id)
"""


class EngineWarmupCurve(models.Model):
    """What an IP was to send on each day of its warm-up, and what it sent."""

    _name = "engine.warmup.curve"
    _inherit = ["lokario.access.mixin"]
    _description = "Warm-up curve"
    _auto = False
    _order = "ip_id, day, series"
    _rec_name = "day"

    ip_id = fields.Many2one("engine.ip", "IP address", readonly=True)
    tenant_id = fields.Many2one("engine.tenant", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    day = fields.Date(readonly=True)
    series = fields.Selection([("planned", "Planned"), ("sent", "Sent")], "Planned or sent", readonly=True)
    emails = fields.Integer("Mails a day", readonly=True)

    @property
    def _table_query(self):
        return SQL(QUERY)
