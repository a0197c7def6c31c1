import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.email_engine_bridge.exceptions import TemplateRejected
from odoo.addons.email_engine_bridge.tools.message_checks import check_message
from odoo.addons.email_engine_bridge.tools.template_renderer import TemplateRenderer

from ..tools.free_name import free_name

EXAMPLE = """<p>Bonjour {{ first_name }},</p>
<p>…</p>
<p><a href="[UNSUBSCRIBE_URL]">Se désinscrire</a></p>
"""


class EngineTemplate(models.Model):
    """A message written in Jinja2 and MailWizz merge tags, checked when it is saved."""

    _name = "engine.template"
    _inherit = ["lokario.access.mixin"]
    _machine_writes_as_sudo = True
    _description = "Message template"
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    subject = fields.Char(required=True, default="Bonjour {{ first_name }}")
    html = fields.Text("HTML body", required=True, default=EXAMPLE)
    text = fields.Text("Plain-text body", help="Empty: derived from the HTML body.")
    version = fields.Integer(readonly=True, default=1, copy=False, help="Counts the changes of the content.")
    variables = fields.Char(compute="_compute_check", help="In order of first appearance")
    error = fields.Char(compute="_compute_check", help="What keeps this template from being sent")
    remarks = fields.Text(
        compute="_compute_check", help="It can be sent; mail programs, spam filters or readers will not like this."
    )
    sample = fields.Text("Sample data", default="{}", help='JSON, such as {"first_name": "Jean"}')
    preview_subject = fields.Char(compute="_compute_preview")
    preview_html = fields.Html(compute="_compute_preview", sanitize=True)
    preview_text = fields.Text(compute="_compute_preview")
    preview_missing = fields.Char(
        "Empty in the preview", compute="_compute_preview", help="Variables without a value in the sample data"
    )

    _name_uniq = models.UniqueIndex("(tenant_id, name) WHERE active IS TRUE", "This tenant has this template already.")

    def copy_data(self, default=None):
        """A copy is "Offer (2)": a tenant has each name once."""
        values = super().copy_data(default)
        for template, copied in zip(self, values, strict=True):
            if "name" not in (default or {}):
                taken = self.search([("tenant_id", "=", template.tenant_id.id)]).mapped("name")
                copied["name"] = free_name(template.name, set(taken))
        return values

    @api.depends("subject", "html", "text")
    def _compute_check(self):
        renderer = TemplateRenderer()
        for template in self:
            template.error = template._find_error(renderer)
            source = "\n".join((template.subject or "", template.html or "", template.text or ""))
            template.remarks = False if template.error else template._get_remarks()
            template.variables = "" if template.error else ", ".join(renderer.get_template_variables(source))

    @api.depends("subject", "html", "text", "sample")
    def _compute_preview(self):
        renderer = TemplateRenderer()
        for template in self:
            renderer.missing = []
            try:
                parts = renderer.preview(
                    template.subject or "", template.html or "", template.text or "", template._read_sample()
                )
            except (TemplateRejected, ValidationError) as error:
                parts = (False, False, str(error))
            template.preview_subject, template.preview_html, template.preview_text = parts
            template.preview_missing = ", ".join(renderer.missing)

    def _get_remarks(self):
        """One sentence a line about what could be better, False where nothing is."""
        say = self.env["engine.finding"]._say_error
        remarks = check_message(self.subject or "", self.html or "", self.text or "")
        return "\n".join(map(say, remarks)) or False

    def _find_error(self, renderer):
        for label, source, kind in (
            (self.env._("Subject"), self.subject, "header"),
            (self.env._("HTML body"), self.html, "html"),
            (self.env._("Plain-text body"), self.text, "text"),
        ):
            valid, message = renderer.validate_template(source or "", kind)
            if not valid:
                return f"{label}: {message}"
        return False

    def _read_sample(self):
        try:
            sample = json.loads(self.sample or "{}")
        except ValueError as error:
            raise ValidationError(self.env._("Sample data: this is no JSON (%(why)s).", why=error)) from error
        if not isinstance(sample, dict):
            raise ValidationError(self.env._('Sample data: write an object, such as {"first_name": "Jean"}.'))
        return sample

    @api.constrains("sample")
    def _check_sample(self):
        for template in self:
            template._read_sample()

    @api.constrains("subject", "html", "text")
    def _check_content(self):
        for template in self:
            if template.error:
                raise ValidationError(template.error)

    def _describe(self):
        """Return the template as the API lists it."""
        self.ensure_one()
        return {
            "id": self.id,
            "tenant_id": self.tenant_id.id,
            "name": self.name,
            "subject": self.subject,
            "html": self.html,
            "text": self.text or "",
            "version": self.version,
            "variables": self.variables.split(", ") if self.variables else [],
        }

    def write(self, vals):
        """Count the versions, so that a campaign knows which one it sent."""
        result = super().write(vals)
        if {"subject", "html", "text"} & vals.keys():
            for template_sudo in self.sudo():
                template_sudo.version += 1
        return result
