from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import MissingError, ValidationError

from odoo.addons.lokario_base.fields import Secret

from ..tools import dkim_keys, pmta_values
from ..tools.pmta_client import CONFIG_FOLDER

KEY_FOLDER = f"{CONFIG_FOLDER}/dkim"
OVERLAP_DAYS = 14  # a retired key stays published while mail signed with it may still be on its way


class EngineDkimKey(models.Model):
    """A DKIM key of a domain; the private half is encrypted and leaves only towards the MTA."""

    _name = "engine.dkim.key"
    _description = "DKIM key"
    _machine_writes_as_sudo = True
    _inherit = ["lokario.secret.mixin", "lokario.state.mixin", "engine.printed", "lokario.access.mixin"]
    _order = "domain_id, id desc"
    _rec_name = "selector"
    _printed_fields = frozenset(("selector", "state"))
    _transitions = {"new": {"active"}, "active": {"overlap"}, "overlap": {"active", "retired"}, "retired": set()}

    domain_id = fields.Many2one("engine.domain", required=True, index=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="domain_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="domain_id.company_id", store=True)
    selector = fields.Char(required=True, default="default")
    algorithm = fields.Selection(
        [("rsa", "RSA 2048 (PowerMTA)"), ("ed25519", "Ed25519 (other MTAs)")], required=True, default="rsa"
    )
    private_key = Secret("Private key")
    record = fields.Text("TXT record", readonly=True, copy=False)
    record_copy = fields.Text("Copy", related="record")
    record_name = fields.Char(compute="_compute_record_name")
    key_path = fields.Char(compute="_compute_record_name", help="Where PowerMTA reads the private key")
    state = fields.Selection(
        [
            ("new", "Waiting for DNS"),
            ("active", "Signing"),
            ("overlap", "No longer signing, keep published"),
            ("retired", "May be removed from DNS"),
        ],
        required=True,
        default="new",
        readonly=True,
        copy=False,
    )
    overlap_until = fields.Date(readonly=True, copy=False)

    _selector_uniq = models.UniqueIndex("(domain_id, selector)", "This domain has a key with this selector already.")

    @api.depends("selector", "domain_id.name")
    def _compute_record_name(self):
        for key in self:
            key.record_name = f"{key.selector}._domainkey.{key.domain_id.name}"
            key.key_path = f"{KEY_FOLDER}/{key.domain_id.name}.{key.selector}.pem"

    @api.constrains("selector")
    def _check_selector(self):
        for key in self:
            if not pmta_values.SELECTOR.fullmatch(key.selector):
                raise ValidationError(self.env._("Selector: use letters, digits and dashes, such as default."))

    @api.model_create_multi
    def create(self, vals_list):
        keys = super().create(vals_list)
        for key in keys.filtered(lambda key: not key.record):
            pair = dkim_keys.generate(key.algorithm)
            key.sudo().write({"private_key": pair.private_pem, "record": pair.record})
        return keys

    @api.model
    def _describe(self, domain_name, selector):
        """Return what the API answers about a key; raises MissingError for what is not visible."""
        known = pmta_values.HOSTNAME.fullmatch(domain_name) and pmta_values.SELECTOR.fullmatch(selector)
        domain = [("domain_id.name", "=", domain_name.lower()), ("selector", "=", selector)]
        key = self.search(domain, limit=1) if known else self.browse()
        if not key:
            raise MissingError(self.env._("There is no such DKIM key here."))
        name = key.domain_id.name
        return {
            "domain": name,
            "selector": key.selector,
            "algorithm": key.algorithm,
            "state": key.state,
            "record_name": key.record_name,
            "record": key.record,
            "record_strings": dkim_keys.split_txt(key.record),
            "zone_line": f"{key.record_name}. IN TXT {dkim_keys.quote_txt(key.record)}",
            "powermta_directive": f"domain-key {key.selector}, {name}, {key.key_path}",
        }

    def action_sign(self):
        """Sign with this key from now on; the key before stays published for a while."""
        self.check_access("write")
        self._start_signing()

    def _start_signing(self):
        """`action_sign` for the DNS board, whoever asked it; the other key of this algorithm ends."""
        self.ensure_one()
        others = self.domain_id.dkim_key_ids.filtered(
            lambda key: key.state == "active" and key.algorithm == self.algorithm
        )
        self._set_active()
        others._set_overlap()

    def _set_active(self):
        self.sudo()._set_state("active", overlap_until=False)

    def _set_overlap(self):
        """The key signs no longer, and stays published for mail on its way."""
        self.sudo()._set_state("overlap", overlap_until=fields.Date.context_today(self) + timedelta(days=OVERLAP_DAYS))

    def _set_retired(self):
        self.sudo()._set_state("retired")

    @api.model
    def _cron_end_overlap(self):
        today = fields.Date.context_today(self)
        self.search([("state", "=", "overlap"), ("overlap_until", "<", today)])._set_retired()
