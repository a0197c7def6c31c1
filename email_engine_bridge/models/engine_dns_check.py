from odoo import api, fields, models

from ..tools import dns_board, mta_sts
from ..tools.dns_lookup import DnsLookup

KINDS = [
    ("ptr", "PTR = HELO"),
    ("spf", "SPF"),
    ("dkim", "DKIM"),
    ("dmarc", "DMARC"),
    ("mx", "MX"),
    ("mta_sts", "MTA-STS"),
    ("tls_rpt", "TLS-RPT"),
    ("bimi", "BIMI"),
    ("blocklist", "Blocklists"),
]
RECHECK_HOURS = 6


class EngineDnsCheck(models.Model):
    """One line of the DNS board: what receivers see of a domain or an IP."""

    _name = "engine.dns.check"
    _inherit = ["lokario.choice.name.mixin", "lokario.access.mixin"]
    _description = "DNS check"
    _order = "domain_id, sequence, id"
    _rec_name = "kind"

    domain_id = fields.Many2one("engine.domain", required=True, index=True, ondelete="cascade", readonly=True)
    ip_id = fields.Many2one("engine.ip", "IP address", ondelete="cascade", readonly=True, index="btree_not_null")
    tenant_id = fields.Many2one(related="domain_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="domain_id.company_id", store=True)
    kind = fields.Selection(KINDS, "Record", required=True, readonly=True)
    sequence = fields.Integer(readonly=True)
    verdict = fields.Selection(
        [("ok", "Ok"), ("warning", "Could be better"), ("error", "Wrong"), ("unknown", "No answer")],
        required=True,
        readonly=True,
    )
    finding = fields.Json("What was found", readonly=True)
    message = fields.Text("Finding", compute="_compute_message")
    found = fields.Text(readonly=True)
    publish = fields.Text("To publish", readonly=True)
    publish_copy = fields.Text("Copy", related="publish")
    checked_at = fields.Datetime(readonly=True)

    _kind_uniq = models.UniqueIndex("(domain_id, COALESCE(ip_id, 0), kind)")

    @api.depends("finding")
    @api.depends_context("lang")
    def _compute_message(self):
        for check in self:
            check.message = self.env["engine.finding"]._say(check.finding)

    @api.model
    def _get_fetcher__(self):
        """Return the client of MTA-STS policies; the seam for tests."""
        return mta_sts.PolicyFetcher()

    @api.model
    def _get_lookup__(self):
        """Return the DNS client; the seam for tests."""
        return DnsLookup(self.env["ir.config_parameter"].sudo().get_param("email_engine_bridge.dns_servers", ""))

    @api.model
    def _check_domain(self, domain, lookup):
        """Ask about a domain and its IPs, then store the answers and let verified IPs start.

        Nothing is written, so nothing is locked, before the last name server has answered.
        """
        ips = domain.ip_ids.filtered(lambda ip: ip.status != "retired")
        waiting = domain.dkim_key_ids.filtered(lambda key: key.state == "new" and key.algorithm == "rsa")[:1]
        signing = domain.dkim_key_ids.filtered(lambda key: key.state == "active" and key.algorithm == "rsa")[:1]
        published = bool(waiting) and self._is_published(lookup, domain, waiting)
        if published:
            signing = waiting
        key = (signing.selector, signing.record) if signing else None
        addresses = ips.mapped("address")
        checks = self._domain_checks(domain, lookup, addresses, key)
        found = [(self.env["engine.ip"], check) for check in checks]
        found += [(ip, dns_board.check_reverse(lookup, ip.address, ip.hostname)) for ip in ips]
        lists = self._get_blocklists()
        found += [(ip, dns_board.check_blocklists(lookup, ip.address, lists)) for ip in ips if lists]
        if not lists:
            domain.sudo().check_ids.filtered(lambda line: line.kind == "blocklist").unlink()
        if published:
            waiting._start_signing()
        for ip, check in found:
            self._store(domain, ip, check)
        ips._start_when_verified()

    @api.model
    def _get_blocklists(self):
        """Return the zones of the blocklists that are asked; none by default, for each has its own rules of use."""
        text = self.env["ir.config_parameter"].sudo().get_param("email_engine_bridge.blocklists") or ""
        return text.replace(",", " ").lower().split()

    @api.model
    def _domain_checks(self, domain, lookup, addresses, key):
        """Return the checks (tools.dns_board.Check) of a domain; an addon appends its own.

        :param addresses: of the domain's IPs
        :param key: (selector, record) of the DKIM key that signs, or None
        """
        report_to = domain.tenant_id.alert_email or ""
        return dns_board.check_domain(lookup, domain.name, addresses, key, report_to, self._get_fetcher__())

    @api.model
    def _is_published(self, lookup, domain, key):
        found = dns_board.check_domain_dkim(lookup, domain.name, key.selector, key.record)
        return found.verdict == "ok"

    @api.model
    def _store(self, domain, ip, check):
        values = {
            "verdict": check.verdict,
            "finding": check.finding,
            "found": check.found,
            "publish": dns_board.publish_text(check.publish) if check.publish else False,
            "checked_at": fields.Datetime.now(),
        }
        line = domain.sudo().check_ids.filtered(lambda line: line.kind == check.kind and line.ip_id == ip)
        if check.kind == "blocklist" and check.verdict == "error" and line.verdict != "error":
            ip._announce(self.env["engine.finding"]._say(check.finding))
        if line:
            line.write(values)
            return
        sequence = self._fields["kind"].get_values(self.env).index(check.kind)
        self.sudo().create({**values, "domain_id": domain.id, "ip_id": ip.id, "kind": check.kind, "sequence": sequence})

    @api.model
    def _cron_check(self, limit=50):
        """Ask again about the domains that were asked longest ago."""
        before = fields.Datetime.subtract(fields.Datetime.now(), hours=RECHECK_HOURS)
        domain = ["|", ("checked_at", "=", False), ("checked_at", "<", before)]
        names = self.env["engine.domain"].search(domain, limit=limit, order="checked_at NULLS FIRST, id")
        lookup = self._get_lookup__()
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=self.env["engine.domain"].search_count(domain))
        for name in names:
            name.checked_at = fields.Datetime.now()
            self.with_context(lang=name.company_id.sudo().partner_id.lang)._check_domain(name, lookup)
            if not commit_progress(1):
                break
