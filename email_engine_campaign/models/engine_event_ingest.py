from itertools import islice

from odoo import api, models

from odoo.addons.email_engine_bridge.models.engine_ip_day import insert_days
from odoo.addons.email_engine_bridge.tools import verp
from odoo.addons.email_engine_bridge.tools.accounting import read_records
from odoo.addons.email_engine_bridge.tools.bounce import classify, provider_of
from odoo.addons.email_engine_bridge.tools.mailwizz_events import read_mailwizz_events
from odoo.addons.lokario_base.tools.copying import copy_rows
from odoo.addons.lokario_base.tools.transaction import transaction

from .engine_suppression import ON_CONFLICT

BATCH = 20_000  # rows stored in one transaction
ERRORS_SHOWN = 100
MAX_DIAGNOSTIC = 300
FAILURES = ("b", "rb", "t", "tq")

STAGED = (
    *("key", "type", "time", "tenant_id", "campaign_id", "token_id", "ip_id", "rcpt", "provider", "kind", "reason"),
    *("fault", "is_final", "diagnostic", "is_own"),
)
STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS engine_event_stage (
    key text, type text, time timestamp, tenant_id int, campaign_id int, token_id int, ip_id int,
    rcpt text, provider text, kind text, reason text, fault text, is_final bool, diagnostic text, is_own bool
) ON COMMIT DROP;
CREATE TEMPORARY TABLE IF NOT EXISTS engine_event_fresh (
    key text, id int, type text, time timestamp, tenant_id int, campaign_id int, recipient_id int, ip_id int,
    rcpt text, provider text, kind text, diagnostic text, is_own bool
) ON COMMIT DROP;
TRUNCATE engine_event_stage, engine_event_fresh
"""
# Tenant and recipient by the job, else (the job of a stream has many messages to a person) by the token of the envelope
# sender; unique keys drop repeats.
STORE = """
WITH known AS (
    SELECT DISTINCT ON (s.key) s.key, s.type, s.time, s.rcpt, s.provider, s.kind, s.reason, s.fault, s.is_final,
           s.diagnostic, s.ip_id, coalesce(s.tenant_id, v.tenant_id) AS tenant_id,
           coalesce(s.campaign_id, v.campaign_id) AS campaign_id, coalesce(r.id, v.id) AS recipient_id
      FROM engine_event_stage s
      LEFT JOIN engine_campaign_recipient r ON r.campaign_id = s.campaign_id AND r.email = s.rcpt
                                           AND r.message_id IS NULL
      LEFT JOIN engine_campaign_recipient v ON v.id = s.token_id AND r.id IS NULL
     WHERE coalesce(s.tenant_id, v.tenant_id) = ANY(%(tenant_ids)s)
       AND (s.tenant_id IS NULL OR v.tenant_id IS NULL OR s.tenant_id = v.tenant_id)
), fresh AS (
    INSERT INTO engine_event (key, type, time, tenant_id, campaign_id, recipient_id, ip_id, rcpt, provider, kind,
                              reason, fault, is_final, diagnostic)
    SELECT key, type, time, tenant_id, campaign_id, recipient_id, ip_id, rcpt, provider, kind, reason, fault, is_final,
           diagnostic
      FROM known ON CONFLICT (key) DO NOTHING
 RETURNING key, id, type, time, tenant_id, campaign_id, recipient_id, ip_id, rcpt, provider, kind, diagnostic
), kept AS (
    INSERT INTO engine_event_fresh (key, id, type, time, tenant_id, campaign_id, recipient_id, ip_id, rcpt, provider,
                                    kind, diagnostic)
    SELECT * FROM fresh RETURNING 1
)
SELECT (SELECT count(*) FROM known), (SELECT count(*) FROM kept)
"""
# Not by a join in STORE: PostgreSQL takes what passes its conditions for one row, and compares each row with each.
MARK_OWN = """
UPDATE engine_event_fresh f SET is_own = true FROM engine_event_stage s WHERE s.key = f.key AND s.is_own
"""
IP_OF_RECIPIENT = """
UPDATE engine_event_fresh f SET ip_id = k.ip_id
  FROM engine_campaign_recipient r JOIN engine_campaign_chunk k ON k.id = r.chunk_id
 WHERE f.ip_id IS NULL AND r.id = f.recipient_id
"""
COUNT_DAYS = """
INSERT INTO engine_stat_day AS s (day, tenant_id, company_id, campaign_id, ip_id, provider, delivered, hard, soft,
                                  block, deferred, complained, opened, clicked, unsubscribed)
SELECT (f.time AT TIME ZONE 'UTC' AT TIME ZONE t.tz)::date, f.tenant_id, t.company_id, f.campaign_id, f.ip_id,
       f.provider,
       count(*) FILTER (WHERE f.type = 'd'),
       count(*) FILTER (WHERE f.type IN ('b', 'rb') AND f.kind = 'hard'),
       count(*) FILTER (WHERE f.type IN ('b', 'rb') AND f.kind IN ('soft', 'technical')),
       count(*) FILTER (WHERE f.type IN ('b', 'rb') AND f.kind = 'block'),
       count(*) FILTER (WHERE f.type = 't'), count(*) FILTER (WHERE f.type = 'f'),
       count(*) FILTER (WHERE f.type = 'open'), count(*) FILTER (WHERE f.type = 'click'),
       count(*) FILTER (WHERE f.type = 'unsubscribe')
  FROM engine_event_fresh f JOIN engine_tenant t ON t.id = f.tenant_id
 WHERE f.type NOT IN ('r', 'tq', 'rs')
 GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 4, 5, 6
    ON CONFLICT (tenant_id, day, COALESCE(campaign_id, 0), COALESCE(ip_id, 0), COALESCE(provider, '')) DO UPDATE
   SET delivered = s.delivered + EXCLUDED.delivered, hard = s.hard + EXCLUDED.hard, soft = s.soft + EXCLUDED.soft,
       block = s.block + EXCLUDED.block, deferred = s.deferred + EXCLUDED.deferred,
       complained = s.complained + EXCLUDED.complained, opened = s.opened + EXCLUDED.opened,
       clicked = s.clicked + EXCLUDED.clicked, unsubscribed = s.unsubscribed + EXCLUDED.unsubscribed
"""
# What the warm-up judges an IP by: failures that are the address's own or the sender's, complaints; and the mails that
# left. Our journal counts its own; every other mail has one final row, delivered or bounced (a later report of a
# delivered one is `rb`). Who reserved by script reports a number, and its rows are among these: the larger one counts.
COUNT_IPS = insert_days(
    """SELECT ip.id AS ip_id, (f.time AT TIME ZONE 'UTC' AT TIME ZONE t.tz)::date AS day, 0 AS quota,
                  count(*) FILTER (WHERE f.type IN ('d', 'b') AND f.is_own IS NOT TRUE) AS sent,
                  count(*) FILTER (WHERE f.type IN ('d', 'b') AND f.is_own IS NOT TRUE) AS recorded,
                  count(*) FILTER (WHERE f.type = 'd') AS delivered,
                  count(*) FILTER (WHERE f.type IN ('b', 'rb') AND f.kind IN ('hard', 'block', 'soft')) AS bounced,
                  count(*) FILTER (WHERE f.type = 'f') AS complained
             FROM engine_event_fresh f JOIN engine_ip ip ON ip.id = f.ip_id JOIN engine_tenant t ON t.id = ip.tenant_id
            WHERE f.type IN ('d', 'b', 'rb', 'f') GROUP BY 1, 2""",
    ("sent", "recorded", "delivered", "bounced", "complained"),
    """DO UPDATE
   SET sent = d.sent + greatest(coalesce(d.reported, 0), coalesce(d.recorded, 0) + EXCLUDED.recorded)
                     - greatest(coalesce(d.reported, 0), coalesce(d.recorded, 0)),
       recorded = coalesce(d.recorded, 0) + EXCLUDED.recorded,
       delivered = d.delivered + EXCLUDED.delivered, bounced = d.bounced + EXCLUDED.bounced,
       complained = d.complained + EXCLUDED.complained
""",
)
# A later state never gives way to an earlier one, whatever order the rows come in.
ADVANCE = """
WITH news AS (
    SELECT recipient_id,
           max(CASE WHEN type = 'f' THEN 4 WHEN type IN ('b', 'rb') AND kind <> 'ignored' THEN 3
                    WHEN type = 'd' THEN 2 WHEN type IN ('r', 't') THEN 1 ELSE 0 END) AS rank,
           min(time) FILTER (WHERE type IN ('r', 'd', 'b')) AS handed_at,
           min(time) FILTER (WHERE type = 'open') AS opened_at, min(time) FILTER (WHERE type = 'click') AS clicked_at,
           max(diagnostic) FILTER (WHERE type IN ('b', 'rb', 'd')) AS answer
      FROM engine_event_fresh WHERE recipient_id IS NOT NULL GROUP BY recipient_id
)
UPDATE engine_campaign_recipient r
   SET state = CASE WHEN news.rank > CASE r.state WHEN 'complained' THEN 4 WHEN 'bounced' THEN 3 WHEN 'delivered' THEN 2
                                                  WHEN 'sent' THEN 1 ELSE 0 END
                    THEN (ARRAY['sent', 'delivered', 'bounced', 'complained'])[news.rank] ELSE r.state END,
       handed_at = coalesce(r.handed_at, news.handed_at),
       opened_at = least(r.opened_at, news.opened_at), clicked_at = least(r.clicked_at, news.clicked_at),
       doubt_since = CASE WHEN news.rank = 0 THEN r.doubt_since END, answer = coalesce(news.answer, r.answer)
  FROM news WHERE r.id = news.recipient_id
"""
# One final answer about the address is enough, unless the tenant asks for several, on so many days.
SUPPRESS = f"""
INSERT INTO engine_suppression AS s (email, tenant_id, company_id, reason, source, note, create_uid, write_uid,
                                     create_date, write_date)
SELECT DISTINCT ON (f.rcpt, f.tenant_id) f.rcpt, f.tenant_id, t.company_id,
       CASE WHEN f.type = 'f' THEN 'complaint' ELSE 'hard_bounce' END, 'powermta', f.diagnostic, 1, 1,
       now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
  FROM engine_event_fresh f JOIN engine_tenant t ON t.id = f.tenant_id
 WHERE f.rcpt <> '' AND (f.type = 'f' OR (f.type IN ('b', 'rb') AND f.kind = 'hard' AND
       (t.dead_after <= 1 OR EXISTS (
           SELECT 1 FROM engine_event e
            WHERE e.tenant_id = f.tenant_id AND e.rcpt = f.rcpt AND e.kind = 'hard' AND e.type IN ('b', 'rb')
           HAVING count(*) >= t.dead_after AND max(e.time) - min(e.time) >= t.dead_days * interval '1 day'))))
 ORDER BY f.rcpt, f.tenant_id, f.type = 'f' DESC
{ON_CONFLICT}
"""  # noqa: S608 constants
STEPS = (MARK_OWN, IP_OF_RECIPIENT, COUNT_DAYS, COUNT_IPS, ADVANCE, SUPPRESS)


class EngineEventIngest(models.AbstractModel):
    """Take accounting rows of any order, any number of times; count each of them once."""

    _name = "engine.event.ingest"
    _description = "Event intake"

    @api.model
    def _ingest(self, tenants, chunks):
        """Store the accounting in an iterable of byte chunks for these tenants; commits as it goes.

        Returns received, stored, repeated, foreign (rows of no tenant or of another one) and errors.
        Each batch is one short transaction, so that an intake that is cut short is simply repeated.
        """
        summary = {"received": 0, "stored": 0, "repeated": 0, "foreign": 0, "error_count": 0, "errors": []}

        def on_error(number, reason):
            summary["error_count"] += 1
            if len(summary["errors"]) < ERRORS_SHOWN:
                summary["errors"].append({"row": number, "error": reason})

        context = self._read_context(tenants)
        records = read_records(chunks, on_error)
        while batch := list(islice(records, BATCH)):
            self._store_batch(batch, context, summary)
        summary["received"] += summary["error_count"]
        self.env.invalidate_all()
        return summary

    @api.model
    def _ingest_mailwizz(self, tenants, body):
        """Opens and clicks as MailWizz's campaign webhooks send them (they are the only two there are)."""
        events = read_mailwizz_events(body)
        uids = list({event.campaign_uid for event in events})
        parts = self.env["engine.mailwizz.part"].search(
            [("tenant_id", "in", tenants.ids), ("campaign_uid", "in", uids)]
        )
        by_uid = {part.campaign_uid: part.campaign_id for part in parts}
        rows = [_mailwizz_row(event, by_uid[event.campaign_uid]) for event in events if event.campaign_uid in by_uid]
        known, fresh = self._store_rows(rows, tenants.ids) if rows else (0, 0)
        return {
            "received": len(events),
            "stored": fresh,
            "repeated": known - fresh,
            "foreign": len(events) - known,
            "error_count": 0,
            "errors": [],
        }

    @api.model
    def _bounce_phrases(self):
        """Return a tuple of tools.bounce.Phrase that come before the engine's own; for other addons."""
        return ()

    def _read_context(self, tenants):
        ips_sudo = (
            self.env["engine.ip"].sudo().with_context(active_test=False).search([("tenant_id", "in", tenants.ids)])
        )
        campaigns_sudo = self.env["engine.campaign"].sudo().search([("tenant_id", "in", tenants.ids)])
        self.env.flush_all()
        return {
            "tenant_ids": set(tenants.ids),
            "ips": {name: (ip.id, ip.tenant_id.id) for ip in ips_sudo for name in (ip.vmta_name, ip.address)},
            "campaigns": {campaign.id: campaign.tenant_id.id for campaign in campaigns_sudo},
            "streams": set(campaigns_sudo.filtered(lambda campaign: campaign.kind == "transactional").ids),
            "phrases": self._bounce_phrases(),
            "secret": tenants[:1]._get_token_secret() if tenants else b"",
        }

    def _store_batch(self, records, context, summary):
        rows = [_stage_row(record, context) for record in records]
        summary["received"] += len(rows)
        known, fresh = self._store_rows([row for row in rows if row], context["tenant_ids"])
        summary["stored"] += fresh
        summary["repeated"] += known - fresh
        summary["foreign"] += len(rows) - known

    @api.model
    def _store_rows(self, rows, tenant_ids):
        """(rows that are ours, rows that are new), stored in a transaction of their own."""
        with transaction(self.env) as cr:
            return self._store_rows_on(cr, rows, tenant_ids)

    @api.model
    def _store_rows_on(self, cr, rows, tenant_ids):
        """(rows that are ours, rows that are new); rows: values of engine_event_stage."""
        cr.execute(STAGE)
        copy_rows(cr, "engine_event_stage", STAGED, rows)
        cr.execute(STORE, {"tenant_ids": list(tenant_ids)})
        known, fresh = cr.fetchone()
        if fresh:
            for step in STEPS:
                cr.execute(step)
        return known, fresh


def _stage_row(record, context):
    """The stage's values of one record, None when it belongs to another tenant."""
    job = verp.parse_job(record.job) if record.job else None
    ip_id, ip_tenant = context["ips"].get(record.vmta or record.source_ip, (None, None))
    tenant_id = job.tenant_id if job else ip_tenant
    campaign_id = job.campaign_id if job and context["campaigns"].get(job.campaign_id) == tenant_id else None
    if (tenant_id not in context["tenant_ids"] and tenant_id is not None) or (ip_tenant and ip_tenant != tenant_id):
        return None
    token_id, is_own = None, verp.is_job_of_ours(record.job)
    if campaign_id is None or campaign_id in context["streams"]:
        token = verp.token_of_sender(record.sender) or verp.token_of_message_id(record.message_id)
        token_id = verp.read_token(context["secret"], "bounce", token) if token else None
        is_own = is_own or token_id is not None
        if tenant_id is None and token_id is None:
            return None
    kind = reason = fault = is_final = None
    if record.type in FAILURES:
        action = record.action if record.type in ("b", "rb") else ""  # that of a deferral says that it is one
        failure = (record.status, record.diagnostic, record.category, action)
        kind, reason, fault, is_final = classify(*failure, context["phrases"])
    elif record.type == "rs":
        kind, reason = "ignored", record.action
    rcpt = record.rcpt.lower()
    return (
        record.key if is_own else record.key_of_stranger,
        record.type,
        record.time,
        tenant_id,
        campaign_id,
        token_id,
        ip_id,
        rcpt,
        provider_of(rcpt.rpartition("@")[2]),
        kind,
        reason,
        fault,
        is_final,
        record.diagnostic[:MAX_DIAGNOSTIC] if record.type in ("b", "rb", "t", "f") else "",
        is_own,
    )


def _mailwizz_row(event, campaign):
    provider = provider_of(event.email.rpartition("@")[2])
    identity = (campaign.tenant_id.id, campaign.id, None, None)
    email = event.email if campaign.tenant_id.engagement_privacy == "person" else ""
    return (event.key, event.type, event.time, *identity, email, provider, *[None] * 4, event.url, True)
