import json

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.email_engine_bridge.exceptions import TemplateRejected
from odoo.addons.email_engine_bridge.tools.mjml import compile_mjml
from odoo.addons.email_engine_bridge.tools.template_renderer import SAMPLE, TemplateRenderer
from odoo.addons.email_engine_bridge.tools.template_text import check_message, prepare

EXAMPLE = """<p>Bonjour {{ first_name }},</p>
<p>…</p>
<p><a href="[UNSUBSCRIBE_URL]">Se désinscrire</a></p>
"""


MJML_EXAMPLE = """<mjml lang="fr">
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>Bonjour {{ first_name }},</mj-text>
        <mj-button href="https://example.com">…</mj-button>
        <mj-text><a href="[UNSUBSCRIBE_URL]">Se désinscrire</a></mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""
CONTENT = ("subject", "form", "mjml", "html", "text")  # what a message is made of


class EngineTemplate(models.Model):
    """A message written in HTML or MJML, with Jinja2 and MailWizz merge tags, checked when it is saved."""

    _name = "engine.template"
    _inherit = ["engine.named"]
    _machine_writes_as_sudo = True
    _description = "Message template"
    _order = "name, id"

    subject = fields.Char(required=True, default="Bonjour {{ first_name }}")
    form = fields.Selection([("html", "HTML"), ("mjml", "MJML")], "Written in", required=True, default="html")
    mjml = fields.Text("MJML source", help="Mail in columns that fold on a phone (mjml.io); the HTML is made of it.")
    html = fields.Text("HTML body", required=True, compute="_compute_html", store=True, readonly=False, precompute=True)
    text = fields.Text("Plain-text body", help="Empty: derived from the HTML body.")
    version = fields.Integer(readonly=True, default=1, copy=False, help="Counts the changes of the content.")
    variables = fields.Char(compute="_compute_check", help="In order of first appearance")
    error = fields.Char(compute="_compute_check", help="What keeps this template from being sent")
    remarks = fields.Text(
        compute="_compute_check", help="It can be sent; mail programs, spam filters or readers will not like this."
    )
    sample = fields.Text("Sample data", default="{}", help='JSON, such as {"first_name": "Jean"}')
    preview_subject = fields.Char(compute="_compute_preview")
    preview_contact_id = fields.Many2one(
        "engine.contact", "Preview for", store=False, help="Shown with this contact's values; empty: the sample data"
    )
    preview_html = fields.Text(compute="_compute_preview", help="Shown in a frame without rights: nothing runs there.")
    preview_text = fields.Text(compute="_compute_preview")
    preview_missing = fields.Char(
        "Empty in the preview", compute="_compute_preview", help="Variables without a value in the sample data"
    )

    _name_uniq = models.UniqueIndex("(tenant_id, name) WHERE active IS TRUE", "This tenant has this template already.")

    @api.depends("form", "mjml")
    def _compute_html(self):
        """HTML is what is sent, whatever it is made of; MJML with a mistake changes nothing of it."""
        for template in self:
            html = template.html or EXAMPLE
            if template.form == "mjml" and template.mjml and not template._find_mjml_error():
                html = compile_mjml(template.mjml)
            template.html = html

    @api.onchange("form")
    def _onchange_form(self):
        if self.form == "mjml" and not self.mjml:
            self.mjml = MJML_EXAMPLE

    @api.depends(*CONTENT)
    def _compute_check(self):
        renderer = TemplateRenderer()
        for template in self:
            template.error, template.remarks = template._find_error(renderer), False
            source = "\n".join((template.subject or "", template.html or "", template.text or ""))
            try:
                template.remarks = not template.error and template._get_remarks()
            except TemplateRejected as error:
                template.error = self.env["engine.finding"]._say_error(error)
            template.variables = "" if template.error else ", ".join(renderer.get_template_variables(source))

    @api.depends(*CONTENT, "sample", "preview_contact_id")
    def _compute_preview(self):
        renderer = TemplateRenderer()
        for template in self:
            renderer.missing = []
            sources = (template.subject or "", template.html or "", template.text or "")
            try:
                parts = renderer.preview(*sources, *template._get_preview_values())
            except TemplateRejected:
                parts = (False, False, template.error)
            except ValidationError as error:
                parts = (False, False, str(error))
            template.preview_subject, template.preview_html, template.preview_text = parts
            template.preview_missing = ", ".join(renderer.missing)

    def _get_preview_values(self):
        """(values of the person it is shown for, values of what that person does not have)."""
        if contact := self.preview_contact_id.filtered(lambda one: one.tenant_id == self.tenant_id):
            ours = ("unsubscribe_url", "web_version_url")
            return contact._get_template_values(), {name: SAMPLE[name] for name in ours}
        return self._read_sample(), SAMPLE

    def _find_mjml_error(self):
        try:
            compile_mjml(self.mjml or "")
        except TemplateRejected as error:
            return self.env["engine.finding"]._say_error(error)
        return False

    def _get_remarks(self):
        """One sentence a line about what could be better, False where nothing is."""
        say = self.env["engine.finding"]._say_error
        remarks = check_message(self.subject or "", self.html or "", self.text or "")
        return "\n".join(map(say, remarks)) or False

    def _prepare(self, subjects, **options):
        """The `Content` of a message of this template; options: of `campaign_content.prepare`."""
        try:
            return prepare(subjects, self.html, self.text, **options)
        except TemplateRejected as error:
            raise UserError(self.env["engine.finding"]._say_error(error)) from error

    def _find_error(self, renderer):
        """What is wrong, at the line of what a person wrote: of the MJML, not of the HTML that is made of it."""
        if self.form == "mjml" and (error := self._find_mjml_error()):
            return self.env._("MJML source: %(why)s", why=error)
        of_mjml = (self.env._("MJML source"), self.mjml, "html")
        of_html = (self.env._("HTML body"), self.html, "html")
        for label, source, kind in (
            (self.env._("Subject"), self.subject, "header"),
            (self.env._("Plain-text body"), self.text, "text"),  # first: the HTML of a message may be made of it
            of_mjml if self.form == "mjml" else of_html,
        ):
            valid, message = renderer.validate_template(source or "", kind)
            if not valid:
                return self.env._("%(part)s: %(why)s", part=label, why=self.env["engine.template.error"]._say(message))
        return False

    def _read_sample(self):
        try:
            sample = json.loads(self.sample or "{}")
        except json.JSONDecodeError as error:
            text = self.env._(
                "Sample data: this is no JSON; check line %(line)s, column %(column)s.",
                line=error.lineno,
                column=error.colno,
            )
            raise ValidationError(text) from error
        if not isinstance(sample, dict):
            raise ValidationError(self.env._('Sample data: write an object, such as {"first_name": "Jean"}.'))
        return sample

    @api.constrains("sample")
    def _check_sample(self):
        for template in self:
            template._read_sample()

    @api.constrains(*CONTENT)
    def _check_content(self):
        for template in self:
            if template.error:
                raise ValidationError(template.error)

    @api.model
    def _read_body(self, values):
        """The values of an API call with the form they are written in: MJML or HTML, whichever is given."""
        given = [form for form in ("html", "mjml") if values.get(form)]
        if len(given) > 1:
            raise UserError(self.env._("Give html or mjml, not both."))
        return {**values, "form": given[0]} if given else values

    def _describe(self):
        """Return the template as the API lists it."""
        self.ensure_one()
        return {
            "id": self.id,
            "tenant_id": self.tenant_id.id,
            "name": self.name,
            "subject": self.subject,
            "html": self.html,
            "mjml": self.mjml if self.form == "mjml" else "",
            "text": self.text or "",
            "version": self.version,
            "variables": self.variables.split(", ") if self.variables else [],
        }

    def write(self, vals):
        """Count the versions, so that a campaign knows which one it sent; who writes HTML alone writes in HTML."""
        if "html" in vals and not {"form", "mjml"} & vals.keys():
            vals = {**vals, "form": "html"}
        result = super().write(vals)
        if set(CONTENT) & vals.keys():
            for template_sudo in self.sudo():
                template_sudo.version += 1
        return result
