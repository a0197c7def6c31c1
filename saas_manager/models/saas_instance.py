import re
import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools.mail import email_normalize_all

from odoo.addons.lokario_base.fields import Secret

from ..const import MAIL_STATES, OPERATIONS, PROVISIONING_STEPS, STATES, TRANSITIONS
from ..exceptions import InvalidName
from ..tools import naming

# Only code of this process can name this object: a call from outside cannot move an instance's state.
TRANSITION = object()
GUARDED = {"state", "is_deployed", "uuid", "template_version", "pending_password", "credentials_email"}
GUARDED |= {"operation", "operation_reason"}
GUARDED |= {"tenant_role", "tenant_password"}
LOGIN = re.compile(r"[^\s,;]+")
FIXED = {"subdomain", "server_id", "template_id", "admin_login", "protocol"}


class SaasInstance(models.Model):
    """A client's Odoo: one database, one address, one life from draft to terminated."""

    _name = "saas.instance"
    _inherit = [
        "mail.thread",
        "mail.activity.mixin",
        "lokario.secret.mixin",
        "saas.transaction.mixin",
        "lokario.access.mixin",
    ]
    _description = "SaaS Instance"
    _machine_writes_as_sudo = True
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    uuid = fields.Char(default=lambda self: str(uuid.uuid4()), required=True, readonly=True, copy=False)
    color = fields.Integer()
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    user_id = fields.Many2one("res.users", "Responsible", default=lambda self: self.env.user, tracking=True)
    partner_id = fields.Many2one(
        "res.partner", "Client", required=True, tracking=True, ondelete="restrict", check_company=True
    )
    partner_email = fields.Char(related="partner_id.email")
    plan_id = fields.Many2one("saas.plan", required=True, tracking=True, ondelete="restrict", check_company=True)
    template_id = fields.Many2one(
        "saas.template",
        required=True,
        check_company=True,
        compute="_compute_from_plan",
        store=True,
        readonly=False,
        precompute=True,
        ondelete="restrict",
    )
    server_id = fields.Many2one(
        "saas.server",
        required=True,
        check_company=True,
        compute="_compute_from_plan",
        store=True,
        readonly=False,
        precompute=True,
        ondelete="restrict",
    )
    subdomain = fields.Char(required=True, copy=False, tracking=True)
    protocol = fields.Selection(
        [("http", "http"), ("https", "https")],
        compute="_compute_protocol",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    host = fields.Char(compute="_compute_names", store=True, precompute=True, help="Public name, without port.")
    domain = fields.Char(compute="_compute_names", store=True, precompute=True, help="What follows the protocol.")
    url = fields.Char("Address", compute="_compute_names", store=True, precompute=True)
    database_name = fields.Char("Database", compute="_compute_names", store=True, precompute=True)
    admin_login = fields.Char(
        "Administrator", compute="_compute_admin_login", store=True, readonly=False, precompute=True, required=True
    )
    state = fields.Selection(
        STATES,
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
        group_expand=True,
    )
    is_deployed = fields.Boolean("Has a Database", readonly=True, copy=False)
    operation = fields.Selection(
        OPERATIONS,
        "Under Way",
        readonly=True,
        copy=False,
        help="What has been begun; it is finished even after a crash.",
    )
    operation_reason = fields.Char(readonly=True, copy=False)
    takes_place = fields.Boolean(compute="_compute_takes_place", store=True, help="Counts against its server's places.")
    template_version = fields.Integer(readonly=True, copy=False)
    error_message = fields.Text("Problem", readonly=True, copy=False)
    warning_message = fields.Text("Warning", readonly=True, copy=False)
    notes = fields.Html()

    activation_date = fields.Datetime(readonly=True, copy=False)
    suspension_date = fields.Datetime(readonly=True, copy=False)
    suspension_reason = fields.Char(readonly=True, copy=False, tracking=True)
    reactivation_date = fields.Datetime(readonly=True, copy=False)
    termination_date = fields.Datetime(readonly=True, copy=False)
    termination_reason = fields.Char(readonly=True, copy=False, tracking=True)
    expiration_date = fields.Date(copy=False)
    provision_seconds = fields.Float("Provisioning Time (s)", readonly=True, copy=False, aggregator="avg")

    credential_mode = fields.Selection(related="plan_id.credential_mode")
    pending_password = Secret("Password not yet sent", groups="base.group_system")
    admin_password = fields.Char(compute="_compute_credentials", help="For the mail templates only: never stored.")
    set_password_url = fields.Char(compute="_compute_credentials", help="For the mail templates only: never stored.")

    credentials_email = fields.Char(
        "Credentials Address", readonly=True, copy=False, help="Where the first credentials went, or a later transfer."
    )

    attempt = fields.Char(readonly=True, copy=False)
    step_ids = fields.One2many("saas.instance.step", "instance_id", "Journal")
    progress = fields.Float(compute="_compute_progress")
    current_step = fields.Char(compute="_compute_progress")
    mail_ids = fields.One2many("saas.instance.mail", "instance_id", "Mails")
    mail_state = fields.Selection(MAIL_STATES, "Last Mail", compute="_compute_mail_state", store=True)
    mail_problem = fields.Char(compute="_compute_mail_state", store=True)

    _host_uniq = models.UniqueIndex(
        "(host) WHERE state <> 'terminated'", "Another instance has this address: choose another subdomain."
    )
    _database_uniq = models.UniqueIndex(
        "(server_id, database_name) WHERE state <> 'terminated'", "Another instance has this database name."
    )
    _uuid_uniq = models.Constraint("UNIQUE(uuid)", "An instance's identifier is its own.")

    # === COMPUTE === #

    @api.depends("plan_id")
    def _compute_from_plan(self):
        for instance in self:
            plan = instance.plan_id if instance._is_open() else self.env["saas.plan"]
            instance.template_id = plan.template_id or instance.template_id
            instance.server_id = plan.server_id or plan.template_id.server_id or instance.server_id

    @api.depends("server_id")
    def _compute_protocol(self):
        for instance in self:
            instance.protocol = instance.server_id.protocol or "http"

    @api.depends("subdomain", "protocol", "server_id")
    def _compute_names(self):
        for instance in self:
            if instance.state != "draft" and instance.host:
                continue  # the names of what exists change with nothing
            server = instance.server_id
            ready = instance.subdomain and server
            port = f":{server.public_port}" if server.public_port else ""
            instance.host = ready and f"{instance.subdomain}.{server.base_domain}"
            instance.domain = ready and f"{instance.host}{port}"
            instance.url = ready and f"{instance.protocol}://{instance.domain}"
            instance.database_name = ready and f"{server.database_prefix}{instance.subdomain}"

    @api.depends("partner_id.email")
    def _compute_admin_login(self):
        for instance in self:
            if instance._is_open():
                addresses = email_normalize_all(instance.partner_id.email)
                instance.admin_login = [*addresses, instance.partner_id.name and "admin"][0]
            else:
                instance.admin_login = instance.admin_login  # of what exists it changes inside the instance only

    @api.depends("state", "is_deployed")
    def _compute_takes_place(self):
        for instance in self:
            instance.takes_place = instance.is_deployed or instance.state in {"provisioning", "active", "suspended"}

    @api.depends("attempt", "step_ids.state")
    def _compute_progress(self):
        labels = dict(self.env["saas.instance.step"]._fields["code"]._description_selection(self.env))
        codes = [code for code, _label, _method in PROVISIONING_STEPS]
        for instance in self:
            steps = instance.step_ids.filtered(lambda step, a=instance.attempt: step.attempt == a).sorted("id")
            done = len({step.code for step in steps if step.state == "done"} & set(codes))
            running = steps.filtered(lambda step: step.state == "running")[-1:]
            instance.progress = 100.0 * done / len(codes) if instance.state == "provisioning" else 100.0
            instance.current_step = labels.get(running.code)

    @api.depends("mail_ids.state")
    def _compute_mail_state(self):
        for instance in self:
            last = instance.mail_ids.sorted("id")[-1:]
            instance.mail_state = last.state
            instance.mail_problem = last.reason if last.state in {"failed", "unknown", "skipped"} else False

    @api.depends_context("saas_credentials")
    def _compute_credentials(self):
        credentials = self.env.context.get("saas_credentials")
        for instance in self:
            instance.admin_password = credentials and credentials.password
            instance.set_password_url = credentials and credentials.url

    @api.onchange("partner_id")
    def _onchange_partner_id(self):
        if self.partner_id and not self.subdomain:
            self.subdomain = naming.slug(self.partner_id.commercial_partner_id.name)
        if self.partner_id and not self.name:
            self.name = self.partner_id.commercial_partner_id.name

    # === RULES === #

    def _is_open(self):
        """Whether nothing exists yet: the form still follows its client and plan."""
        return self.state in {"draft", "error"} and not self.is_deployed

    @api.constrains("admin_login")
    def _check_admin_login(self):
        for instance in self:
            if not LOGIN.fullmatch(instance.admin_login):
                raise ValidationError(
                    self.env._(
                        "“%s” cannot be a login: it is one address or name, without spaces or commas.",
                        instance.admin_login,
                    )
                )

    @api.constrains("subdomain", "server_id")
    def _check_subdomain(self):
        for instance in self:
            try:
                naming.check_subdomain(instance.subdomain)
                naming.database_name(instance.server_id.database_prefix, instance.subdomain)
            except InvalidName as err:
                raise ValidationError(instance._name_problem(err)) from None

    @api.constrains("template_id", "server_id")
    def _check_same_server(self):
        for instance in self:
            if instance.template_id.server_id != instance.server_id and instance.state == "draft":
                raise ValidationError(self.env._("The template and the instance must be on the same server."))

    def _name_problem(self, err):
        """The sentence for a refused name."""
        sentences = {
            "short": self.env._("A subdomain has at least %s characters.", naming.MIN_LENGTH),
            "long": self.env._("A subdomain has at most %s characters.", naming.MAX_LENGTH),
            "characters": self.env._(
                "“%s” cannot be a subdomain: use lower-case letters, digits and hyphens, and start and end "
                "with a letter or digit.",
                err.name,
            ),
            "punycode": self.env._("A subdomain cannot have hyphens as its third and fourth character."),
            "digits": self.env._("A subdomain cannot consist of digits only."),
            "reserved": self.env._("The subdomain “%s” is reserved: choose another one.", err.name),
            "bytes": self.env._("The database name “%s” is longer than the 63 bytes that PostgreSQL allows.", err.name),
        }
        return sentences[err.code]

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._refuse_guarded(vals, allowed={"state"} if vals.get("state", "draft") == "draft" else set())
            if isinstance(vals.get("subdomain"), str):
                vals["subdomain"] = vals["subdomain"].strip().lower()
        return super().create(vals_list)

    def write(self, vals):
        self._refuse_guarded(vals)
        if isinstance(vals.get("subdomain"), str):
            vals = {**vals, "subdomain": vals["subdomain"].strip().lower()}
        changed = FIXED & vals.keys()
        if changed and any(instance._is_fixed(changed, vals) for instance in self):
            raise UserError(self.env._("The address, server and template of an instance are fixed once it exists."))
        if "partner_id" in vals:
            self._check_transfer(vals["partner_id"])
        if vals.get("active") is False and self.filtered("takes_place"):
            raise UserError(self.env._("An instance that has a database stays in sight: delete the database first."))
        return super().write(vals)

    def _check_transfer(self, partner_id):
        moved = self.filtered(lambda instance: instance.is_deployed and instance.partner_id.id != partner_id)
        if moved and not self._may_transfer():
            raise AccessError(self.env._("Only a SaaS administrator gives an existing instance to another client."))

    def _is_fixed(self, changed, vals):
        return not self._is_open() and any(
            self._fields[name].convert_to_write(self[name], self) != vals[name] for name in changed
        )

    def _refuse_guarded(self, vals, allowed=frozenset()):
        guarded = (GUARDED & vals.keys()) - allowed
        if guarded and self.env.context.get("saas_transition") is not TRANSITION:
            raise AccessError(self.env._("The state of an instance changes by its actions only."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_deployed(self):
        if self.filtered("takes_place"):
            raise UserError(self.env._("An instance that has a database is terminated, not deleted."))

    def _set_state(self, state, **vals):
        """The only door to another state; ``vals`` are written with it."""
        for instance in self:
            if state not in TRANSITIONS[instance.state]:
                raise UserError(instance._transition_problem(state))
        self._set_guarded(state=state, **vals)

    def _set_guarded(self, **vals):
        """Write what only the program writes, in the name of somebody who may change the instance."""
        self.check_access("write")
        self.sudo().with_context(saas_transition=TRANSITION).write(vals)

    def _transition_problem(self, state):
        labels = dict(self._fields["state"]._description_selection(self.env))
        return self.env._(
            "“%(instance)s” is in state “%(from)s”: it cannot become “%(to)s”.",
            **{"instance": self.name, "from": labels[self.state], "to": labels[state]},
        )
