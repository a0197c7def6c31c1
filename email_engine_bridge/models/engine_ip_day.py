from odoo import api, fields, models

COUNTERS = ("reserved", "sent", "recorded", "delivered", "bounced", "complained")


def insert_days(wanted, counters=(), on_conflict="DO NOTHING"):
    """SQL that inserts days of IPs.

    :param wanted: query of ip_id, day, quota and the `counters`; the other counters begin at 0
    :param on_conflict: what happens to days that exist, called `d`
    """
    begin = ", ".join(f"wanted.{name}" if name in counters else "0" for name in COUNTERS)
    return f"""
INSERT INTO engine_ip_day AS d (ip_id, tenant_id, company_id, day, quota, quota_by_hand, {", ".join(COUNTERS)},
                                create_uid, write_uid, create_date, write_date)
SELECT ip.id, ip.tenant_id, ip.company_id, wanted.day, wanted.quota, false, {begin},
       1, 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
  FROM ({wanted}) wanted JOIN engine_ip ip ON ip.id = wanted.ip_id
 ORDER BY ip.id, wanted.day
    ON CONFLICT (ip_id, day) {on_conflict}"""  # noqa: S608 constants


class EngineIpDay(models.Model):
    """What one IP may send, and sent, on one day of its tenant.

    `reserved` is what workers hold and have not reported on yet; `sent` is what left, whoever sent it. The
    quota is used by both together. The counters are only changed by `engine.quota` and `engine.event.ingest`.
    """

    _name = "engine.ip.day"
    _inherit = ["lokario.access.mixin"]
    _description = "Day of an IP address"
    _order = "day desc, ip_id"

    ip_id = fields.Many2one("engine.ip", required=True, index=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="ip_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="ip_id.company_id", store=True, index=True)
    day = fields.Date(required=True, index=True)
    quota = fields.Integer(required=True, default=0)
    quota_by_hand = fields.Boolean(
        readonly=True, help="The quota of this day was set by hand; the warm-up does not change it."
    )
    reserved = fields.Integer(required=True, default=0, readonly=True)
    sent = fields.Integer(required=True, default=0, readonly=True)
    reported = fields.Integer(
        "Reported by scripts", readonly=True, help="Sent by scripts that reserve quota and hand over without a campaign"
    )
    recorded = fields.Integer(
        "Recorded of others", readonly=True, help="Mails in PowerMTA's records that no campaign here handed over"
    )
    delivered = fields.Integer(required=True, default=0, readonly=True)
    bounced = fields.Integer(required=True, default=0, readonly=True)
    complained = fields.Integer(required=True, default=0, readonly=True)
    hour = fields.Datetime(readonly=True, help="The last hour in which mails left")
    hour_left = fields.Integer("Left in that hour", readonly=True)
    remaining = fields.Integer(compute="_compute_remaining")

    _ip_day_uniq = models.UniqueIndex("(ip_id, day)", "This IP address has this day already.")
    _counters_positive = models.Constraint(
        "CHECK(quota >= 0 AND reserved >= 0 AND sent >= 0)",
        "Quota and counters may not be negative.",
    )

    @api.depends("quota", "reserved", "sent")
    def _compute_remaining(self):
        for ip_day in self:
            ip_day.remaining = max(0, ip_day.quota - ip_day.sent - ip_day.reserved)

    def _count_left(self):
        """Return how many mails left on these days, for the shares of bounces and complaints.

        Where deliveries are recorded, what MailWizz or a script was given and no record tells of has not left yet.
        """
        return sum(day.sent - (max(0, day.reported - day.recorded) if day.delivered else 0) for day in self)

    @api.depends("ip_id.address", "day")
    def _compute_display_name(self):
        for ip_day in self:
            ip_day.display_name = f"{ip_day.ip_id.address} {ip_day.day}"
