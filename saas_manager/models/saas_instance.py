import base64
import logging
import re
import secrets
import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools.mail import email_normalize_all

from odoo.addons.lokario_base.fields import Secret
from odoo.addons.lokario_base.identity import confirm_identity
from odoo.addons.lokario_base.tools.transaction import LeaseLost
from odoo.addons.queue_job.exception import RetryableJobError

from ..const import (
    ADMINISTRATORS,
    BUS_TYPE,
    MAIL_STATES,
    OPERATION_MAILS,
    OPERATION_SOURCES,
    OPERATION_TARGETS,
    PROBE_TIMEOUT,
    PROVISIONING_STEPS,
    STATES,
    TRANSITIONS,
)
from ..exceptions import TECHNICAL, Busy, DatabaseExists, NotClean
from ..tools import admin_credentials, customizer, naming, neutralizer, sanitizer
from ..tools.admin_credentials import Administrator
from ..tools.choice import only_one
from ..tools.customizer import Company
from ..tools.instance_database import InstanceDatabase, Tenant

_logger = logging.getLogger(__name__)

LOGIN = re.compile(r"[^\s,;]+")
ODOO_LOGINS = {"__system__", "default", "public", "portaltemplate"}  # of the technical users in every database
FIXED = {"subdomain", "server_id", "template_id", "admin_login", "protocol"}
WORST_FIRST = ["failed", "unknown", "skipped", "queued", "sending", "sent", "refused"]
UNDER_WAY = {"queued", "sending", "sent", "refused", False}  # states of a mail that nobody has to look after
CONVERSION_PATIENCE = 900  # seconds for what is undone in a client's database
JOB_RETRY = 5  # seconds until another worker may take over an instance that is being worked on


class SaasInstance(models.Model):
    """A client's Odoo: one database, one address, one life from draft to terminated."""

    _name = "saas.instance"
    _inherit = [
        "saas.guarded.mixin",
        "lokario.chatter.mixin",
        "mail.thread",
        "mail.activity.mixin",
        "lokario.secret.mixin",
        "saas.operation.mixin",
        "lokario.access.mixin",
    ]
    _description = "SaaS Instance"
    _machine_writes_as_sudo = True
    _order = "id desc"
    _check_company_auto = True
    _guarded = frozenset(
        (
            *("state", "is_deployed", "uuid", "template_version", "pending_password", "credentials_email", "operation"),
            *("operation_reason", "next_plan_id", "neutralized_changes", "expiry_notified_on"),
            *("tenant_role", "tenant_password"),
            *("database_size", "user_count", "last_login_at", "measured_at"),
            *("certificate_until", "unreachable_since", "unreachable_reason"),
        )
    )

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
    plan_id = fields.Many2one(
        "saas.plan",
        required=True,
        tracking=True,
        ondelete="restrict",
        check_company=True,
        default=lambda self: only_one(self.env["saas.plan"]),
    )
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
    occupies_slot = fields.Boolean(
        compute="_compute_occupies_slot", store=True, help="Counts against its server's limit."
    )
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
    expiration_date = fields.Date(
        copy=False, tracking=True, help="The client is warned a week before; the day after, the instance is suspended."
    )
    expiry_notified_on = fields.Date(readonly=True, copy=False, help="The expiration date that the client knows.")
    conversion_date = fields.Datetime("Converted on", readonly=True, copy=False)
    next_plan_id = fields.Many2one("saas.plan", readonly=True, copy=False, help="To which it is being converted.")
    neutralized_changes = fields.Json(readonly=True, copy=False, groups="base.group_system")
    provision_seconds = fields.Float("Provisioning Time (s)", readonly=True, copy=False, aggregator="avg")

    database_size = fields.Float("Database (MB)", digits=(12, 1), readonly=True, copy=False)
    user_count = fields.Integer("Users", readonly=True, copy=False, help="People who have a login, without portal.")
    last_login_at = fields.Datetime("Last Login", readonly=True, copy=False, help="Of its administrator.")
    measured_at = fields.Datetime("Looked at", readonly=True, copy=False)
    certificate_until = fields.Date("Certificate Valid Until", readonly=True, copy=False)
    unreachable_since = fields.Datetime("Not Reachable Since", readonly=True, copy=False)
    unreachable_reason = fields.Char("Why It Is not Reachable", readonly=True, copy=False)

    plan_purpose = fields.Selection(related="plan_id.purpose")
    credential_mode = fields.Selection(related="plan_id.credential_mode")
    tenant_role = fields.Char("Database Role", readonly=True, copy=False)
    tenant_password = Secret("Password of its Database Role", groups="base.group_system")
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

    @api.depends("plan_id", "partner_id.commercial_partner_id.country_id")
    def _compute_from_plan(self):
        for instance in self:
            plan = instance.plan_id if instance._is_open() else self.env["saas.plan"]
            template = plan._template_for(instance._client_country()) or plan.template_id
            instance.template_id = template or instance.template_id
            instance.server_id = plan.server_id or template.server_id or instance.server_id

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
            ready = bool(instance.subdomain and server)
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
                instance.admin_login = [*addresses, bool(instance.partner_id) and "admin"][0]
            else:
                instance.admin_login = instance.admin_login  # of what exists it changes inside the instance only

    @api.depends("state", "is_deployed")
    def _compute_occupies_slot(self):
        for instance in self:
            instance.occupies_slot = instance.is_deployed or instance.state in {"provisioning", "active", "suspended"}

    @api.depends("attempt", "step_ids.state")
    def _compute_progress(self):
        labels = dict(self.env["saas.instance.step"]._fields["code"]._description_selection(self.env))
        codes = [code for code, _label, _method in self._provisioning_steps()]
        for instance in self:
            steps = instance.step_ids.filtered(lambda step, a=instance.attempt: step.attempt == a).sorted("id")
            done = len({step.code for step in steps if step.state == "done"} & set(codes))
            running = steps.filtered(lambda step: step.state == "running")[-1:]
            instance.progress = 100.0 * done / len(codes) if instance.state == "provisioning" else 100.0
            instance.current_step = labels.get(running.code)

    @api.depends("mail_ids.state")
    def _compute_mail_state(self):
        for instance in self:
            last = instance.mail_ids._last_attempts(instance)
            worst = last.sorted(lambda mail: WORST_FIRST.index(mail.state))[:1]
            instance.mail_state = worst.state
            instance.mail_problem = worst.reason if worst.state not in UNDER_WAY else False

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
        return self._consequence(
            self.env._(
                "Mails about “%(instance)s”, and credentials once they are sent again, go to %(client)s from now on. "
                "The company, login, users and data inside stay as they are.",
                instance=self.name,
                client=self.partner_id.email or self.env._("no address (this client has none)"),
            )
        )

    @api.onchange("plan_id")
    def _onchange_plan_id(self):
        return self._consequence(
            self.env._(
                "The limits of the plan “%s” are in force when the instance's process starts next. Template, address, "
                "modules and outgoing mail server stay; a trial goes into production by its own button.",
                self.plan_id.name or "",
            )
        )

    def _consequence(self, text):
        """What a person reads who changes something that exists; nothing while it is only planned."""
        return None if self._is_open() else {"warning": {"title": self.env._("What will happen"), "message": text}}

    # === RULES === #

    def _client_country(self):
        return self.partner_id.commercial_partner_id.country_id

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
            if instance.admin_login in ODOO_LOGINS:
                raise ValidationError(
                    self.env._("“%s” is a login that Odoo itself has: choose another one.", instance.admin_login)
                )

    @api.constrains("subdomain", "server_id")
    def _check_subdomain(self):
        for instance in self:
            instance.server_id._check_subdomain(instance.subdomain)

    @api.constrains("template_id", "server_id")
    def _check_same_server(self):
        for instance in self:
            if instance.template_id.server_id != instance.server_id and instance.state == "draft":
                raise ValidationError(self.env._("The template and the instance must be on the same server."))

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if isinstance(vals.get("subdomain"), str):
                vals["subdomain"] = vals["subdomain"].strip().lower()
        return super().create(vals_list)

    def write(self, vals):
        if isinstance(vals.get("subdomain"), str):
            vals = {**vals, "subdomain": vals["subdomain"].strip().lower()}
        changed = FIXED & vals.keys()
        if changed and any(instance._is_fixed(changed, vals) for instance in self):
            raise UserError(self.env._("The address, server and template of an instance are fixed once it exists."))
        if "partner_id" in vals:
            self._check_transfer(vals["partner_id"])
        if "plan_id" in vals and not self._is_program():
            self._check_plan_change(vals["plan_id"])
        if vals.get("active") is False and self.filtered("occupies_slot"):
            raise UserError(
                self.env._("An instance that has a database cannot be archived: delete the database first.")
            )
        result = super().write(vals)
        if "plan_id" in vals:
            self.env["lokario.gate.route"]._refresh_limits(self)
        return result

    def _check_transfer(self, partner_id):
        moved = self.filtered(lambda instance: instance.is_deployed and instance.partner_id.id != partner_id)
        if moved and not self._is_administrator():
            raise AccessError(self.env._("Only a SaaS administrator gives an existing instance to another client."))

    def _check_plan_change(self, plan_id):
        """Refuse a plan that would make of what exists something else than its copy was made for."""
        purpose = self.env["saas.plan"].browse(plan_id).purpose
        if self.filtered(lambda instance: not instance._is_open() and instance.plan_id.purpose != purpose):
            raise UserError(
                self.env._(
                    "A trial or staging instance goes into production by “Put into Production”, which undoes what was "
                    "switched off in it; the other way there is only a new instance."
                )
            )

    def _is_fixed(self, changed, vals):
        return not self._is_open() and any(
            self._fields[name].convert_to_write(self[name], self) != vals[name] for name in changed
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_deployed(self):
        if self.filtered("occupies_slot"):
            raise UserError(self.env._("An instance that has a database is terminated, not deleted."))

    # === STATE === #

    def _set_provisioning(self):
        self._transition("provisioning", error_message=False, warning_message=False, attempt=str(uuid.uuid4()))

    def _set_active(self, run, seconds):
        self._transition(
            "active",
            activation_date=fields.Datetime.now(),
            provision_seconds=seconds,
            template_version=self.template_id.version,
            warning_message="\n".join(run.warnings) or False,
        )
        self.sudo()._set_guarded(pending_password=run.password.text, credentials_email=self.partner_id.email)

    def _set_suspended(self):
        if self.state != "suspended":
            reason = self.operation_reason
            self._transition("suspended", suspension_date=fields.Datetime.now(), suspension_reason=reason)

    def _set_reactivated(self):
        if self.state != "active":
            self._transition("active", reactivation_date=fields.Datetime.now(), suspension_reason=False)

    def _set_error(self, problem):
        self._transition("error", error_message=problem)

    def _set_terminated(self):
        if self.state == "terminated":
            return
        self.sudo()._set_guarded(pending_password=False)
        self._transition(
            "terminated",
            termination_date=fields.Datetime.now(),
            termination_reason=self.operation_reason,
            error_message=False,
            warning_message=False,
        )

    def _transition(self, state, **vals):
        """The only way to another state, for the methods above; ``vals`` are written with it."""
        for instance in self:
            if state not in TRANSITIONS[instance.state]:
                raise UserError(instance._transition_problem(state))
        self._set_guarded(state=state, **vals)

    def _set_deployed(self, deployed):
        with self._own_transaction() as own:
            own._set_guarded(is_deployed=deployed)

    def _transition_problem(self, state):
        labels = dict(self._fields["state"]._description_selection(self.env))
        return self.env._(
            "“%(instance)s” is in state “%(from)s”: it cannot become “%(to)s”.",
            **{"instance": self.name, "from": labels[self.state], "to": labels[state]},
        )

    def _problem_text(self, err):
        return self.server_id._problem_text(err)

    # === DATABASE, ROLE, ROUTE === #

    def _database(self):
        """This instance's database and files."""
        server, tenant = self.server_id, None
        if self.tenant_role:
            tenant = Tenant(self.tenant_role, self.sudo()._reveal_secret__("tenant_password"), self.id)
        return InstanceDatabase(
            server._get_postgres__(),
            self.database_name,
            server._ownership_tag(self.uuid),
            server._get_filestore__(),
            server._get_homes__(),
            tenant,
            tenant and server._get_process__(self.database_name),
        )

    def _choose_role(self):
        """Choose role and password with the request: the job, and whoever comes after a crash, find them."""
        if not self.tenant_role:
            role, password = f"tenant_{secrets.token_hex(6)}", secrets.token_urlsafe(32)
            self.sudo()._set_guarded(tenant_role=role, tenant_password=password)
            self.server_id._get_postgres__().close(self.env.cr.dbname)  # the manager's own stood open

    def _routes(self):
        return self.env["lokario.gate.route"]

    # === PROVISION === #

    def action_provision_instance(self):
        """Reserve a slot and queue the work; the form shows how it goes on."""
        provisioning = self.env["saas.provisioning"]
        for instance in self:
            provisioning._check(instance)
        for instance in self:
            with instance._own_transaction() as own:
                own.env["saas.provisioning"]._reserve(own)
        return self._notification(
            self.env._("Provisioning has started"),
            self.env._("%s: you will see here when it is ready.", ", ".join(self.mapped("name"))),
            "info",
        )

    def _queue_provisioning(self):
        self.with_delay(
            channel="root.provision",
            identity_key=f"saas.instance:provision:{self.uuid}:{self.attempt}",
            description=f"Provision {self.database_name}",
        )._job_provision()

    def _job_provision(self):
        """Provision, then queue the mail to the client. Runs as a queue job and may be run again at any point.

        Its outcome is stored on the instance, never raised. A run that finds the half-done work of
        a killed one removes it and starts afresh; the mail is never sent twice.
        """
        self.ensure_one()
        try:
            with self._alone() as worker:
                if not worker:
                    raise LeaseLost(self.uuid)
                if self._committed(lambda own: own.state == "provisioning"):
                    self.env["saas.provisioning"]._run(self, worker)
        except LeaseLost as err:
            reason = "another worker has this instance"
            raise RetryableJobError(reason, seconds=JOB_RETRY, ignore_retry=True) from err
        # Also when the instance was suspended in the meantime, or when this is a second run.
        if self._committed(lambda own: own.is_deployed and own.sudo().pending_password):
            with self._own_transaction() as own:
                own._queue_lifecycle_email("provisioned")
            self._notify_outcome()
        admin_credentials.RESERVE.refill()

    @api.model
    def _provisioning_steps(self):
        """Return (code, label, method) of each step, in order; an addon inserts its own."""
        return list(PROVISIONING_STEPS)

    def _remove_leftovers(self):
        """Remove route, database and folder of this instance, if any are there and ours."""
        with self._own_transaction() as own:
            own._routes()._of(own).unlink()
        self._delete_database()

    def _delete_database(self):
        """Drop the database and its files, if they are there and this instance's.

        Done again after an interruption it finishes what is left.
        """
        self.ensure_one()
        with self._own_transaction() as own:
            if not own.is_deployed:
                return
            # `is_deployed` is our written intent to create this very name: that settles a crash
            # between CREATE DATABASE and the ownership tag.
            unmarked_is_ours = own.state == "provisioning"
        self._database().drop(unmarked_is_ours)
        self._set_deployed(False)

    # === STEPS OF A PROVISIONING: const.PROVISIONING_STEPS === #

    def _clone_template_database(self, run):
        """Copy the sealed template, invisible to every web request and cron, and its files."""
        self._set_deployed(True)  # the intent: from now on there may be a database of ours
        try:
            run.database.clone(self.template_id.template_db)
        except DatabaseExists:
            self._set_deployed(False)  # it is another owner's, and stays
            raise
        run.connection = run.stack.enter_context(run.database.manager_session())

    def _neutralize_database(self, run):
        """Take out what is the template's and verify it; a production copy is else exactly the template."""
        connection, secret = run.connection, sanitizer.current_secret(run.connection)
        if self.plan_id.purpose == "production":
            with neutralizer.rehearsal(connection):
                self._neutralize(connection)
            customizer.postpone_due_jobs(connection)
        else:
            changes = neutralizer.recorded(connection, lambda: self._neutralize(connection))
            with self._own_transaction() as own:
                own.sudo()._set_guarded(neutralized_changes=changes)
        removed = sanitizer.sanitize(connection)
        sanitizer.verify(connection, secret)
        if removed:
            run.warnings.append(
                self.env._("Parameters of the template that looked secret were removed: %s", ", ".join(removed))
            )

    def _neutralize(self, connection):
        """Run every module's `neutralize.sql`; a failure that is not waived stops the provisioning."""
        waived = {name.strip() for name in (self.template_id.waived_modules or "").split(",")}
        failures = [failure for failure in neutralizer.neutralize(connection) if failure.module not in waived]
        if failures:
            raise NotClean("; ".join(f"{failure.module}: {failure.error}" for failure in failures))
        neutralizer.verify(connection)

    def _customize_instance(self, run):
        """Make the company the client's; its own address and outgoing server."""
        missing = customizer.write_company(run.connection, self._company_values())
        if missing:
            run.warnings.append(self.env._("The template does not offer: %s", ", ".join(missing)))
        image = self.partner_id.commercial_partner_id.image_1920
        if image:
            customizer.write_logo(run.connection, base64.b64decode(image), run.database.folder)
        relay = self.plan_id._relay__()
        if relay:
            customizer.write_relay(run.connection, relay)
        elif self.plan_id.purpose == "production":
            run.warnings.append(
                self.env._("The plan has no outgoing mail server: this instance cannot send e-mail yet.")
            )

    def _company_values(self):
        partner = self.partner_id.commercial_partner_id
        return Company(
            name=partner.name or self.name,
            email=partner.email or self.partner_id.email,
            phone=partner.phone or "",
            vat=partner.vat or "",
            website=partner.website or "",
            street=partner.street or "",
            street2=partner.street2 or "",
            city=partner.city or "",
            zip=partner.zip or "",
            country_code=partner.country_id.code or "",
            state_code=partner.state_id.code or "",
            currency=partner.country_id.currency_id.name or self.company_id.currency_id.name,
            lang=self.partner_id.lang or "",
            tz=self.partner_id.tz or "",
        )

    def _create_client_admin(self, run):
        """Give the template's administrator the client's name, login and password."""
        partner = self.partner_id
        administrator = Administrator(
            login=self.admin_login,
            name=partner.name or partner.commercial_partner_id.name,
            email=self._admin_email(),
            lang=partner.lang or "",
            tz=partner.tz or "",
        )
        admin_credentials.write_administrator(run.connection, administrator, run.password.hash())

    def _admin_email(self):
        return (email_normalize_all(self.partner_id.email) or [self.partner_id.email])[0]

    def _configure_subdomain(self, run):
        """Publish: from here on the address leads to the instance. Odoo mails no notice of our own log-in."""
        customizer.write_address(run.connection, self.url)
        admin_credentials.write_email(run.connection, None)
        run.database.hand_over(run.connection)
        run.stack.close()  # commits what was done inside
        run.database.open()
        with self._own_transaction() as own:
            own._routes()._lead_to(own)
        run.database.await_visitors()

    def _verify_instance(self, run):
        """Log in through the public name, open the web client, load an asset; leave no trace of it."""
        with self.server_id._get_probe__(self.host, timeout=PROBE_TIMEOUT) as probe:
            probe.verify(self.admin_login, run.password.text)
        with run.database.session() as connection:
            admin_credentials.forget_visits(connection)
            admin_credentials.write_email(connection, self._admin_email())

    # === SUSPEND, REACTIVATE, TERMINATE, ISOLATE, CONVERT === #

    def action_suspend(self, reason=None):
        """Cut the access of people, programs and scheduled actions within a second.

        :param str reason: for the journal and, if the template says so, the client
        """
        self._request_each("suspend", reason)
        return self._outcome_notification(self.env._("Access is cut"))

    def action_reactivate(self):
        """Give the access back within a second."""
        self._request_each("reactivate")
        return self._outcome_notification(self.env._("Access is open again"))

    def _request_each(self, code, reason=None):
        """All or none: what one of several refuses is said before another one changes."""
        self.check_access("write")
        for instance in self:
            instance._check_operation(code)
        for instance in self:
            instance._request(code, reason)

    def action_terminate(self, reason=None):
        """Delete the database for good. For SaaS administrators only."""
        self._check_administrator(self.env._("Only a SaaS administrator may terminate an instance."))
        for instance in self:
            instance._request("terminate", reason)
        return self._outcome_notification(self.env._("The database is deleted"))

    def action_isolate(self):
        """Give an instance of the shared process a process, a role and a folder of its own. For SaaS administrators."""
        self._check_administrator(self.env._("Only a SaaS administrator may move an instance."))
        for instance in self:
            instance._check_isolatable()
            instance._request("isolate")
        return self._notification(
            self.env._("Done"), self.env._("%s: a process of its own.", ", ".join(self.mapped("name"))), "success"
        )

    def action_convert(self, plan_id):
        """Make a trial or staging instance one of a production plan: what its neutralization changed is undone."""
        plan = self.env["saas.plan"].browse(plan_id)
        for instance in self:
            instance._check_convertible(plan)
            instance._request("convert", next_plan_id=plan.id)
        return self._outcome_notification(self.env._("Now in production"))

    def _check_isolatable(self):
        """Refuse what cannot work, before visitors are kept out."""
        server = self.server_id
        if server.isolation != "process":
            raise UserError(
                self.env._("Choose “A process and role for each instance” on the server “%s” first.", server.name)
            )
        server._check_answers()
        database = self._database()
        with database.manager_session() as connection:
            if database.postgres.is_closed(connection):
                return
        raise UserError(
            self.env._(
                "“%s” was made before instances had roles: let a superuser of its PostgreSQL run "
                "deploy/postgresql_catalogues.sql in it first.",
                self.database_name,
            )
        )

    def _check_administrator(self, refusal):
        if not self._is_administrator():
            raise AccessError(refusal)

    def _is_administrator(self):
        return self.env.su or self.env.user.has_group(ADMINISTRATORS)

    def _check_convertible(self, plan):
        plan.check_access("read")
        if plan.purpose != "production" or self.plan_id.purpose == "production":
            raise UserError(self.env._("A trial or staging instance is converted to a production plan."))
        if not self.sudo().neutralized_changes:
            raise UserError(
                self.env._("What was switched off in “%s” has not been recorded: provision a new instance.", self.name)
            )

    def _check_operation(self, code):
        """Refuse what the table of transitions does not allow; what was begun may be asked for again."""
        if self.operation == code:
            return
        if self.operation:
            raise UserError(self._problem_text(Busy(self.name)))
        if code == "isolate" and self.tenant_role:
            raise UserError(self.env._("“%s” has a process and role of its own already.", self.name))
        target = OPERATION_TARGETS.get(code)
        if self.state not in OPERATION_SOURCES.get(code, {self.state}) or (
            target and target not in TRANSITIONS[self.state]
        ):
            raise UserError(self._transition_problem(target or "active"))

    def _finish_operation(self, code):
        """Mail what has happened, to nobody about what never lived."""
        with self._own_transaction() as own:
            if code in OPERATION_MAILS and own.activation_date:
                own._queue_lifecycle_email(OPERATION_MAILS[code])

    def _suspend(self):
        with self._own_transaction() as own:
            own._set_suspended()
            own._routes()._lead_to_page(own)
            own._notify_progress()
        self._database().close()

    def _reactivate(self):
        database = self._database()
        database.open()
        with self._own_transaction() as own:
            own._set_reactivated()
            own._routes()._lead_to(own)
            own._notify_progress()
        database.await_visitors()

    def _terminate(self):
        try:
            self._remove_leftovers()
        except TECHNICAL as err:
            with self._own_transaction() as own:
                own._set_error(own._problem_text(err))
            raise
        with self._own_transaction() as own:
            own._set_terminated()
            own._notify_progress()

    def _isolate(self):
        if not self._committed(lambda own: own._routes()._of(own).tenant_role):
            with self._own_transaction() as own:
                own._routes()._lead_to_page(own)
                own._choose_role()
                database = own._database()
            database.isolate()
        self._reopen()  # from here on its client works in its own folder: the old one is never copied again
        self._database().filestore.remove(self.database_name)

    def _convert(self):
        with self._own_transaction() as own:
            own._routes()._lead_to_page(own)
        plan = self.env["saas.plan"].browse(self._committed(lambda own: own.next_plan_id.id))
        database, changes = self._database(), self.sudo().neutralized_changes
        database.close()
        database.open()
        with database.session(CONVERSION_PATIENCE) as connection:
            if neutralizer.is_neutralized(connection):
                neutralizer.restore(connection, neutralizer.changed_later(connection) + changes)
                neutralizer.forget_later(connection)
                customizer.postpone_due_jobs(connection)
                if relay := plan._relay__():
                    customizer.write_relay(connection, relay)
        with self._own_transaction() as own:
            own.sudo()._set_guarded(plan_id=plan.id, neutralized_changes=False, conversion_date=fields.Datetime.now())
        self._reopen()

    def _reopen(self):
        """Let visitors in again after work on the database, unless the instance is suspended."""
        database = self._committed(lambda own: own._database())
        database.open()
        with self._own_transaction() as own:
            is_suspended = own.state == "suspended"
            own._routes()._lead_to_page(own) if is_suspended else own._routes()._lead_to(own)
            own._notify_progress()
        if is_suspended:
            database.close()
        else:
            database.await_visitors()

    # === EXPIRY AND WHAT WAS INTERRUPTED === #

    def _cron_expiry(self):
        """Warn clients of instances that expire within a week; suspend those that have expired."""
        self.env["saas.expiry"]._run()

    def _cron_monitor(self):
        """Look at what is in running instances, and whether their address leads there."""
        self.env["saas.monitor"]._run()

    def action_measure(self):
        """Look now."""
        self.check_access("write")
        for instance in self.filtered(lambda one: one.state == "active"):
            self.env["saas.monitor"]._measure(instance)

    def _cron_resume(self):
        """Queue again what was begun and has no job any more; one that is still there is not doubled."""
        for instance in self.search([("state", "=", "provisioning")]):
            instance._queue_provisioning()
        for instance in self.search([("operation", "!=", False)]):
            instance._queue_resumption()

    # === CREDENTIALS === #

    @confirm_identity
    def action_send_credentials(self):
        """Issue a new password or link, and send it; the old password stops working."""
        self.check_access("write")
        for instance in self:
            self.env["saas.credentials"]._issue(instance)
        return self._outcome_notification(self.env._("New credentials were issued"))

    # === MAILS: saas.instance.mail === #

    def _send_provisioning_email(self):
        """Send the address, login and password (or link) of the new instance to the client."""
        return self._send_lifecycle_email("provisioned")

    def _send_suspension_email(self):
        """Tell the client that the access is cut."""
        return self._send_lifecycle_email("suspended")

    def _send_reactivation_email(self):
        """Tell the client that the access is open again."""
        return self._send_lifecycle_email("reactivated")

    def _send_termination_email(self):
        """Confirm to the client that the database is deleted."""
        return self._send_lifecycle_email("terminated")

    def _queue_lifecycle_email(self, kind):
        """Have a job send it; for a transaction that writes down what has happened."""
        self.ensure_one()
        self.env["saas.instance.mail"]._queue(self, kind)

    def _send_lifecycle_email(self, kind):
        self.ensure_one()
        return self.env["saas.instance.mail"]._send(self, kind)

    def action_retry_mail(self):
        """Send the last mail again, if it has failed or if it is unknown whether it has left."""
        self.check_access("write")
        for instance in self:
            self.env["saas.instance.mail"]._send_again(instance)
        return self._outcome_notification(self.env._("The mail is sent again"))

    def _cron_retry_mails(self):
        self.env["saas.instance.mail"]._retry_failed()

    # === NOTIFICATIONS === #

    def _step(self, code):
        return self.env["saas.instance.step"]._journal(self, code)

    def _notification(self, title, message, kind):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": title,
                "message": message,
                "type": kind,
                "sticky": kind == "danger",
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _outcome_notification(self, title):
        """What was done, and what became of the mail."""
        with self._own_transaction() as own:
            mails = own.env["saas.instance.mail"]
            lines = [f"{instance.name} – {mails._sentence(instance)}" for instance in own]
            is_well = set(own.filtered("activation_date").mapped("mail_state")) <= UNDER_WAY
        return self._notification(title, "\n".join(lines), "success" if is_well else "warning")

    def _notify_outcome(self):
        """Pop up the end of a provisioning for the user who started it."""
        with self._own_transaction() as own:
            if own.state == "active":
                title = own.env._("%(name)s is now active at %(url)s", name=own.name, url=own.url)
                message = own.env["saas.instance.mail"]._sentence(own)
                kind = "success" if own.mail_state in UNDER_WAY else "warning"
            else:
                title, message, kind = own.env._("%s could not be provisioned", own.name), own.error_message, "danger"
            own._pop_up(title, message, kind)
            own._notify_progress()

    def _notify_mail_outcome(self):
        """Show on open forms what became of a mail; pop up a bad outcome for the user it was sent for."""
        if self.mail_state not in UNDER_WAY:
            self._pop_up(self.name, self.env["saas.instance.mail"]._sentence(self), "warning")
        self._notify_progress()

    def _pop_up(self, title, message, kind):
        values = {"title": title, "message": message, "type": kind, "sticky": kind == "danger"}
        self.env.user._bus_send("simple_notification", values)

    def _notify_progress(self):
        """Make open forms of this instance show its new state."""
        group = self.env.ref("saas_manager.group_saas_manager_user")
        group._bus_send(BUS_TYPE, {"model": self._name, "id": self.id})
