from odoo import api, fields, models

TYPES = [
    ("d", "Delivered"),
    ("b", "Bounced"),
    ("t", "Deferred"),
    ("tq", "Queue deferred"),
    ("r", "Received by PowerMTA"),
    ("f", "Complaint"),
    ("rb", "Bounced later"),
    ("rs", "Status report"),
    ("open", "Opened"),
    ("click", "Clicked"),
    ("unsubscribe", "Unsubscribed"),
]
FAULTS = [
    ("recipient", "The recipient's mailbox"),
    ("sender", "Our name, DNS or authentication"),
    ("reputation", "Our reputation or speed"),
    ("content", "The message"),
    ("receiver", "Their server"),
    ("configuration", "Our configuration"),
    ("none", "None"),
]
NAMES = {  # what programs are told
    "d": "email.delivered",
    "b": "email.bounced",
    "rb": "email.bounced",
    "t": "email.deferred",
    "f": "email.complained",
    "open": "email.opened",
    "click": "email.clicked",
    "unsubscribe": "email.unsubscribed",
}
EVENT_DAYS = 90
PURGE_BATCH = 100_000


class EngineEvent(models.Model):
    """One thing that happened to a message, counted once however often it is reported.

    Written by `engine.event.ingest` alone. `recipient_id` is a plain number: a foreign key would
    be checked for each of millions of rows that are only ever read together.
    """

    _name = "engine.event"
    _inherit = ["engine.reason.mixin", "lokario.access.mixin"]
    _description = "E-mail event"
    _order = "id desc"
    _log_access = False
    _rec_name = "rcpt"

    key = fields.Char(required=True, readonly=True, help="Identity of the reported row")
    type = fields.Selection(TYPES, required=True, readonly=True)
    time = fields.Datetime(required=True, readonly=True)
    tenant_id = fields.Many2one("engine.tenant", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one(related="tenant_id.company_id")
    campaign_id = fields.Many2one("engine.campaign", readonly=True, ondelete="set null")
    recipient_id = fields.Integer(readonly=True)
    ip_id = fields.Many2one("engine.ip", "IP address", readonly=True, ondelete="set null")
    rcpt = fields.Char("Address", readonly=True)
    provider = fields.Char(readonly=True)
    kind = fields.Selection(
        [
            ("hard", "Address does not exist"),
            ("soft", "Temporary"),
            ("block", "Refused as spam or by policy"),
            ("technical", "Our configuration"),
            ("ignored", "No failure"),
        ],
        "Cause",
        readonly=True,
    )
    reason = fields.Char(readonly=True)
    fault = fields.Selection(FAULTS, "At fault", readonly=True)
    is_final = fields.Boolean("Final answer", readonly=True, help="The same mail would be refused again")
    diagnostic = fields.Char(readonly=True)

    _key_uniq = models.UniqueIndex("(key)")
    _recipient_idx = models.Index("(recipient_id) WHERE recipient_id IS NOT NULL")
    _receipt_idx = models.Index("(tenant_id, time) WHERE type = 'r'")
    _dead_idx = models.Index("(tenant_id, rcpt) WHERE kind = 'hard'")
    _time_idx = models.Index("USING brin (time)")

    def _describe(self):
        """Return the event as the API lists it."""
        self.ensure_one()
        return {
            "id": self.id,
            "event": NAMES[self.type],
            "timestamp": self.time,
            "email": self.rcpt or "",
            "bounce_class": self.kind or None,
            "reason": self.reason or None,
            "diagnostic": self.diagnostic or "",
        }

    @api.autovacuum
    def _gc_events(self):
        """Delete, a batch a call, what is older than the policy (`email_engine.event_days`); the day figures stay.

        So is what a clock that runs ahead has dated as far into the future: it would stay for ever.
        """
        days = int(self.env["ir.config_parameter"].sudo().get_param("email_engine.event_days", EVENT_DAYS))
        self.env.cr.execute(
            """DELETE FROM engine_event WHERE id IN (
                   SELECT id FROM engine_event
                    WHERE time < now() AT TIME ZONE 'UTC' - %(days)s * interval '1 day'
                       OR time > now() AT TIME ZONE 'UTC' + %(days)s * interval '1 day' LIMIT %(most)s)""",
            {"days": days, "most": PURGE_BATCH},
        )
        deleted = self.env.cr.rowcount
        return deleted, deleted == PURGE_BATCH
