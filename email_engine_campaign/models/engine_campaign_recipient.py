from odoo import api, fields, models

STATES = [
    ("queued", "Waiting"),
    ("handing", "At MailWizz"),
    ("unknown", "Unknown"),
    ("sent", "Sent"),
    ("delivered", "Delivered"),
    ("bounced", "Bounced"),
    ("complained", "Complained"),
    ("refused", "Refused"),
    ("failed", "Not rendered"),
    ("suppressed", "Suppressed"),
    ("invalid", "No address"),
]

JOURNAL_DAYS = 400  # unsubscribe links of older messages end with their lines
PURGE_BATCH = 50_000


class EngineCampaignRecipient(models.Model):
    """The journal: one line a person and campaign, and what became of the message.

    queued -> sent, refused, or unknown: handed over without an answer. Only PowerMTA's records settle
    an unknown. Up to whom a chunk is being handed over, its own line says, committed before.

    A recipient's line is written once when the message leaves. No index knows the state, and pages keep
    room: a change of state stays on its page (PostgreSQL's HOT updates).
    """

    _name = "engine.campaign.recipient"
    _inherit = ["lokario.access.mixin"]
    _description = "Campaign recipient"
    _order = "id"
    _rec_name = "email"
    _log_access = False  # written by the hundred thousand; `handed_at` tells when

    campaign_id = fields.Many2one("engine.campaign", required=True, ondelete="cascade")
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True)
    contact_id = fields.Many2one("engine.contact", index=True, ondelete="set null")
    chunk_id = fields.Many2one("engine.campaign.chunk", index=True, ondelete="set null")
    email = fields.Char("Address", required=True)
    variant = fields.Integer("Subject", help="0: subject A, 1: subject B")
    state = fields.Selection(STATES, required=True, default="queued")
    attempts = fields.Integer(default=0, required=True)
    handed_at = fields.Datetime("Handed over on")
    doubt_since = fields.Datetime("In doubt since", help="Handed over then, without an answer")
    answer = fields.Char(help="What the delivery server, or the recipient's, said")
    opened_at = fields.Datetime("First opened on")
    clicked_at = fields.Datetime("First click on")
    unsubscribed_at = fields.Datetime("Unsubscribed on")

    _person_uniq = models.UniqueIndex("(campaign_id, email)", "This person is in this campaign already.")
    _waiting_idx = models.Index("(campaign_id, id) WHERE chunk_id IS NULL")
    _doubt_idx = models.Index("(tenant_id) WHERE doubt_since IS NOT NULL")

    def init(self):
        """Leave room on every page for a second, longer version of all its lines."""
        self.env.cr.execute("ALTER TABLE engine_campaign_recipient SET (fillfactor = 40)")

    @api.autovacuum
    def _gc_journal(self):
        """Forget, a batch a call, who got campaigns that ended long ago (`email_engine.journal_days`)."""
        days = int(self.env["ir.config_parameter"].sudo().get_param("email_engine.journal_days", JOURNAL_DAYS))
        self.env.cr.execute(
            """DELETE FROM engine_campaign_recipient WHERE id IN (
                   SELECT r.id FROM engine_campaign_recipient r JOIN engine_campaign c ON c.id = r.campaign_id
                    WHERE c.state IN ('sent', 'cancelled')
                      AND coalesce(c.finished_at, c.write_date) < now() AT TIME ZONE 'UTC' - %s * interval '1 day'
                    LIMIT %s)""",
            (days, PURGE_BATCH),
        )
        deleted = self.env.cr.rowcount
        return deleted, deleted == PURGE_BATCH
