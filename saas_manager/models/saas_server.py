import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path

import odoo.http
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import config

from odoo.addons.lokario_base.fields import Secret

from ..exceptions import (
    TECHNICAL,
    BuildFailed,
    Busy,
    DatabaseExists,
    InvalidName,
    NotClean,
    OwnershipError,
    ServerUnreachable,
    VerificationFailed,
)
from ..tools import naming
from ..tools.filestore import Filestore, Homes
from ..tools.instance_process import InstanceProcess, host_application
from ..tools.loopback import serving
from ..tools.postgres_admin import CLUSTER, OwnershipTag, PostgresAdmin
from ..tools.probe import Probe

MANAGER_PARAMETER = "saas.manager_uuid"


class SaasServer(models.Model):
    _name = "saas.server"
    _inherit = ["lokario.chatter.mixin", "mail.thread", "lokario.secret.mixin", "lokario.access.mixin"]
    _description = "SaaS Server"
    _order = "sequence, id"

    name = fields.Char(required=True, tracking=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company)
    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("maintenance", "Maintenance")],
        default="draft",
        required=True,
        copy=False,
        tracking=True,
        help="Only an active server takes new instances; those it has keep running in maintenance.",
    )
    max_instances = fields.Integer("Slots", default=100, required=True, tracking=True)
    base_domain = fields.Char(
        required=True,
        default=lambda self: self._parameter("saas.base_domain", "localhost"),
        help="Instances answer at <subdomain>.<base domain>. Point *.<base domain> at this server.",
    )
    protocol = fields.Selection(
        [("http", "http"), ("https", "https")],
        required=True,
        default=lambda self: self._parameter("saas.protocol", "http"),
    )
    public_port = fields.Integer(
        default=lambda self: int(self._parameter("saas.public_port", 0)),
        help="Port in the address of an instance; 0 for the protocol's own.",
    )
    database_prefix = fields.Char(
        required=True,
        default="t-",
        help="Every database of an instance starts with it, so that no client can name another database.",
    )
    contact = fields.Char(
        "Contact for Visitors",
        help="E-mail address or phone number on the page of a suspended instance.",
    )
    suspension_message = fields.Text(
        "Message to Visitors",
        help="On the page of a suspended instance. Empty: a standard text in the visitor's language.",
    )
    db_host = fields.Char(
        "PostgreSQL Host",
        help="Empty: the one in odoo.conf. Else another address of the same PostgreSQL, for example one without a "
        "connection pooler in between. Clients on another PostgreSQL need an Odoo and a manager beside it.",
    )
    db_port = fields.Integer("PostgreSQL Port")
    db_user = fields.Char("PostgreSQL Role")
    db_password = Secret("PostgreSQL Password", destination=("db_host", "db_port", "db_user"))
    isolation = fields.Selection(
        [("process", "A process and role for each instance"), ("shared", "One process and role for all")],
        default=lambda self: self._default_isolation(),
        required=True,
        help="For new instances. A process for each needs `./lokario host` beside this Odoo, and a PostgreSQL (16 or "
        "newer) prepared by deploy/postgresql.sql. With one process for all, whoever administers an instance can reach "
        "the others.",
    )
    runs_on = fields.Char(
        "Instance Host",
        help="Name (`host_name` in its odoo.conf) of the machine that runs the processes of these instances. Empty: "
        "the one beside this Odoo.",
    )
    http_host = fields.Char("Odoo Host", help="Where the verification of a new instance connects. Empty: this Odoo.")
    http_port = fields.Integer("Odoo Port", help="0: the job that makes the instance serves the verification itself.")

    instance_ids = fields.One2many("saas.instance", "server_id")
    used_slots = fields.Integer(compute="_compute_capacity")
    free_slots = fields.Integer(compute="_compute_capacity")
    available_capacity = fields.Float("Free (%)", compute="_compute_capacity")

    _max_instances_positive = models.Constraint(
        "CHECK(max_instances >= 0)", "A server cannot have a negative number of slots."
    )

    def init(self):
        self.env.cr.execute(
            "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s) ON CONFLICT (key) DO NOTHING",
            [MANAGER_PARAMETER, str(uuid.uuid4())],
        )

    def _default_isolation(self):
        """A process for each instance wherever this Odoo's PostgreSQL is prepared for it."""
        try:
            return "process" if self.new()._get_postgres__().is_prepared() else "shared"
        except ServerUnreachable:
            return "process"

    def _compute_capacity(self):
        counts = dict(
            self.env["saas.instance"]
            .sudo()
            ._read_group([("server_id", "in", self.ids), ("occupies_slot", "=", True)], ["server_id"], ["__count"])
        )
        for server in self:
            server.used_slots = counts.get(server, 0)
            server.free_slots = max(0, server.max_instances - server.used_slots)
            server.available_capacity = (
                100.0 * server.free_slots / server.max_instances if server.max_instances else 0.0
            )

    @api.constrains("database_prefix", "base_domain")
    def _check_names(self):
        for server in self:
            try:
                naming.database_name(server.database_prefix, "a" * naming.MIN_LENGTH)
            except InvalidName:
                raise ValidationError(
                    self.env._("The database prefix may only have lower-case letters, digits, “-” and “_”.")
                ) from None
            if not naming.HOST.fullmatch(server.base_domain or ""):
                raise ValidationError(
                    self.env._("The base domain “%s” is not a lower-case host name.", server.base_domain)
                )

    def _check_subdomain(self, subdomain):
        """Refuse what cannot name an instance here; raises ValidationError."""
        try:
            naming.check_subdomain(subdomain)
            naming.database_name(self.database_prefix, subdomain)
        except InvalidName as err:
            raise ValidationError(self._name_problem(err)) from None

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

    def write(self, vals):
        frozen = {"database_prefix", "base_domain", "db_host", "db_port", "runs_on"} & vals.keys()
        if frozen and self.sudo().instance_ids.filtered("occupies_slot"):
            raise UserError(
                self.env._("This server has instances: its names, its database server and its host are fixed.")
            )
        return super().write(vals)

    # === STATE === #

    def action_activate(self):
        """Check the server and let it take instances."""
        self.check_access("write")
        for server in self:
            server._check_answers()
        self._set_active()

    def action_maintenance(self):
        """Take no more instances; those that are there keep running."""
        self._set_maintenance()

    def _set_active(self):
        self.state = "active"

    def _set_maintenance(self):
        self.state = "maintenance"

    def _check_answers(self):
        """Refuse a PostgreSQL that does not answer, and one that this Odoo does not serve databases from."""
        try:
            postgres = self._get_postgres__()
            postgres.find("postgres")
            is_another = self.db_host and postgres.cluster() != self._own_cluster()
        except TECHNICAL as err:
            raise UserError(
                self.env._(
                    "The PostgreSQL of server “%(server)s” does not answer: %(reason)s", server=self.name, reason=err
                )
            ) from err
        if is_another:
            raise UserError(
                self.env._(
                    "“%s” is another PostgreSQL than the one of this Odoo, which could neither serve instances there "
                    "nor share its files with them. Leave the host empty, or set up a manager beside that PostgreSQL.",
                    self.db_host,
                )
            )
        if self.isolation == "process":
            self._check_host(postgres)

    def _check_host(self, postgres):
        """Refuse what would be made for processes that cannot run."""
        if not postgres.is_prepared():
            raise UserError(
                self.env._(
                    "The PostgreSQL of server “%s” is not prepared for instances with a role of their own: let its "
                    "superuser run deploy/postgresql.sql.",
                    self.name,
                )
            )
        if not postgres.has_visitor(self.env.cr.dbname, host_application(self.runs_on)):
            raise UserError(
                self.env._(
                    "Nothing runs the processes of instances on server “%s”: start `./lokario host` beside this Odoo, "
                    "with the same configuration and environment.",
                    self.name,
                )
                if not self.runs_on
                else self.env._(
                    "The host “%(host)s”, which runs the instances of server “%(server)s”, is not connected: start "
                    "`./lokario host` there.",
                    host=self.runs_on,
                    server=self.name,
                )
            )

    def _own_cluster(self):
        self.env.cr.execute(CLUSTER)
        return self.env.cr.fetchone()[0]

    def _problem_text(self, err):
        """What went wrong on this server, for the person who looks at the record."""
        sentences = {
            UserError: str(err),
            Busy: self.env._("“%s” is being worked on: try again in a moment.", err),
            NotClean: self.env._("The copy was not clean and has been removed: %s", err),
            DatabaseExists: self.env._("“%s” exists already and does not belong to this instance.", err),
            OwnershipError: self.env._(
                "The database “%s” does not belong to this manager: nothing was changed in it.", err
            ),
            ServerUnreachable: self.env._("The server does not answer: %s", err),
            VerificationFailed: self.env._("The test login did not succeed: %s", err),
            BuildFailed: str(err),
        }
        technical = f"{type(err).__name__}: {err}".strip().splitlines()[0]
        return next((text for kind, text in sentences.items() if isinstance(err, kind)), technical)

    # === CLIENTS === #

    def _get_postgres__(self):
        """Return the client for this server's databases; the seam for tests."""
        self.ensure_one()
        if not self.db_host:
            return PostgresAdmin(
                host=config["db_host"] or "",
                port=config["db_port"] or 0,
                user=config["db_user"] or "",
                password=config["db_password"] or "",
                sslmode=config["db_sslmode"] if config["db_host"] else "",
            )
        password = self.sudo()._reveal_secret__("db_password")
        return PostgresAdmin(self.db_host, self.db_port, self.db_user or "", password or "")

    def _get_homes__(self):
        """Return the folder in which each instance with a process of its own has its files."""
        return Homes(Path(config["data_dir"]) / "instances")

    def _get_process__(self, database):
        """Return the process of the instance in ``database``; the seam for tests."""
        return InstanceProcess(self._get_postgres__(), self.env.cr.dbname, self.runs_on, database)

    def _get_filestore__(self):
        """Return the folders of attachments of this server's databases."""
        return Filestore(config.filestore(""))

    @contextmanager
    def _get_probe__(self, host, timeout):
        """Yield a visitor of ``host``: at the named Odoo, or at this very process, which needs no other worker for it.

        A job that waited for a worker of its own server would wait for ever where jobs keep all of them busy.
        """
        self.ensure_one()
        with ExitStack() as stack:
            address = (self.http_host or "127.0.0.1", self.http_port or config["http_port"])
            if not self.http_host and not self.http_port:
                address = stack.enter_context(serving(odoo.http.root))
            yield Probe(address, host, timeout=timeout, https=self.protocol == "https")

    # === IDENTITY === #

    def _ownership_tag(self, owner):
        """The tag of a database that belongs to ``owner``, an instance or template of this manager."""
        return OwnershipTag(self._manager_identity(), owner)

    @api.model
    def _manager_identity(self):
        """Identifier of this very manager: a copy of its database is another one.

        Duplicating in Odoo renews the database's identifier, neutralizing renews ours, and a raw
        copy has another name: none of them can act on the instances of the original.
        """
        parameters = self.env["ir.config_parameter"].sudo()
        names = (parameters.get_param(MANAGER_PARAMETER), parameters.get_param("database.uuid"), self.env.cr.dbname)
        if not all(names):
            raise UserError(self.env._("This manager has lost its identity: it cannot act on any instance."))
        name = "/".join(names)
        return str(uuid.uuid5(uuid.NAMESPACE_URL, name))

    @api.model
    def _parameter(self, key, default):
        return self.env["ir.config_parameter"].sudo().get_param(key) or default
