import hashlib
import hmac

from odoo import api, fields, models

from odoo.addons.email_engine_bridge.exceptions import SubscriberRejected
from odoo.addons.email_engine_bridge.tools import verp
from odoo.addons.email_engine_bridge.tools.bounce import provider_of
from odoo.addons.email_engine_bridge.tools.campaign_content import before_body_end
from odoo.addons.email_engine_bridge.tools.campaign_sender import Addressee
from odoo.addons.lokario_base.tools.transaction import own_transaction, transaction

from ..tools.chunk_journal import ADDRESSEE

STATES = [
    ("queued", "Waiting"),
    ("held", "Waits for the winner"),
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
INTEND_MAILWIZZ = "UPDATE engine_campaign_recipient SET attempts = attempts + 1 WHERE id = %s RETURNING attempts"
NOTE_MAILWIZZ = """
UPDATE engine_campaign_recipient
   SET state = %(state)s, mailwizz_uid = %(uid)s, answer = %(answer)s,
       handed_at = coalesce(handed_at, clock_timestamp() AT TIME ZONE 'UTC')
 WHERE id = %(id)s AND state IN ('queued', 'handing')
"""
COUNT_CLICK = "UPDATE engine_campaign_link SET clicks = clicks + 1 WHERE campaign_id = %s AND position = %s"


class EngineCampaignRecipient(models.Model):
    """The journal: one line a person and campaign, and what became of the message.

    queued -> sent, refused, or unknown: handed over without an answer. Only PowerMTA's records decide
    an unknown. Up to whom a chunk is being handed over, its own line says, committed before.

    A recipient's line is written once when the message leaves. No index knows the state, and pages keep
    room: a change of state stays on its page (PostgreSQL's HOT updates).
    """

    _name = "engine.campaign.recipient"
    _inherit = ["lokario.access.mixin"]
    _description = "Campaign recipient"
    _order = "id"
    _rec_name = "email"
    _log_access = False  # written by the hundred thousand; `handed_at` says when

    campaign_id = fields.Many2one("engine.campaign", required=True, ondelete="cascade")
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True)
    contact_id = fields.Many2one("engine.contact", index=True, ondelete="set null")
    chunk_id = fields.Many2one("engine.campaign.chunk", index=True, ondelete="set null")
    message_id = fields.Many2one("engine.message", index="btree_not_null", ondelete="cascade")
    mailwizz_part_id = fields.Many2one("engine.mailwizz.part", index="btree_not_null", ondelete="set null")
    email = fields.Char("Address", required=True)
    variant = fields.Integer("Subject", help="0: subject A, 1: subject B")
    state = fields.Selection(STATES, required=True, default="queued")
    attempts = fields.Integer(default=0, required=True)
    handed_at = fields.Datetime("Handed over on")
    doubt_since = fields.Datetime("In doubt since", help="Handed over then, without an answer")
    answer = fields.Char(help="What the delivery server, or the recipient's, said")
    mailwizz_uid = fields.Char("MailWizz email")
    opened_at = fields.Datetime("First opened on")
    clicked_at = fields.Datetime("First click on")
    unsubscribed_at = fields.Datetime("Unsubscribed on")

    _person_uniq = models.UniqueIndex(
        "(campaign_id, email) WHERE message_id IS NULL", "This person is in this campaign already."
    )
    _message_uniq = models.UniqueIndex("(message_id, email) WHERE message_id IS NOT NULL")
    _waiting_idx = models.Index("(campaign_id, id) WHERE chunk_id IS NULL")
    _doubt_idx = models.Index("(tenant_id) WHERE doubt_since IS NOT NULL")

    def init(self):
        """Leave room on every page for a second, longer version of all its lines."""
        self.env.cr.execute("ALTER TABLE engine_campaign_recipient SET (fillfactor = 40)")

    def _describe(self):
        """Return the recipient of a message as the API gives it."""
        self.ensure_one()
        return {
            "email": self.email,
            "state": self.state,
            "handed_over_at": self.handed_at or None,
            "answer": self.answer or "",
            "opened_at": self.opened_at or None,
            "clicked_at": self.clicked_at or None,
        }

    def _render_texts(self):
        """[subject, HTML, text] of this person's message as it is sent, None when it cannot be told any more."""
        self.ensure_one()
        source = self.message_id or self.campaign_id
        if not source.content:
            return None
        self.env.flush_all()
        self.env.cr.execute(f"{ADDRESSEE} WHERE q.id = %s", (self.id,))
        addressee = Addressee(*self.env.cr.fetchone())
        return source._get_content_sender(None, self.chunk_id.ip_id, "web").render(addressee)

    # === AT MAILWIZZ === #

    def _hand_to_mailwizz(self, client):
        """Have MailWizz write to this person; one that a crash left there already is found by its mark."""
        texts = self._render_texts()
        if not texts:
            return self._note_mailwizz("failed", answer="The message cannot be rendered")
        subject, html, text = texts
        mark = f"<!-- {verp.token(self.env['engine.tenant']._get_token_secret(), 'mailwizz', self.id)} -->"
        with transaction(self.env) as cr:
            cr.execute(INTEND_MAILWIZZ, (self.id,))
            [attempts] = cr.fetchone()
        try:
            uid = client.find_email(self.email, mark) if attempts > 1 else None
            values = self.message_id._get_mailwizz_values(self.email, subject)
            uid = uid or client.create_email(values, before_body_end(html, mark), text)
        except SubscriberRejected as error:
            return self._note_mailwizz("refused", answer=str(error))
        return self._note_mailwizz("handing", uid=uid)

    def _follow_at_mailwizz(self, client):
        status = client.email_status(self.mailwizz_uid)
        if status == "sent":
            self._note_mailwizz("sent", uid=self.mailwizz_uid)
        elif status == "failed":
            self._note_mailwizz("refused", uid=self.mailwizz_uid, answer="MailWizz could not send it")

    def _note_mailwizz(self, state, uid=None, answer=None):
        """What became of it, on a short transaction: a record of PowerMTA that came first is not overwritten."""
        with transaction(self.env) as cr:
            cr.execute(NOTE_MAILWIZZ, {"id": self.id, "state": state, "uid": uid, "answer": answer})
        self.env.invalidate_all(flush=False)

    # === WHAT A RECIPIENT DOES === #

    @api.model
    def _find_by_token(self, purpose, token):
        """The recipient an opaque token was made for, or none."""
        recipient_id = verp.read_token(self.env["engine.tenant"]._get_token_secret(), purpose, token)
        return self.browse(recipient_id or []).exists()

    def _unsubscribe(self):
        """Suppress the address for this tenant, effective for the next chunk of any campaign.

        All of it is one transaction of its own: the event is counted on rows that other requests change too.
        """
        self.ensure_one()
        with own_transaction(self) as mine:
            mine._withdraw()

    def _withdraw(self):
        """`_unsubscribe` within the transaction of the caller."""
        note = self.env._("Campaign %(name)s", name=self.campaign_id.name)
        self.env["engine.suppression"]._suppress(self.tenant_id, [self.email], "unsubscribe", note, source="page")
        if self.contact_id.consent == "given":
            self.contact_id.consent = "withdrawn"
        if not self.unsubscribed_at:
            self.unsubscribed_at = fields.Datetime.now()
            self._record_event_on(self.env.cr, "unsubscribe")

    def _has_left(self):
        """Whether the person has unsubscribed, by whatever way, and is not written to."""
        left = [("email", "=", self.email), ("reason", "=", "unsubscribe"), ("lifted_at", "=", False)]
        return bool(
            self.env["engine.suppression"].search_count([*left, ("tenant_id", "=", self.tenant_id.id)], limit=1)
        )

    def _get_offered_lists(self):
        """The lists of the preferences page: those the person is in, and those the tenant offers to everybody."""
        lists = self.contact_id.list_ids
        if self.contact_id:
            lists |= lists.search([("tenant_id", "=", self.tenant_id.id), ("is_public", "=", True)])
        return lists

    def _set_lists(self, chosen):
        """Be in those of the offered lists whose ids (texts) are given, and in no other."""
        self.ensure_one()
        with own_transaction(self) as mine:
            offered, former = mine._get_offered_lists(), mine.contact_id.list_ids
            mine.contact_id.list_ids = offered.filtered(lambda one: str(one.id) in chosen)
            if former and not mine.contact_id.list_ids:
                mine._withdraw()
            elif mine.contact_id.list_ids - former:
                mine.contact_id._consent_on_page()

    def _record_engagement(self, kind):
        """Count the first opening; only where the campaign, or the message, says that opens are counted."""
        if (self.message_id or self.campaign_id).track_opens:
            with transaction(self.env) as cr:
                self._record_event_on(cr, kind)

    def _follow_link(self, position, is_counted=True):
        """The address of the campaign's or message's link at this position, its click counted once a person."""
        source = self.message_id or self.campaign_id
        url = source._get_link(position)
        if url and is_counted and source.track_clicks:
            with transaction(self.env) as cr:
                if self._record_event_on(cr, "click", url, f"-{position}"):
                    cr.execute(COUNT_CLICK, (self.campaign_id.id, position))
        return url

    def _record_event_on(self, cr, kind, diagnostic="", detail=""):
        """Whether this is the first time; no address of the reader's machine is kept."""
        self.env.flush_all()
        named = kind == "unsubscribe" or self.tenant_id.engagement_privacy == "person"
        row = (
            f"{kind}-{self.id}{detail}" if named else self._anonymous_key(f"{kind}-{self.id}{detail}"),
            kind,
            fields.Datetime.to_string(fields.Datetime.now()),
            self.tenant_id.id,
            self.campaign_id.id,
            self.id if named else None,
            None,
            self.email if named else "",
            provider_of(self.email.rpartition("@")[2]),
            *[None] * 4,
            diagnostic,
            True,
        )
        _known, fresh = self.env["engine.event.ingest"]._store_rows_on(cr, [row], self.tenant_id.ids)
        self.invalidate_recordset()
        return bool(fresh)

    def _anonymous_key(self, text):
        """The same for the same text, from which the text cannot be derived without the server's secret."""
        secret = self.env["engine.tenant"]._get_token_secret()
        return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()[:22]

    # === RETENTION === #

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
