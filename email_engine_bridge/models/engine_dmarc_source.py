from odoo import api, fields, models

DISPOSITIONS = [("none", "Taken as usual"), ("quarantine", "Put into spam"), ("reject", "Refused")]


class EngineDmarcSource(models.Model):
    """An address that sent in a domain's name, as a receiver saw it."""

    _name = "engine.dmarc.source"
    _inherit = ["lokario.access.mixin"]
    _description = "Sender in our name"
    _order = "day desc, count desc, id"
    _rec_name = "address"

    dmarc_report_id = fields.Many2one(
        "engine.dmarc.report", "Report", required=True, index=True, readonly=True, ondelete="cascade"
    )
    domain_id = fields.Many2one(related="dmarc_report_id.domain_id", store=True, index=True)
    tenant_id = fields.Many2one(related="dmarc_report_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="dmarc_report_id.company_id", store=True, index=True)
    organisation = fields.Char(related="dmarc_report_id.organisation", store=True)
    day = fields.Date(required=True, index=True, readonly=True)
    address = fields.Char("IP address", readonly=True)
    ip_id = fields.Many2one("engine.ip", "Our IP", readonly=True, ondelete="set null")
    who = fields.Selection([("ours", "Ours"), ("other", "Others")], "Sender", compute="_compute_verdict", store=True)
    count = fields.Integer("Mails", readonly=True)
    disposition = fields.Selection(DISPOSITIONS, "What became of them", readonly=True)
    dkim = fields.Selection([("pass", "Pass"), ("fail", "Fail")], "DKIM", readonly=True)
    spf = fields.Selection([("pass", "Pass"), ("fail", "Fail")], "SPF", readonly=True)
    verdict = fields.Selection(
        [("pass", "Pass"), ("fail", "Fail")], "DMARC", compute="_compute_verdict", store=True, help="DKIM or SPF passes"
    )
    header_from = fields.Char("From domain", readonly=True)
    dkim_domains = fields.Char("Signed by", readonly=True)
    spf_domains = fields.Char("Envelope of", readonly=True)

    @api.depends("dkim", "spf", "ip_id")
    def _compute_verdict(self):
        for source in self:
            source.verdict = "pass" if "pass" in (source.dkim, source.spf) else "fail"
            source.who = "ours" if source.ip_id else "other"
