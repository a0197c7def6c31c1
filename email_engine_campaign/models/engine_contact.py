import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.email_engine_bridge.tools.contact_rows import MAX_ATTRIBUTES, inspect_address, normalise_address

from ..tools.refusal import concerns
from ..tools.value_lines import WrongLine, read_lines, write_lines

SUPPRESSIONS = f"""
SELECT DISTINCT ON (c.id) c.id, s.id FROM engine_contact c JOIN engine_suppression s ON {concerns("c")}
 WHERE c.id = ANY(%s) ORDER BY c.id, s.id DESC
"""  # noqa: S608 constants
CONSENTS = [("unknown", "Unknown"), ("given", "Given"), ("withdrawn", "Withdrawn")]


class EngineContact(models.Model):
    """A person a tenant may write to, with the source of its consent."""

    _name = "engine.contact"
    _inherit = ["lokario.access.mixin"]
    _description = "Contact"
    _order = "id desc"
    _rec_name = "email"

    email = fields.Char("Address", required=True)
    first_name = fields.Char()
    last_name = fields.Char()
    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    attributes = fields.Json(help="More values for templates, such as {'city': 'Lyon'}")
    attribute_lines = fields.Text(
        "More values for templates", compute="_compute_attribute_lines", inverse="_inverse_attribute_lines"
    )
    list_ids = fields.Many2many("engine.contact.list", "engine_contact_list_rel", "contact_id", "list_id", "Lists")
    tag_ids = fields.Many2many("engine.contact.tag", "engine_contact_tag_rel", "contact_id", "tag_id", "Tags")
    flag = fields.Selection(
        [("role", "Role address"), ("invalid", "Not an address")],
        compute="_compute_flag",
        store=True,
        help="Role addresses (info@, contact@…) are no person; wrong ones are kept but never written to.",
    )
    consent = fields.Selection(CONSENTS, required=True, default="unknown")
    consent_at = fields.Datetime("Consent recorded on")
    consent_source = fields.Char("Proof of consent", help="Form, page, address, wording: where the consent was given")
    suppression_id = fields.Many2one("engine.suppression", compute="_compute_suppression_id")

    _email_uniq = models.UniqueIndex("(tenant_id, email)", "This tenant has this contact already.")

    @api.depends("email")
    def _compute_flag(self):
        for contact in self:
            contact.flag = inspect_address(contact.email or "") or False

    @api.depends("email", "tenant_id")
    def _compute_suppression_id(self):
        self.env["engine.suppression"].flush_model()
        self.flush_recordset(["email", "tenant_id", "company_id"])
        # Asked past the rules: an API key sees its tenants' suppressions only; those of the company concern them too.
        self.env.cr.execute(SUPPRESSIONS, (self.ids,))
        found = dict(self.env.cr.fetchall())
        for contact in self:
            contact.suppression_id = found.get(contact.id)

    @api.depends("attributes")
    def _compute_attribute_lines(self):
        for contact in self:
            contact.attribute_lines = write_lines(contact.attributes or {})

    def _inverse_attribute_lines(self):
        for contact in self:
            try:
                contact.attributes = read_lines(contact.attribute_lines or "", contact.attributes or {})
            except WrongLine as error:
                raise ValidationError(self._say_wrong_value(error)) from error

    def _say_wrong_value(self, value):
        return self.env._("More values for templates: “%s” is no name and value, such as city: Lyon.", value)

    @api.constrains("list_ids", "tag_ids", "tenant_id")
    def _check_tenant(self):
        for contact in self:
            if (contact.list_ids.tenant_id | contact.tag_ids.tenant_id) - contact.tenant_id:
                raise ValidationError(self.env._("Lists and tags must be those of the contact's tenant."))

    @api.constrains("attributes")
    def _check_attributes(self):
        for contact in self:
            if not isinstance(contact.attributes or {}, dict):
                raise ValidationError(self._say_wrong_value(contact.attributes))
            if len(json.dumps(contact.attributes or {}, ensure_ascii=False)) > MAX_ATTRIBUTES:
                raise ValidationError(self.env._("Values for templates: at most %s characters.", MAX_ATTRIBUTES))

    @api.constrains("consent", "consent_source")
    def _check_consent(self):
        for contact in self:
            if contact.consent == "given" and not contact.consent_source:
                raise ValidationError(self.env._("Proof of consent: say where and how the consent was given."))

    def _get_template_values(self):
        """What templates see of this person."""
        self.ensure_one()
        names = {"first_name": self.first_name or "", "last_name": self.last_name or "", "email": self.email}
        name = " ".join(filter(None, (self.first_name, self.last_name)))
        return {**(self.attributes or {}), **names, "to_name": name}

    def _consent_on_page(self):
        """Who chooses a list on the page behind his own link wants its mail."""
        if self.consent != "given":
            env = self.with_context(
                lang=self.company_id.partner_id.lang
            ).env  # a record of the tenant's, not the reader's
            self.write({"consent": "given", "consent_source": env._("Chosen on the preferences page")})

    def _describe(self):
        """Return the contact as the API lists it."""
        self.ensure_one()
        return {
            "id": self.id,
            "email": self.email,
            "first_name": self.first_name or "",
            "last_name": self.last_name or "",
            "attributes": self.attributes or {},
            "lists": self.list_ids.mapped("name"),
            "tags": self.tag_ids.mapped("name"),
            "flag": self.flag or None,
            "consent": self.consent,
            "consent_at": self.consent_at or None,
            "consent_source": self.consent_source or None,
            "suppressed": self.suppression_id.sudo().reason or None,
        }

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._with_address(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._with_address(vals))

    @api.model
    def _with_address(self, vals):
        """The address in the form that identifies it, and the moment of what is said about consent."""
        vals = dict(vals)
        if vals.get("email"):
            vals["email"] = normalise_address(vals["email"])
        if vals.get("consent") in ("given", "withdrawn"):
            vals.setdefault("consent_at", fields.Datetime.now())
        return vals
