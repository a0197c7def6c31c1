import logging
from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.lokario_base.tools.transaction import LOST_RACES, transaction

from .engine_campaign_chunk import OPEN_LEASES

_logger = logging.getLogger(__name__)

CHUNK = 2000  # recipients of one job
FORECAST_DAYS = 366
NO_QUOTA = "No IPs with sufficient quota"

# Everybody the lists and tags name is in the journal, those who must not be written to included.
AUDIENCE = """
SELECT c.tenant_id, c.company_id, c.id AS contact_id, c.email,
       CASE WHEN abs(hashtext(c.email || %(campaign_id)s)) %% 100 < %(share_b)s THEN 1 ELSE 0 END AS variant,
       CASE WHEN c.flag = 'invalid' THEN 'invalid'
            WHEN c.consent = 'withdrawn' OR s.id IS NOT NULL THEN 'suppressed' ELSE 'queued' END AS state
  FROM engine_contact c
  LEFT JOIN LATERAL (SELECT id FROM engine_suppression s WHERE s.email = c.email AND (s.tenant_id = c.tenant_id OR
                         (s.tenant_id IS NULL AND coalesce(s.company_id, c.company_id) = c.company_id))
                      LIMIT 1) s ON true
 WHERE c.tenant_id = %(tenant_id)s
   AND (NOT %(by_list)s OR EXISTS (SELECT FROM engine_contact_list_rel l
                                    WHERE l.contact_id = c.id AND l.list_id = ANY(%(list_ids)s)))
   AND (NOT %(by_tag)s OR EXISTS (SELECT FROM engine_contact_tag_rel t
                                   WHERE t.contact_id = c.id AND t.tag_id = ANY(%(tag_ids)s)))
"""
COUNT_AUDIENCE = f"SELECT count(*) FROM ({AUDIENCE}) audience WHERE state = 'queued'"  # noqa: S608 constants
# The chunk of the 1st, 2nd, 3rd… who waits.
PLACES = """
SELECT row_number() OVER (ORDER BY chunk.number) AS place, chunk.id AS chunk_id
  FROM unnest(%(chunk_ids)s::int[], %(sizes)s::int[]) WITH ORDINALITY AS chunk (id, size, number),
       generate_series(1, chunk.size)
"""
# A line is in its chunk from the beginning: a second version of it would take the room of the one to come.
POPULATE = f"""
INSERT INTO engine_campaign_recipient
       (campaign_id, tenant_id, company_id, contact_id, email, variant, state, chunk_id, attempts)
SELECT %(campaign_id)s, tenant_id, company_id, contact_id, email, variant, state, places.chunk_id, 0
  FROM (SELECT *, row_number() OVER (PARTITION BY state ORDER BY contact_id) AS place FROM ({AUDIENCE}) one) audience
  LEFT JOIN ({PLACES}) places ON places.place = audience.place AND state = 'queued'
 ORDER BY contact_id
    ON CONFLICT DO NOTHING
"""  # noqa: S608 constants
ASSIGN = f"""
UPDATE engine_campaign_recipient r SET chunk_id = places.chunk_id
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM engine_campaign_recipient
         WHERE campaign_id = %(campaign_id)s AND state = 'queued' AND chunk_id IS NULL) waiting
  JOIN ({PLACES}) places USING (place)
 WHERE r.id = waiting.id
"""  # noqa: S608 constants
FINISH = """
UPDATE engine_campaign c SET state = 'sent', finished_at = clock_timestamp() AT TIME ZONE 'UTC', fully_sent_on = NULL
 WHERE id = %(campaign_id)s AND state = 'sending'
   AND NOT EXISTS (SELECT FROM engine_campaign_chunk k WHERE k.campaign_id = c.id AND k.state IN ('pending', 'running'))
   AND NOT EXISTS (SELECT FROM engine_campaign_recipient r
                    WHERE r.campaign_id = c.id AND r.chunk_id IS NULL AND r.state = 'queued')
RETURNING id
"""
IS_BUSY = """
SELECT FROM engine_campaign_chunk WHERE campaign_id = %(campaign_id)s AND state IN ('pending', 'running') LIMIT 1
"""


class EngineCampaign(models.Model):
    """Starting, continuing and finishing a campaign."""

    _inherit = "engine.campaign"

    def _send(self, idempotency_key=None):
        """Start the campaign and return the documented answer; a repeated call changes nothing.

        Today's part is reserved here and now. Raises 409 when nothing fits today.
        """
        self.ensure_one()
        self._wait_for_lock()
        if self.send_answer:
            return self._repeat_answer(idempotency_key)
        self._check_ready()
        self._freeze_content()
        waiting = self._count_audience()
        self._set_state("sending")
        self.write({"started_at": fields.Datetime.now(), "idempotency_key": idempotency_key})
        if self.transport == "mailwizz":
            self._populate()
            self.send_answer = self._start_mailwizz()
            return self.send_answer
        grants, chunks = self._allocate(waiting)
        if not grants:
            raise ApiProblem(409, NO_QUOTA, extra={"success": False, "error": NO_QUOTA})
        self._populate(chunks)
        chunks._enqueue()
        self.send_answer = self._build_answer(grants)
        return self.send_answer

    def _wait_for_lock(self):
        """Let calls at the same time come one after another: who waited is repeated by Odoo and finds the answer."""
        self.flush_recordset()
        lock = "SELECT 1 FROM engine_campaign WHERE id = %s FOR NO KEY UPDATE"
        self.env.cr.execute(lock, (self.id,), log_exceptions=False)
        self.invalidate_recordset()

    def _repeat_answer(self, idempotency_key):
        if idempotency_key and self.idempotency_key and idempotency_key != self.idempotency_key:
            raise ApiProblem(409, "This campaign was sent already, with another Idempotency-Key.")
        return self.send_answer

    def _count_audience(self):
        """How many people will be written to; raises 409 when there is nobody."""
        self.env.flush_all()
        self.env.cr.execute(COUNT_AUDIENCE, self._get_audience())
        [waiting] = self.env.cr.fetchone()
        if not waiting:
            raise ApiProblem(409, "Nobody of these lists and tags may be written to.", extra={"success": False})
        return waiting

    def _get_audience(self):
        return {
            "campaign_id": self.id,
            "tenant_id": self.tenant_id.id,
            "share_b": self.share_b if self.subject_b else 0,
            "by_list": bool(self.list_ids),
            "list_ids": self.list_ids.ids,
            "by_tag": bool(self.tag_ids),
            "tag_ids": self.tag_ids.ids,
        }

    def _populate(self, chunks=None):
        """Write the journal's lines, those who wait into the chunks as far as these reach."""
        self._fill(POPULATE, chunks, self._get_audience())
        self.invalidate_recordset()

    def _fill(self, statement, chunks, values):
        chunks = chunks or self.env["engine.campaign.chunk"]
        self.env.flush_all()
        self.env.cr.execute(statement, {**values, "chunk_ids": chunks.ids, "sizes": chunks.mapped("size")})
        self.env["engine.campaign.recipient"].invalidate_model()

    def _allocate(self, waiting):
        """Reserve what fits today of those who wait and cut it into chunks; returns (grants, chunks)."""
        purpose = f"campaign/{self.id}"
        grants = self.env["engine.quota"]._reserve(self.tenant_id, waiting, partial=True, purpose=purpose)
        self.env["engine.quota"]._release_on_rollback(grants)
        self.fully_sent_on = self._forecast(waiting - sum(grant["granted"] for grant in grants))
        values = [values for grant in grants for values in self._cut(grant)]
        return grants, self.env["engine.campaign.chunk"].sudo().create(values).sudo(self.env.su)

    def _cut(self, grant):
        """The values of a grant's chunks."""
        ip = self.env["engine.ip"].browse(grant["ip_id"])
        shared = {"campaign_id": self.id, "ip_id": ip.id, "lease": grant["lease"], "reason": self._explain(ip, grant)}
        for start in range(0, grant["granted"], CHUNK):
            yield {**shared, "size": min(CHUNK, grant["granted"] - start)}

    def _explain(self, ip, grant):
        free = grant["remaining"] + grant["granted"]
        return self.env._("%(ip)s had %(free)s of %(quota)s left today", ip=ip.address, free=free, quota=grant["quota"])

    def _count_waiting(self):
        self.env.flush_all()
        return self.env["engine.campaign.recipient"].search_count(
            [("campaign_id", "=", self.id), ("state", "=", "queued"), ("chunk_id", "=", False)]
        )

    def _forecast(self, waiting):
        """The day on which the last of `waiting` recipients is sent, as the quotas are planned."""
        day, left = self.tenant_id._get_today(), waiting
        ips = self.tenant_id.ip_ids.filtered("is_sending")
        for _day in range(FORECAST_DAYS):
            if left <= 0:
                return day
            day += timedelta(days=1)
            left -= sum(ip._get_quota_on(day) for ip in ips)
        return False

    def _build_answer(self, grants):
        self.env.flush_all()
        self.invalidate_recordset()
        allocations = [self._describe_grant(grant) for grant in grants]
        largest = allocations[0]
        reserved = sum(grant["granted"] for grant in grants)
        total = self.waiting_count
        return {
            "success": True,
            "campaign_id": self.id,
            "total_recipients": total,
            "ip_used": largest["ip_address"],
            "ip_status": largest["ip_status"],
            "quota_info": largest["quota_info"],
            "allocations": allocations,
            "sent_today": reserved,
            "sent_later": total - reserved,
            "suppressed": self.suppressed_count,
            "fully_sent_on": fields.Date.to_string(self.fully_sent_on) or None,
        }

    def _describe_grant(self, grant):
        ip = self.env["engine.ip"].browse(grant["ip_id"])
        return {
            "ip_id": ip.id,
            "ip_address": ip.address,
            "ip_status": ip.status,
            "emails": grant["granted"],
            "reason": self._explain(ip, grant),
            "quota_info": {
                "daily_quota": grant["quota"],
                "sent_today_before": grant["used_before"],
                "remaining_after": grant["remaining"],
            },
        }

    def _close_leases(self):
        """Give back what is left of reservations whose chunks are done and without doubt."""
        with transaction(self.env) as cr:
            cr.execute(OPEN_LEASES, {"campaign_id": self.id})
            tokens = [token for (token,) in cr.fetchall()]
        for lease in self.env["engine.lease"].sudo().search([("token", "in", tokens)]):
            self.env["engine.quota"]._settle(lease.token, lease._sent_without_report()[lease.id])

    def _after_chunk(self):
        """Called by a chunk at its end, with the journal committed elsewhere: the last one goes on."""
        with transaction(self.env) as cr:
            cr.execute(IS_BUSY, {"campaign_id": self.id})
            is_busy = cr.rowcount
        if is_busy:
            self._close_leases()
        else:
            self._go_on()

    def _go_on(self):
        """Finish, or queue what follows."""
        self._close_leases()
        with transaction(self.env) as cr:
            cr.execute(FINISH, {"campaign_id": self.id})
            finished = cr.rowcount
        self.invalidate_recordset()
        if not finished:
            self.sudo().with_delay(
                channel="root.email_engine", identity_key=f"email_engine_campaign.campaign.{self.id}"
            )._job_continue()

    def _job_continue(self):
        """Queue what has no chunk and fits today, once the chunks before it are done."""
        self._continue()

    def _continue(self):
        for campaign in self.filtered(
            lambda one: one.state == "sending" and one.transport == "powermta" and not one.tenant_id.is_stopped
        ):
            campaign.chunk_ids.filtered(lambda chunk: chunk.state == "pending")._enqueue()
            campaign._close_leases()
            waiting = campaign._count_waiting()
            if waiting:
                _grants, chunks = campaign._allocate(waiting)
                campaign._fill(ASSIGN, chunks, {"campaign_id": campaign.id})
                chunks._enqueue()

    @api.model
    def _cron_continue(self):
        """Start what is due, go on with what waits for quota, finish what is done."""
        due = self.search([("state", "=", "scheduled"), ("scheduled_at", "<=", fields.Datetime.now())])
        sending = self.search([("state", "=", "sending")], order="started_at, id")  # who waits longest comes first
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(due) + len(sending))
        for campaign in due + sending:
            campaign._take_up()
            if not commit_progress(1):
                break

    def _take_up(self):
        """One step of the cron; a refusal is shown on the campaign and tried again at the next turn."""
        try:
            with self.env.cr.savepoint():
                if self.state == "scheduled":
                    self._send()
                else:
                    self._go_on()
        except ApiProblem as problem:
            if self.state == "scheduled":
                self.message_post(body=problem.detail)
        except LOST_RACES:
            _logger.info("Campaign %s is being changed by somebody else", self.id)
