from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError

from ..const import MAIL_KINDS
from ..tools.admin_credentials import BLANK, MailCredentials

# What surrounds the mail: a window, a telephone, and what mail programs make of it by night.
SURROUNDINGS = {
    "desktop": Markup('<div style="padding: 16px; background: #ffffff; color: #212529;">%s</div>'),
    "phone": Markup(
        '<div style="width: 360px; max-width: 100%%; padding: 12px; margin: 0 auto; border: 1px solid #ced4da;'
        ' border-radius: 18px; background: #ffffff; color: #212529; overflow-x: auto;">%s</div>'
    ),
    "dark": Markup(
        '<div style="padding: 16px; background: #ffffff; color: #212529;'
        ' filter: invert(1) hue-rotate(180deg);">%s</div>'
    ),
}


class SaasMessagePreview(models.TransientModel):
    """A message as the client of an instance would read it; nothing is sent, no credential is shown."""

    _name = "saas.message.preview"
    _inherit = ["lokario.access.mixin"]
    _description = "Preview of a Message about an Instance"
    _rec_name = "instance_id"

    instance_id = fields.Many2one("saas.instance", required=True, default=lambda self: self._default_instance())
    kind = fields.Selection(MAIL_KINDS, "Message", required=True, default="provisioned")
    lang = fields.Selection(lambda self: self.env["res.lang"].get_installed(), "Language", required=True,
                            default=lambda self: self.env.lang or "en_US")  # fmt: skip
    device = fields.Selection(
        [("desktop", "Desktop"), ("phone", "Phone"), ("dark", "Dark")], "Read on", required=True, default="desktop"
    )
    subject = fields.Char(compute="_compute_text")
    body = fields.Html(compute="_compute_text", sanitize=False)

    @api.model
    def _default_instance(self):
        chosen = self.env.context.get("active_id") if self.env.context.get("active_model") == "saas.instance" else None
        instances = self.env["saas.instance"]
        return instances.browse(chosen) if chosen else instances.search([], limit=1)

    @api.depends("instance_id", "kind", "lang", "device")
    def _compute_text(self):
        for preview in self:
            preview.subject, body = preview._render() if preview.instance_id and preview.kind else ("", "")
            preview.body = SURROUNDINGS[preview.device or "desktop"] % body

    def _render(self):
        """Subject and text, or what is wrong with the template."""
        template = self._template()
        if not template:
            return "", self.env._("The template is missing.")
        self.instance_id.check_access("read")
        by_link = self.instance_id.credential_mode == "link"
        credentials = MailCredentials(**({"url": "https://example.invalid"} if by_link else {"password": BLANK}))
        template_sudo = template.sudo().with_context(saas_credentials=credentials)
        try:
            subject, body = (
                template_sudo._render_field(name, self.instance_id.ids, set_lang=self.lang)[self.instance_id.id]
                for name in ("subject", "body_html")
            )
        except (UserError, ValueError) as err:
            return "", str(err).strip().splitlines()[0]
        return subject, Markup(credentials.blank(body))  # noqa: S704  a template's own HTML, as it is sent

    def _template(self):
        return self.env.ref(self.env["saas.instance.mail"]._template_of(self.kind), raise_if_not_found=False)

    def action_edit(self):
        """Open the text in Odoo's editor."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "mail.template",
            "res_id": self._template().id,
            "views": [[False, "form"]],
        }
