import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import format_date

from ..exceptions import EngineError

_logger = logging.getLogger(__name__)

DAYS = 7  # which are asked for again: Google's figures come late
WATCHED, BAD = 0.1, 0.3  # percent of complaints: Gmail's guidelines for senders
MICROSOFT = {"GREEN": "good", "YELLOW": "watched", "RED": "bad"}
STORE = """
INSERT INTO engine_reputation AS r (source, day, tenant_id, company_id, domain_id, ip_id, level, complaint_share,
                                    details, create_uid, write_uid, create_date, write_date)
SELECT %(source)s, %(day)s, t.id, t.company_id, %(domain_id)s, %(ip_id)s, %(level)s, %(complaint_share)s, %(details)s,
       %(uid)s, %(uid)s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
  FROM engine_tenant t WHERE t.id = %(tenant_id)s
    ON CONFLICT (source, day, tenant_id, COALESCE(domain_id, 0), COALESCE(ip_id, 0)) DO UPDATE
   SET level = EXCLUDED.level, complaint_share = EXCLUDED.complaint_share, details = EXCLUDED.details,
       write_date = EXCLUDED.write_date
RETURNING (xmax = 0) AS is_new
"""


class EngineReputation(models.Model):
    """What a mailbox provider itself says of a domain or an IP of ours on a day."""

    _name = "engine.reputation"
    _inherit = ["lokario.access.mixin"]
    _description = "Reputation"
    _order = "day desc, id desc"
    _rec_name = "day"

    source = fields.Selection(
        [("google", "Gmail (Postmaster Tools)"), ("microsoft", "Outlook.com (SNDS)")], required=True, readonly=True
    )
    day = fields.Date(required=True, readonly=True, index=True)
    tenant_id = fields.Many2one("engine.tenant", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    domain_id = fields.Many2one("engine.domain", readonly=True, ondelete="cascade")
    ip_id = fields.Many2one("engine.ip", "IP address", readonly=True, ondelete="cascade")
    level = fields.Selection(
        [("good", "Good"), ("watched", "To be watched"), ("bad", "Bad")], required=True, readonly=True
    )
    complaint_share = fields.Float("Complaints %", readonly=True, digits=(6, 3))
    details = fields.Char(readonly=True)

    _day_uniq = models.UniqueIndex("(source, day, tenant_id, COALESCE(domain_id, 0), COALESCE(ip_id, 0))")

    @api.model
    def _cron_fetch(self):
        """Ask for the figures of every tenant that has access to them; one that fails stops no other."""
        with_access = ["|", ("google_account", "!=", False), ("snds_key", "!=", False)]
        tenants = self.env["engine.tenant"].sudo().search(with_access).sudo(self.env.su)
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(tenants))
        for tenant in tenants:
            self._fetch(tenant.with_context(lang=tenant.company_id.sudo().partner_id.lang))
            if not commit_progress(1):
                break

    @api.model
    def _fetch(self, tenant):
        """Store what Google and Microsoft say; what went wrong is shown on the tenant."""
        problems = []
        for name, read in (("google_account", self._read_google), ("snds_key", self._read_microsoft)):
            if not tenant.sudo()[name]:
                continue
            try:
                rows = read(tenant)
            except EngineError as error:
                _logger.info("Reputation of tenant %s: %s", tenant.id, error)
                problems.append(self.env["engine.finding"].with_env(tenant.env)._say_error(error))
            else:
                self._store(tenant, rows)
        now = fields.Datetime.now()
        tenant.sudo().write({"reputation_problem": "\n".join(problems) or False, "reputation_at": now})

    def _read_google(self, tenant):
        """Return the rows of the tenant's domains; the network is asked before anything is written."""
        client, today = tenant._get_postmaster_client__(), fields.Date.today()
        rows = []
        for domain in tenant.domain_ids:
            for day, metrics in client.fetch(domain.name, today - timedelta(days=DAYS), today).items():
                spam = 100 * metrics.get("spam", 0.0)
                values = {
                    "day": day,
                    "domain": domain,
                    "spam": spam,
                    "details": self._describe_metrics(tenant, metrics),
                }
                rows.append({"source": "google", "level": self._judge(spam), **values})
        return rows

    def _judge(self, spam):
        return "bad" if spam >= BAD else "watched" if spam >= WATCHED else "good"

    def _describe_metrics(self, tenant, metrics):
        """Names of standards, in words of every language, and shares as the tenant's people write them."""
        say = self.env["engine.finding"].with_env(tenant.env)._say_value
        labels = {"spf": "SPF", "dkim": "DKIM", "dmarc": "DMARC", "errors": "4xx/5xx"}
        return ", ".join(f"{label} {say(float(metrics[name]))}" for name, label in labels.items() if name in metrics)

    def _read_microsoft(self, tenant):
        """Return the rows of the tenant's IPs; the account's other ones are not ours to tell."""
        addresses = {ip.address: ip for ip in tenant.ip_ids}
        rows = []
        for found in tenant._get_snds_client__().fetch():
            if ip := addresses.get(found.address):
                level = MICROSOFT.get(found.result, "watched")
                level = "watched" if found.traps and level == "good" else level
                details = tenant.env._("%(mails)s mails, %(traps)s spam traps", mails=found.mails, traps=found.traps)
                values = {"day": found.day, "ip": ip, "spam": found.complaints, "details": details}
                rows.append({"source": "microsoft", "level": level, **values})
        return rows

    def _store(self, tenant, rows):
        """Keep one row a day and domain or IP, and alert once about a bad one."""
        for row in rows:
            domain, ip = row.get("domain"), row.get("ip")
            values = {
                "source": row["source"],
                "day": row["day"],
                "tenant_id": tenant.id,
                "domain_id": domain.id if domain else None,
                "ip_id": ip.id if ip else None,
                "level": row["level"],
                "complaint_share": row["spam"],
                "details": row["details"],
                "uid": self.env.uid,
            }
            self.env.cr.execute(STORE, values)
            [is_new] = self.env.cr.fetchone()
            if is_new and row["level"] == "bad":
                self._alert(tenant, row, domain.name if domain else ip.address)
        self.invalidate_model()

    def _alert(self, tenant, row, name):
        source = dict(self._fields["source"]._description_selection(tenant.env))[row["source"]]
        text = tenant.env._(
            "%(provider)s, %(day)s: the reputation of %(name)s is bad. Complaints %(share)s, %(details)s",
            provider=source,
            day=format_date(tenant.env, row["day"]),
            name=name,
            share=self.env["engine.finding"].with_env(tenant.env)._say_value(row["spam"] / 100),
            details=row["details"],
        )
        self.env["engine.alert"].with_env(tenant.env)._raise_alert(tenant, text, ip=row.get("ip"))
