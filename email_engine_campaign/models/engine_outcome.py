from odoo import fields, models
from odoo.tools import SQL

# (name, label, column of the day figures). Charts sort by name and colour in that order: delivered comes first.
OUTCOMES = [
    ("delivered", "Delivered", "delivered"),
    ("refused", "Refused as spam", "block"),
    ("reported", "Complaint", "complained"),
    ("retried", "Deferred", "deferred"),
    ("temporary", "Temporary failure", "soft"),
    ("unknown", "Unknown address", "hard"),
    ("opened", "Opened", "opened"),
    ("followed", "Clicked", "clicked"),
    ("unsubscribed", "Unsubscribed", "unsubscribed"),
]


class EngineOutcome(models.Model):
    """The day figures with one row an outcome, as charts want them."""

    _name = "engine.outcome"
    _inherit = ["lokario.choice.name.mixin", "lokario.access.mixin"]
    _description = "Outcome"
    _auto = False
    _order = "day desc, id"
    _rec_name = "outcome"

    day = fields.Date(readonly=True)
    tenant_id = fields.Many2one("engine.tenant", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    campaign_id = fields.Many2one("engine.campaign", readonly=True)
    ip_id = fields.Many2one("engine.ip", "IP address", readonly=True)
    provider = fields.Char(readonly=True)
    outcome = fields.Selection([outcome[:2] for outcome in OUTCOMES], readonly=True)
    emails = fields.Integer("Mails", readonly=True)

    @property
    def _table_query(self):
        rows = SQL(", ").join(
            SQL("(%s, %s, s.%s)", place, name, SQL.identifier(column))
            for place, (name, _label, column) in enumerate(OUTCOMES)
        )
        return SQL(
            """SELECT s.id * %s + o.place AS id, s.day, s.tenant_id, s.company_id, s.campaign_id, s.ip_id, s.provider,
                      o.outcome, o.emails
                 FROM engine_stat_day s CROSS JOIN LATERAL (VALUES %s) AS o (place, outcome, emails)
                WHERE o.emails > 0""",
            len(OUTCOMES),
            rows,
        )
