from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from odoo.addons.email_engine_bridge.tools.bounce import provider_of

from .engine_event import FAULTS

_lt = LazyTranslate(__name__)

DAYS = 7
FEEDS = {"google": "gmail", "microsoft": "microsoft"}  # source of a reputation -> mailbox provider
# What to do about it, by who is at fault for most of what did not arrive
ADVICE = {
    "recipient": _lt("Clean the lists: these addresses are dead or full. Ask where they come from."),
    "sender": _lt("Mend what receivers do not believe: PTR, SPF, DKIM and DMARC on “Domains and DNS”."),
    "reputation": _lt("Send less to this provider for some days, first to those who open; and check the complaints."),
    "content": _lt("Change the message: receivers take it for spam. Try it with fewer links and pictures."),
    "receiver": _lt("Their server has trouble: nothing is to be done but wait."),
    "configuration": _lt("Check PowerMTA's configuration and the size of the messages: our server is refused."),
}


class EngineDeliverability(models.Model):
    """The last seven days of a tenant by mailbox provider: what arrived, what did not, why, and what to do next."""

    _name = "engine.deliverability"
    _inherit = ["engine.reason.mixin", "lokario.access.mixin"]
    _description = "Deliverability"
    _auto = False
    _order = "delivered_share, id"
    _rec_name = "provider"

    tenant_id = fields.Many2one("engine.tenant", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    provider = fields.Char("Mailbox provider", readonly=True)
    processed = fields.Integer("Mails", readonly=True)
    delivered = fields.Integer(readonly=True)
    deferred = fields.Integer(readonly=True)
    blocked = fields.Integer("Refused as spam", readonly=True)
    dead = fields.Integer("Unknown addresses", readonly=True)
    complained = fields.Integer("Complaints", readonly=True)
    delivered_share = fields.Float("Delivered %", readonly=True, digits=(5, 1))
    complaint_share = fields.Float("Complaints %", readonly=True, digits=(5, 3))
    fault = fields.Selection(FAULTS, "Mostly at fault", readonly=True)
    reason = fields.Char("Most frequent reason", readonly=True)
    advice = fields.Char("What to do next", compute="_compute_advice")
    placement = fields.Char("Seed tests", compute="_compute_placement", help="Of the last seven days")
    reputation = fields.Char(compute="_compute_reputation", help="By Gmail's Postmaster Tools and Microsoft's SNDS")
    throttled = fields.Char(compute="_compute_throttled", help="IPs that send less to this provider for some hours")

    @api.depends("fault")
    def _compute_advice(self):
        for row in self:
            advice = ADVICE.get(row.fault)
            row.advice = self.env._(advice) if advice else False

    @api.depends("provider")
    def _compute_placement(self):
        seen = [("tenant_id", "in", self.tenant_id.ids), ("sent_at", ">=", f"-{DAYS}d"), ("place", "!=", "waiting")]
        counted = self.env["engine.seed.placement"]._read_group(seen, ["tenant_id", "provider", "place"], ["__count"])
        for row in self:
            places = {
                place: count
                for tenant, provider, place, count in counted
                if (tenant, provider) == (row.tenant_id, row.provider)
            }
            good, total = places.get("inbox", 0), sum(places.values())
            placement = self.env._("%(good)s of %(total)s in the inbox", good=good, total=total)
            row.placement = placement if total else False

    @api.depends("provider")
    def _compute_reputation(self):
        """What Gmail and Outlook.com themselves said last of the tenant: the worst of its domains and IPs."""
        since = [("tenant_id", "in", self.tenant_id.ids), ("day", ">=", f"-{DAYS}d")]
        known = self.env["engine.reputation"].search(since, order="day desc, id desc")
        labels = dict(known._fields["level"]._description_selection(self.env))
        for row in self:
            of_row = known.filtered(
                lambda one, row=row: one.tenant_id == row.tenant_id and FEEDS[one.source] == row.provider
            )
            levels = of_row.filtered(lambda one, of_row=of_row: one.day == of_row[0].day).mapped("level")
            worst = max(levels, key=list(labels).index, default=False)
            row.reputation = worst and labels[worst]

    @api.depends("provider")
    def _compute_throttled(self):
        """What was learned from deferrals, in a sentence an IP."""
        standing = self.env["engine.throttle"].search([("tenant_id", "in", self.tenant_id.ids)])._in_force()
        for row in self:
            concerned = standing.filtered(
                lambda one, row=row: (
                    one.tenant_id == row.tenant_id
                    and provider_of(one.provider_id._get_provider().domains[0]) == row.provider
                )
            )
            row.throttled = ", ".join(
                self.env._("%(ip)s: %(rate)s an hour", ip=one.ip_id.address, rate=one.rate) for one in concerned
            )

    @property
    def _table_query(self):
        return SQL(
            """
            WITH days AS (
                SELECT min(id) AS id, tenant_id, company_id, coalesce(provider, 'other') AS provider,
                       sum(delivered) AS delivered, sum(deferred) AS deferred, sum(block) AS blocked,
                       sum(hard) AS dead, sum(soft) AS soft, sum(complained) AS complained
                  FROM engine_stat_day WHERE day > CURRENT_DATE - %(days)s GROUP BY 2, 3, 4
            ), failures AS (
                SELECT DISTINCT ON (tenant_id, provider)
                       tenant_id, coalesce(provider, 'other') AS provider, fault, reason
                  FROM (SELECT tenant_id, provider, fault, reason, count(*) AS often FROM engine_event
                         WHERE time > now() AT TIME ZONE 'UTC' - %(days)s * interval '1 day'
                           AND type IN ('b', 'rb', 't') AND kind <> 'ignored' GROUP BY 1, 2, 3, 4) counted
                 ORDER BY tenant_id, provider, often DESC
            )
            SELECT d.id, d.tenant_id, d.company_id, d.provider, d.delivered, d.deferred, d.blocked, d.dead,
                   d.complained,
                   (d.delivered + d.blocked + d.dead + d.soft) AS processed,
                   round(100.0 * d.delivered / nullif(d.delivered + d.blocked + d.dead + d.soft, 0), 1)::float
                       AS delivered_share,
                   round(100.0 * d.complained / nullif(d.delivered, 0), 3)::float AS complaint_share, f.fault, f.reason
              FROM days d LEFT JOIN failures f ON f.tenant_id = d.tenant_id AND f.provider = d.provider
             WHERE d.delivered + d.deferred + d.blocked + d.dead + d.soft + d.complained > 0
            """,
            days=DAYS,
        )
