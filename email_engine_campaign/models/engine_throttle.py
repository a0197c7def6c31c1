from odoo import api, fields, models

from odoo.addons.email_engine_bridge.tools.pacing import HOUR

# What providers answered in the last hour: people put off for our speed or reputation, mails taken, the usual reason.
LAST_HOUR = """
WITH answered AS (
    SELECT e.ip_id, e.type, e.rcpt, e.reason, p.id AS provider_id
      FROM engine_event e
      LEFT JOIN engine_provider p
             ON split_part(e.rcpt, '@', 2) = ANY(regexp_split_to_array(lower(p.domains), '[\\s,]+'))
     WHERE e.time > %(since)s AND e.ip_id IS NOT NULL
       AND (e.type = 'd' OR (e.type = 't' AND e.fault = 'reputation'))
), counted AS (
    SELECT ip_id, provider_id, count(*) FILTER (WHERE type = 'd') AS taken,
           count(DISTINCT rcpt) FILTER (WHERE type = 't') AS put_off,
           mode() WITHIN GROUP (ORDER BY reason) FILTER (WHERE type = 't') AS reason
      FROM answered GROUP BY 1, 2
)
SELECT ip_id, provider_id, taken, put_off, reason,
       (taken + put_off)::float / sum(taken + put_off) OVER (PARTITION BY ip_id) AS share
  FROM counted
"""


class EngineThrottle(models.Model):
    """Learned from the deferrals in PowerMTA's records."""

    _inherit = "engine.throttle"

    @api.model
    def _cron_learn(self):
        """Throttle the providers that put off much; let the others have mail at the usual speed again."""
        self._lift_ended()
        self.env.flush_all()
        self.env.cr.execute(LAST_HOUR, {"since": fields.Datetime.now() - HOUR})
        for row in self.env.cr.dictfetchall():
            ip = self.env["engine.ip"].browse(row.pop("ip_id"))
            provider = self.env["engine.provider"].browse(row.pop("provider_id") or [])
            if provider:
                self._learn(ip, provider, row)
