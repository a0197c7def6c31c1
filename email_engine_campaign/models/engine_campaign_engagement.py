import hashlib
import hmac

from odoo import api, fields, models
from odoo.tools import formatLang

from odoo.addons.email_engine_bridge.tools import verp
from odoo.addons.email_engine_bridge.tools.bounce import provider_of
from odoo.addons.lokario_base.tools.transaction import own_transaction, transaction

LEFT = ("sent", "delivered", "bounced", "complained")


class EngineCampaign(models.Model):
    """How the two subjects of an A/B test fare."""

    _inherit = "engine.campaign"

    result_a = fields.Char("With subject A", compute="_compute_results")
    result_b = fields.Char("With subject B", compute="_compute_results")

    @api.depends("state")
    @api.depends_context("lang")
    def _compute_results(self):
        left = [("campaign_id", "in", self.ids), ("state", "in", LEFT)]
        figures = ["__count", "opened_at:count", "clicked_at:count"]
        counted = self.env["engine.campaign.recipient"]._read_group(left, ["campaign_id", "variant"], figures)
        rows = {(campaign, variant): counts for campaign, variant, *counts in counted}
        for campaign in self:
            campaign.result_a, campaign.result_b = (
                self._describe_result(*rows.get((campaign, variant), (0, 0, 0))) for variant in (0, 1)
            )

    def _describe_result(self, sent, opened, clicked):
        def rate(part):
            return formatLang(self.env, 100 * part / sent if sent else 0, digits=1)

        return self.env._(
            "%(sent)s sent, %(opened)s opened (%(open_rate)s %%), %(clicked)s clicked (%(click_rate)s %%)",
            sent=sent,
            opened=opened,
            open_rate=rate(opened),
            clicked=clicked,
            click_rate=rate(clicked),
        )


class EngineCampaignRecipient(models.Model):
    """What a recipient does with the message: read, follow a link, leave."""

    _inherit = "engine.campaign.recipient"

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
        self.env["engine.suppression"]._suppress(self.tenant_id, [self.email], "unsubscribe", note)
        if self.contact_id.consent == "given":
            self.contact_id.consent = "withdrawn"
        if not self.unsubscribed_at:
            self.unsubscribed_at = fields.Datetime.now()
            self._record_event_on(self.env.cr, "unsubscribe")

    def _set_lists(self, kept):
        """Keep only the lists whose ids (texts) are given; of this tenant's lists the contact is in."""
        self.ensure_one()
        with own_transaction(self) as mine:
            lists = mine.contact_id.list_ids
            leaving = lists.filtered(lambda one: str(one.id) not in kept)
            mine.contact_id.list_ids -= leaving
            if leaving and leaving == lists:
                mine._withdraw()

    def _record_engagement(self, kind):
        """Count the first opening; only where the campaign says that opens are counted."""
        if self.campaign_id.track_opens:
            with transaction(self.env) as cr:
                self._record_event_on(cr, kind)

    def _follow_link(self, position):
        """The link of the campaign at this position, its click counted once a person."""
        link = self.campaign_id.link_ids.filtered(lambda one: one.position == position and one._is_web())
        if link and self.campaign_id.track_clicks:
            with transaction(self.env) as cr:
                if self._record_event_on(cr, "click", link.url, f"-{position}"):
                    cr.execute("UPDATE engine_campaign_link SET clicks = clicks + 1 WHERE id = %s", (link.id,))
        return link

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
            None,
            None,
            diagnostic,
            True,
        )
        _known, fresh = self.env["engine.event.ingest"]._store_rows_on(cr, [row], self.tenant_id.ids)
        self.invalidate_recordset()
        return bool(fresh)

    def _anonymous_key(self, text):
        """The same for the same text, and nobody can tell the text from it without the server's secret."""
        secret = self.env["engine.tenant"]._get_token_secret()
        return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()[:22]
