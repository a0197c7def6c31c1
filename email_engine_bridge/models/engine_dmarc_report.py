from odoo import api, fields, models

from ..exceptions import EngineRejected
from ..tools.dmarc_report import read_reports
from ..tools.finding import translatable as _
from .engine_dmarc_source import DISPOSITIONS

KEPT_DAYS = 400


class EngineDmarcReport(models.Model):
    """What one receiver reports of a day: who sent in a domain's name."""

    _name = "engine.dmarc.report"
    _inherit = ["lokario.access.mixin"]
    _description = "DMARC report"
    _order = "begin desc, id desc"
    _rec_name = "organisation"

    domain_id = fields.Many2one("engine.domain", required=True, index=True, readonly=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="domain_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="domain_id.company_id", store=True, index=True)
    organisation = fields.Char("Receiver", required=True, readonly=True)
    report_id = fields.Char("Number", required=True, readonly=True)
    policy = fields.Char(readonly=True)
    begin = fields.Datetime("From", required=True, readonly=True)
    end = fields.Datetime("To", required=True, readonly=True)
    source_ids = fields.One2many("engine.dmarc.source", "dmarc_report_id", "Senders", readonly=True)

    _report_uniq = models.UniqueIndex("(domain_id, organisation, report_id)")

    @api.model
    def _store(self, body):
        """Store the reports of a file for domains the caller may see; returns (new ones, how many were known).

        Raises EngineRejected with what is wrong; nothing of the file is stored then.
        """
        new, known = self.browse(), 0
        for report in read_reports(body):
            domain = self._find_domain(report.domain)
            identity = [
                ("domain_id", "=", domain.id),
                ("organisation", "=", report.organisation),
                ("report_id", "=", report.report_id),
            ]
            if self.search_count(identity, limit=1):
                known += 1
            else:
                new |= self.sudo().create(self._values(domain, report))
        return new.sudo(False), known

    @api.model
    def _find_domain(self, name):
        """The domain of a report: itself, or those below it when they are one tenant's."""
        domains = self.env["engine.domain"].search([("name", "=", name)])
        domains = domains or self.env["engine.domain"].search([("name", "=like", f"%.{name}")])
        if len(domains.tenant_id) != 1 or "%" in name or "_" in name:
            raise EngineRejected(_("%(domain)s is no domain of one tenant here"), domain=name)
        return domains[0]

    @api.model
    def _values(self, domain, report):
        ours = dict(domain.tenant_id.ip_ids.mapped(lambda ip: (ip.address, ip.id)))
        return {
            "domain_id": domain.id,
            "organisation": report.organisation or "?",
            "report_id": report.report_id or "?",
            "policy": report.policy,
            "begin": report.begin,
            "end": report.end,
            "source_ids": [
                fields.Command.create(
                    {
                        **vars(row),
                        "disposition": row.disposition if row.disposition in dict(DISPOSITIONS) else False,
                        "day": report.begin.date(),
                        "ip_id": ours.get(row.address),
                    }
                )
                for row in report.rows
            ],
        }

    @api.autovacuum
    def _gc_reports(self):
        outside = ["|", ("begin", "<", f"-{KEPT_DAYS}d"), ("begin", ">", f"+{KEPT_DAYS}d")]  # or nobody's clock
        old = self.search(outside, limit=1000)
        old.unlink()
        return len(old), len(old) == 1000
