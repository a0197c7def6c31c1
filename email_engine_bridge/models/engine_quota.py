import uuid

from odoo import api, fields, models
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from odoo.addons.lokario_base.tools.transaction import transaction

from ..const import MAX_INT, RESERVATION_SECONDS, SENDING_STATUSES
from .engine_ip_day import insert_days

# One statement: lock the day rows in id order (no deadlock between callers), rank them by what
# is left, take. The quota is the plan's of this moment unless a manager set it by hand.
# PostgreSQL evaluates the WHERE of the UPDATE again on rows that changed meanwhile.
RESERVE = """
WITH locked AS (
    SELECT d.id, d.ip_id, now.quota, now.quota - d.sent - d.reserved AS free
      FROM engine_ip_day d
      JOIN engine_ip ip ON ip.id = d.ip_id
     CROSS JOIN LATERAL (SELECT CASE WHEN d.quota_by_hand THEN d.quota ELSE ip.daily_quota END AS quota) now
     WHERE d.tenant_id = %(tenant_id)s AND d.day = %(day)s
       AND ip.active AND ip.status IN %(statuses)s
       AND (%(ip_ids)s IS NULL OR d.ip_id = ANY(%(ip_ids)s))
     ORDER BY d.id
       FOR UPDATE OF d
), ranked AS (
    SELECT *, sum(free) OVER (ORDER BY free DESC, id) - free AS before, sum(free) OVER () AS total
      FROM locked WHERE free > 0
), share AS (
    SELECT id, quota, least(free, %(emails)s - before) AS take FROM ranked
     WHERE before < %(emails)s AND (%(partial)s OR total >= %(emails)s)
), granted AS (
    UPDATE engine_ip_day d SET reserved = d.reserved + share.take, quota = share.quota, write_date = %(now)s
      FROM share WHERE d.id = share.id AND share.quota - d.sent - d.reserved >= share.take
 RETURNING d.id, d.ip_id, d.tenant_id, d.company_id, share.take, d.quota, d.sent, d.reserved
), reserved AS (
    INSERT INTO engine_lease (token, ip_day_id, tenant_id, company_id, quantity, sent, state,
                              expires_at, purpose, has_journal, create_uid, write_uid, create_date, write_date)
    SELECT %(token)s || '-' || ip_id, id, tenant_id, company_id, take, 0, 'open',
           %(now)s + %(reservation_seconds)s * interval '1 second', %(purpose)s, %(has_journal)s,
           %(uid)s, %(uid)s, %(now)s, %(now)s
      FROM granted
)
SELECT %(token)s || '-' || ip_id AS reservation, ip_id, take::int AS granted, quota,
       (sent + reserved - take)::int AS used_before, (quota - sent - reserved)::int AS remaining
  FROM granted ORDER BY take DESC, ip_id
"""

START_DAYS = insert_days(
    """SELECT ip.id AS ip_id, %(day)s::date AS day, ip.daily_quota AS quota FROM engine_ip ip
            WHERE ip.tenant_id = %(tenant_id)s AND ip.active AND ip.status IN %(statuses)s
              AND NOT EXISTS (SELECT FROM engine_ip_day d WHERE d.ip_id = ip.id AND d.day = %(day)s)""",
    on_conflict="DO NOTHING RETURNING id",
)

READ_DAYS = """
SELECT d.id, d.ip_id, d.day, quota, quota_by_hand, reserved, sent, delivered, bounced, complained,
       coalesce(reported, 0) AS reported, coalesce(recorded, 0) AS recorded,
       greatest(quota - sent - reserved, 0) AS remaining
  FROM engine_ip_day d
  JOIN unnest(%(ip_ids)s, %(days)s::date[]) AS wanted(ip_id, day) USING (ip_id, day)
"""

FOLLOW_PLAN = insert_days(
    "SELECT * FROM unnest(%(ip_ids)s, %(days)s::date[], %(quotas)s) AS plan (ip_id, day, quota)",
    on_conflict="DO UPDATE SET quota = EXCLUDED.quota WHERE NOT d.quota_by_hand AND d.quota <> EXCLUDED.quota",
)

SET_BY_HAND = """
UPDATE engine_ip_day SET quota = %(quota)s, quota_by_hand = true, write_uid = %(uid)s, write_date = %(now)s
 WHERE ip_id = %(ip_id)s AND day = %(day)s
RETURNING id
"""

# What a script reports may be in PowerMTA's records already; see COUNT_IPS of engine.event.ingest.
SETTLE = """
WITH reservation AS (
    UPDATE engine_lease
       SET sent = sent + %(sent)s,
           state = CASE WHEN %(close)s THEN %(state)s ELSE state END,
           expires_at = %(now)s + %(reservation_seconds)s * interval '1 second', write_date = %(now)s
     WHERE token = %(token)s AND state = 'open' AND sent + %(sent)s <= quantity
 RETURNING ip_day_id, quantity - sent AS unused,
           CASE WHEN has_journal THEN 0 ELSE %(sent)s END AS by_script
)
UPDATE engine_ip_day d
   SET sent = d.sent + %(sent)s - reservation.by_script
            + greatest(coalesce(d.reported, 0) + reservation.by_script, coalesce(d.recorded, 0))
            - greatest(coalesce(d.reported, 0), coalesce(d.recorded, 0)),
       reported = coalesce(d.reported, 0) + reservation.by_script,
       reserved = d.reserved - %(sent)s - CASE WHEN %(close)s THEN reservation.unused ELSE 0 END,
       write_date = %(now)s
  FROM reservation WHERE d.id = reservation.ip_day_id
RETURNING d.ip_id, d.quota, d.sent, d.reserved
"""

# A cap of the whole day is none: the reservation is the limit, and what died on its way is reserved again.
CONSUME_HOURLY_CAP = """
WITH day AS (
    SELECT d.id, d.quota, CASE WHEN d.hour = %(hour)s THEN d.hour_left ELSE 0 END AS used
      FROM engine_lease l JOIN engine_ip_day d ON d.id = l.ip_day_id
     WHERE l.token = %(token)s AND l.state = 'open'
       FOR UPDATE OF d
), room AS (
    SELECT id, used, CASE WHEN %(cap)s >= quota THEN %(emails)s ELSE least(%(emails)s, greatest(%(cap)s - used, 0)) END
           AS emails FROM day
)
UPDATE engine_ip_day d SET hour = %(hour)s, hour_left = greatest(room.used + room.emails, 0)
  FROM room WHERE d.id = room.id
RETURNING room.emails
"""


class EngineQuota(models.AbstractModel):
    """Check, reserve, settle and release quota; exact under any concurrency.

    Every change is one conditional statement, on a short READ COMMITTED cursor of its own:
    Odoo's REPEATABLE READ would answer concurrent changes with serialization failures.
    A caller must not have written the same `engine.ip.day` rows in its own transaction.
    """

    _name = "engine.quota"
    _description = "Quotas"

    @api.model
    def _change(self, statement, **values):
        """Run one statement in a transaction of its own and return its rows as dictionaries."""
        values.setdefault("now", fields.Datetime.now())
        values.setdefault("reservation_seconds", RESERVATION_SECONDS)
        with transaction(self.env, ISOLATION_LEVEL_AUTOCOMMIT) as cr:
            cr.execute(statement, values)
            rows = cr.dictfetchall()
        self.env["engine.ip.day"].invalidate_model(flush=False)
        self.env["engine.lease"].invalidate_model(flush=False)
        return rows

    @api.model
    def _read_today(self, tenants, ips=None):
        """Return {ip id: row of today}, fresh, created or corrected where the plan says so.

        A row: id, ip_id, quota, reserved, sent, delivered, bounced, complained, remaining. Each
        tenant has its own today. `ips` narrows it to some of the tenants' IPs. An IP that may not send has a
        quota of 0, also on a day whose quota was set by hand.
        """
        ips = (tenants.ip_ids if ips is None else ips).filtered(lambda ip: ip.id and ip.tenant_id in tenants)
        if not ips:
            return {}
        today = {tenant: tenant._get_today() for tenant in tenants}
        days = {ip.id: today[ip.tenant_id] for ip in ips}
        planned = {ip.id: ip.daily_quota for ip in ips}
        values = {
            "ip_ids": list(days),
            "days": list(days.values()),
            "quotas": list(planned.values()),
        }
        with transaction(self.env) as cr:
            rows = self._fetch_days(cr, values)
            if any(not self._follows_plan(rows.get(ip_id), planned[ip_id]) for ip_id in planned):
                cr.execute(FOLLOW_PLAN, values)
                rows = self._fetch_days(cr, values)
        # An IP that this transaction just created has no committed row yet.
        days = {ip.id: rows.get(ip.id) or self._unused_day(ip, planned[ip.id]) for ip in ips}
        return {ip.id: days[ip.id] if ip.is_sending else {**days[ip.id], "quota": 0, "remaining": 0} for ip in ips}

    @api.model
    def _fetch_days(self, cr, values):
        cr.execute(READ_DAYS, values)
        return {row["ip_id"]: row for row in cr.dictfetchall()}

    @api.model
    def _follows_plan(self, row, planned_quota):
        return bool(row) and (row["quota_by_hand"] or row["quota"] == planned_quota)

    @api.model
    def _unused_day(self, ip, quota):
        names = ("reserved", "sent", "reported", "recorded", "delivered", "bounced", "complained")
        counters = dict.fromkeys(names, 0)
        return {"id": False, "ip_id": ip.id, "quota": quota, "remaining": quota, **counters}

    @api.model
    def _reserve(self, tenant, emails, *, ips=None, partial=False, purpose=None, has_journal=False):
        """Reserve `emails` mails of the tenant's quota of today, over as few IPs as possible.

        The IP with most left comes first. Without `partial` it is all or nothing; with it,
        whatever fits today is granted. Returns a list of dictionaries, largest grant first,
        empty when nothing fits: reservation (token), ip_id, granted, quota, used_before, remaining.

        :param has_journal: the caller records what it hands over; else its mails are counted from PowerMTA's records
        """
        if not 0 < emails <= MAX_INT:
            return []
        values = {
            "tenant_id": tenant.id,
            "day": tenant._get_today(),
            "statuses": SENDING_STATUSES,
            "ip_ids": ips.ids if ips is not None else None,
            "partial": partial,
            "purpose": purpose,
            "has_journal": has_journal,
            "uid": self.env.uid,
        }
        grants = self._take(emails, values)
        missing = emails - sum(grant["granted"] for grant in grants)
        if missing and self._change(START_DAYS, **values):  # the first reservation of the day
            grants += self._take(missing, values)
        return grants

    @api.model
    def _take(self, emails, values):
        return self._change(RESERVE, emails=emails, token=uuid.uuid4().hex, **values)

    @api.model
    def _release_on_rollback(self, grants):
        """Give the grants back when the caller's transaction is rolled back: nothing else knows of them then."""

        def release():
            for grant in grants:
                self._release(grant["reservation"])

        if grants:
            self.env.cr.postrollback.add(release)

    @api.model
    def _get_available_ips(self, tenant, emails):
        """Return the IPs that take `emails` mails today, most left first; none if they cannot.

        IPs that can take all of it alone, or else the fewest that can together.
        """
        days = self._read_today(tenant, tenant.ip_ids.filtered("is_sending"))
        ranked = sorted(days.values(), key=lambda row: (-row["remaining"], row["ip_id"]))
        alone = [row["ip_id"] for row in ranked if row["remaining"] >= emails]
        if not alone:
            alone, covered = [], 0
            for row in ranked:
                if covered >= emails or not row["remaining"]:
                    break
                alone.append(row["ip_id"])
                covered += row["remaining"]
            if covered < emails:
                return self.env["engine.ip"]
        return self.env["engine.ip"].browse(alone)

    @api.model
    def _is_used_up(self, tenant):
        """Return whether as much has left today as the tenant's IPs may send; true when none of them may.

        What a script announced and PowerMTA did not record yet has not left.
        """
        ips = tenant.ip_ids.filtered("is_sending")
        days = self._read_today(tenant, ips).values()
        left = sum(day["sent"] - max(0, day["reported"] - day["recorded"]) for day in days)
        return left >= sum(day["quota"] for day in days)

    @api.model
    def _set_quota_by_hand(self, ip, quota):
        """Give today another quota; what is sent or reserved already stays."""
        self._read_today(ip.tenant_id, ip)
        day = ip.tenant_id._get_today()
        return bool(self._change(SET_BY_HAND, ip_id=ip.id, day=day, quota=quota, uid=self.env.uid))

    @api.model
    def _settle(self, token, sent, *, close=True):
        """Turn `sent` mails of an open reservation into sent ones and, if `close`, return the rest.

        `close=False` keeps the rest and prolongs the reservation (a worker reporting progress).
        Returns whether it was done: False for a reservation that is closed, unknown or too small.
        """
        if sent < 0:
            return False
        return bool(self._change(SETTLE, token=token, sent=sent, close=close, state="settled"))

    @api.model
    def _consume_hourly_cap(self, ip, token, emails):
        """Return how many of `emails` mails of an open reservation of the IP may leave in the hour that runs.

        They count as having left: hand over exactly so many. 0 means: in the next hour, as long as
        the reservation is kept open (see `_settle`). A negative number gives back what did not leave.
        """
        hour = fields.Datetime.now().replace(minute=0, second=0, microsecond=0)
        values = {"token": token, "emails": emails, "cap": ip._get_hourly_cap(), "hour": hour}
        rows = self._change(CONSUME_HOURLY_CAP, **values)
        return max(0, rows[0]["emails"]) if rows else 0

    @api.model
    def _release(self, token):
        """Return all that is unused of an open reservation."""
        return bool(self._change(SETTLE, token=token, sent=0, close=True, state="returned"))

    @api.model
    def _cron_return_reservations(self, limit=500):
        """Return what silent workers hold; what a journal knows as sent stays counted."""
        reservations = self.env["engine.lease"].search(
            [("state", "=", "open"), ("expires_at", "<", fields.Datetime.now())], limit=limit
        )
        known = reservations._sent_without_report()
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(reservations))
        for reservation in reservations:
            sent = min(known[reservation.id], reservation.quantity - reservation.sent)
            self._change(SETTLE, token=reservation.token, sent=sent, close=True, state="returned")
            if not commit_progress(1):
                break
