from odoo import api, models
from odoo.tools import SQL

from odoo.addons.lokario_base.tools.transaction import own_transaction, transaction

from .engine_campaign_audience import IN_REQUEST

CHUNK = 2000  # recipients of one job

OPEN_RESERVATIONS = """
SELECT DISTINCT l.token FROM engine_lease l JOIN engine_campaign_chunk c ON c.lease = l.token
 WHERE c.campaign_id = %(campaign_id)s AND l.state = 'open'
   AND NOT EXISTS (SELECT FROM engine_campaign_chunk k
                    WHERE k.lease = l.token
                      AND (k.state IN ('pending', 'running')
                           OR EXISTS (SELECT FROM engine_campaign_recipient r
                                       WHERE r.chunk_id = k.id AND r.state = 'unknown')))
"""
IS_BUSY = """
SELECT FROM engine_campaign_chunk WHERE campaign_id = %(campaign_id)s AND state IN ('pending', 'running') LIMIT 1
"""
# The journal is written by other connections: what is left is asked on one of its own, with the campaign locked.
NOTHING_LEFT = """
SELECT FROM engine_campaign c
 WHERE id = %(campaign_id)s AND state = 'sending' AND is_preparing IS NOT TRUE
   AND NOT EXISTS (SELECT FROM engine_campaign_chunk k WHERE k.campaign_id = c.id AND k.state IN ('pending', 'running'))
   AND NOT EXISTS (SELECT FROM engine_campaign_recipient r
                    WHERE r.campaign_id = c.id AND r.chunk_id IS NULL
                      AND r.state IN ('queued', 'held'))
   FOR NO KEY UPDATE
"""


class EngineTransportPowermta(models.AbstractModel):
    """Chunk by chunk through the tenant's own IPs, each chunk from a reservation of quota."""

    _name = "engine.transport.powermta"
    _inherit = "engine.transport"
    _description = "Transport: PowerMTA"

    _counts_engagement = True

    @api.model
    def _check_ready(self, campaign):
        campaign.tenant_id._get_addresses()

    @api.model
    def _start(self, campaign, counted):
        """Reserve today's part here and now, and queue its chunks."""
        grants, chunks = self._allocate(campaign, counted.waiting)
        self._check_granted(campaign.tenant_id, grants)
        if sum(counted) > IN_REQUEST:
            campaign._prepare_later()
        else:
            self.env["engine.campaign.audience"]._populate(campaign, chunks)
            chunks._enqueue()
        return self._build_answer(campaign, counted, grants)

    @api.model
    def _begin(self, campaign):
        campaign.chunk_ids._enqueue()

    @api.model
    def _start_message(self, message, waiting):
        message.tenant_id._get_addresses()
        grants = self._reserve_message(message, waiting, has_journal=True)
        chunks = self._create_chunks(message.campaign_id, grants)
        self.env["engine.campaign.audience"]._assign(message.campaign_id, chunks, message)
        chunks._enqueue()

    @api.model
    def _continue(self, campaign):
        campaign.chunk_ids.filtered(lambda chunk: chunk.state == "pending")._enqueue()
        self._close_reservations(campaign)
        audience = self.env["engine.campaign.audience"]
        if waiting := audience._count_waiting(campaign):
            _grants, chunks = self._allocate(campaign, waiting)
            audience._assign(campaign, chunks)
            chunks._enqueue()

    @api.model
    def _advance(self, campaign):
        self._close_reservations(campaign)
        with own_transaction(campaign) as mine:
            mine.env.cr.execute(NOTHING_LEFT, {"campaign_id": campaign.id})
            is_finished = bool(mine.env.cr.rowcount)
            if is_finished and mine.kind == "campaign":
                mine._set_sent()
        if not is_finished:
            key = f"email_engine_campaign.campaign.{campaign.id}"
            campaign_sudo = campaign.sudo()._in_company_language()
            campaign_sudo.with_delay(channel="root.email_engine", identity_key=key)._job_continue()

    @api.model
    def _after_chunk(self, campaign):
        """A chunk came to its end, with the journal committed by other connections: the last one goes on."""
        with transaction(self.env) as cr:
            cr.execute(IS_BUSY, {"campaign_id": campaign.id})
            is_busy = cr.rowcount
        if is_busy:
            self._close_reservations(campaign)
        else:
            self._advance(campaign)

    # === QUOTA === #

    def _allocate(self, campaign, waiting):
        """Reserve what fits today of those who wait and cut it into chunks; returns (grants, chunks)."""
        quota, purpose = self.env["engine.quota"], f"campaign/{campaign.id}"
        grants = quota._reserve(campaign.tenant_id, waiting, partial=True, purpose=purpose, has_journal=True)
        quota._release_on_rollback(grants)
        self._note_forecast(campaign, waiting, grants)
        return grants, self._create_chunks(campaign, grants)

    def _create_chunks(self, campaign, grants):
        values = [values for grant in grants for values in self._cut(campaign, grant)]
        return self.env["engine.campaign.chunk"].sudo().create(values).sudo(self.env.su)

    def _cut(self, campaign, grant):
        """The values of a grant's chunks."""
        ip = self.env["engine.ip"].browse(grant["ip_id"])
        shared = {"campaign_id": campaign.id, "ip_id": ip.id, "lease": grant["reservation"]}
        shared["reason"] = self._explain(ip, grant)
        for start in range(0, grant["granted"], CHUNK):
            yield {**shared, "size": min(CHUNK, grant["granted"] - start)}

    def _close_reservations(self, campaign):
        """Give back what is left of reservations whose chunks are done and without doubt."""
        with transaction(self.env) as cr:
            cr.execute(OPEN_RESERVATIONS, {"campaign_id": campaign.id})
            tokens = [token for (token,) in cr.fetchall()]
        for reservation in self.env["engine.lease"].sudo().search([("token", "in", tokens)]):
            sent = reservation._sent_without_report()[reservation.id]
            self.env["engine.quota"]._settle(reservation.token, sent)

    # === MESSAGES WITHOUT AN ANSWER === #

    @api.model
    def _cron_reconcile(self):
        """Ask PowerMTA's records about messages without an answer; see `_reconcile`."""
        for tenant in self.env["engine.tenant"].search([("records_receipts", "=", True)]):
            self._reconcile(tenant)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    @api.model
    def _reconcile(self, tenant):
        """Queue again what verifiably never arrived; returns how many.

        A message leaves "unknown" by its own receipt, delivery or bounce record. When PowerMTA has
        written receipts of later messages, older than those by the reconciliation delay, a message without
        one was not taken: it waits again. Without such a record it stays unknown, and is never resent.
        """
        queued = self.env.execute_query(
            SQL(
                """UPDATE engine_campaign_recipient r SET state = 'queued', chunk_id = NULL, doubt_since = NULL,
                          answer = 'PowerMTA has no record of it: sent again'
                    WHERE r.tenant_id = %s AND r.doubt_since IS NOT NULL AND r.state = 'unknown'
                      AND r.doubt_since + %s * interval '1 second' <
                          (SELECT max(e.time) FROM engine_event e WHERE e.tenant_id = %s AND e.type = 'r')
                      AND NOT EXISTS (SELECT FROM engine_event e WHERE e.recipient_id = r.id)
                RETURNING r.campaign_id""",
                tenant.id,
                tenant.settle_seconds,
                tenant.id,
            )
        )
        campaigns = self.env["engine.campaign"].browse({campaign_id for (campaign_id,) in queued})
        campaigns.filtered(lambda campaign: campaign.state == "sent")._set_sending()
        self.env["engine.campaign.recipient"].invalidate_model()
        return len(queued)
