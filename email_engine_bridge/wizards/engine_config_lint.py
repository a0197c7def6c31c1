from odoo import api, fields, models

from ..tools.pmta_lint import lint


class EngineConfigLint(models.TransientModel):
    """Paste any PowerMTA configuration, see what is wrong with it."""

    _name = "engine.config.lint"
    _inherit = ["lokario.access.mixin"]
    _description = "Check a PowerMTA configuration"

    content = fields.Text("Configuration")
    result = fields.Text(compute="_compute_result")
    error_count = fields.Integer(compute="_compute_result")
    warning_count = fields.Integer(compute="_compute_result")

    def _compute_display_name(self):
        self.display_name = self.env._("Check a configuration")

    @api.depends("content")
    @api.depends_context("lang")
    def _compute_result(self):
        for check in self:
            findings = lint(check.content) if check.content else []
            check.error_count = sum(finding.severity == "error" for finding in findings)
            check.warning_count = len(findings) - check.error_count
            check.result = "\n".join(finding.render("config", self.env._) for finding in findings)
