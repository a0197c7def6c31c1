import contextlib
import logging
import re
import time
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.modules.module import Manifest
from odoo.tools import config

import odoo.addons.base
import odoo.addons.web

from ..const import BUS_TYPE
from ..exceptions import TECHNICAL
from ..tools import customizer, naming
from ..tools.builder import Builder
from ..tools.choice import only_one

_logger = logging.getLogger(__name__)

INSTANCE_MODULES = ("base", "rpc", "web")  # server-wide ones of lokario_host
BUILD_TIMEOUT = 1800  # seconds for one process of a build
SPLIT = re.compile(r"[\s,;]+")


class SaasTemplate(models.Model):
    """A sealed database that instances are copied from: it can only be cloned, never entered.

    A build makes a new version beside the old one and switches to it when it is finished.
    """

    _name = "saas.template"
    _inherit = ["lokario.chatter.mixin", "mail.thread", "saas.transaction.mixin", "lokario.access.mixin"]
    _description = "SaaS Template"
    _machine_writes_as_sudo = True
    _order = "sequence, id"

    name = fields.Char(required=True, tracking=True)
    code = fields.Char(required=True, help="Part of the names of its databases: lower-case letters, digits.")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company)
    server_id = fields.Many2one(
        "saas.server", required=True, ondelete="restrict", default=lambda self: only_one(self.env["saas.server"])
    )
    modules = fields.Text(
        required=True,
        default="web, mail, portal, auth_signup",
        help="Technical names of the modules to install, separated by commas.",
    )
    lang_ids = fields.Many2many(
        "res.lang", string="Languages", context={"active_test": False}, help="Besides English, which is always there."
    )
    country_id = fields.Many2one("res.country", help="Country of the company; decides about the chart of accounts.")
    state = fields.Selection(
        [("draft", "Not built"), ("building", "Building"), ("ready", "Ready"), ("failed", "Failed")],
        default="draft",
        required=True,
        copy=False,
        readonly=True,
        tracking=True,
    )
    version = fields.Integer(readonly=True, copy=False)
    template_db = fields.Char("Database", readonly=True, copy=False, help="The sealed database of the current version.")
    previous_db = fields.Char(readonly=True, copy=False)
    is_template_ready = fields.Boolean(compute="_compute_is_template_ready", store=True)
    is_outdated = fields.Boolean(
        compute="_compute_is_outdated", help="Modules, languages or country changed since the last build."
    )
    built_from = fields.Char(readonly=True, copy=False)
    build_step = fields.Char(readonly=True, copy=False)
    build_error = fields.Text(readonly=True, copy=False)
    build_date = fields.Datetime(readonly=True, copy=False)
    build_duration = fields.Float("Build Time (s)", readonly=True, copy=False)
    waived_modules = fields.Char(
        help="Modules whose neutralize.sql may fail. Every other failure keeps an instance from being published."
    )
    instance_ids = fields.One2many("saas.instance", "template_id")
    instance_count = fields.Integer(compute="_compute_instance_count")

    _code_uniq = models.Constraint("UNIQUE(server_id, code)", "Another template of this server has this code.")

    @api.depends("state", "template_db")
    def _compute_is_template_ready(self):
        for template in self:
            template.is_template_ready = bool(template.template_db) and template.state in {"ready", "building"}

    @api.depends("modules", "lang_ids", "country_id", "built_from")
    def _compute_is_outdated(self):
        for template in self:
            template.is_outdated = bool(template.built_from) and template.built_from != template._recipe()

    def _compute_instance_count(self):
        counts = dict(
            self.env["saas.instance"]._read_group(
                [("template_id", "in", self.ids), ("state", "!=", "terminated")], ["template_id"], ["__count"]
            )
        )
        for template in self:
            template.instance_count = counts.get(template, 0)

    @api.constrains("code")
    def _check_code(self):
        for template in self:
            if not re.fullmatch(r"[a-z0-9]{1,20}", template.code or ""):
                raise ValidationError(self.env._("The code of a template has up to 20 lower-case letters and digits."))

    @api.constrains("modules")
    def _check_modules(self):
        for template in self:
            names = set(template._module_list())
            known = self.env["ir.module.module"].sudo().search([("name", "in", list(names))]).mapped("name")
            unknown = sorted(names - set(known))
            if unknown:
                raise ValidationError(self.env._("This Odoo has no module %s.", ", ".join(unknown)))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        if self.instance_ids.filtered(lambda instance: instance.state != "terminated"):
            raise UserError(self.env._("Instances were made from this template: archive it instead."))
        for template in self:
            template._drop_database(template.previous_db)
            template._drop_database(template.template_db)

    def _module_list(self):
        return sorted({"base", "web", *filter(None, SPLIT.split(self.modules or ""))})

    def _recipe(self):
        codes = sorted(self.with_context(active_test=False).lang_ids.mapped("code"))
        return "|".join((",".join(self._module_list()), ",".join(codes), self.country_id.code or ""))

    # === BUILD === #

    def action_build(self):
        """Queue the build of a new version; instances keep being made from the old one meanwhile."""
        self.check_access("write")
        for template in self:
            if template.server_id.state == "draft":
                raise UserError(self.env._("Activate the server “%s” first.", template.server_id.name))
            if template.state == "building":
                raise UserError(self.env._("“%s” is being built already.", template.name))
            template.server_id._check_answers()
            template._set_building()
            template.with_delay(
                channel="root.provision",
                identity_key=f"saas.template:build:{template.id}",
                description=f"Build template {template.code}",
            )._job_build()

    def _job_build(self):
        """Build the next version. Runs as a queue job; its outcome is stored, never raised."""
        self.ensure_one()
        version, recipe = self.version + 1, self._recipe()
        name = naming.template_database_name(self.server_id.database_prefix, self.code, version)
        started = time.monotonic()
        try:
            self._build_database(name)
            self._drop_database(self.previous_db)
        except TECHNICAL as err:
            _logger.info("template %s: the build of version %s failed: %s", self.id, version, type(err).__name__)
            self._give_up(name, err)
            return
        with self._own_transaction() as template:
            template._set_ready(name, version, recipe, time.monotonic() - started)

    def _give_up(self, name, err):
        with contextlib.suppress(*TECHNICAL):  # what is not ours stays; the rest is removed by the next build
            self._drop_database(name)
        problem = self.server_id._problem_text(err)
        with self._own_transaction() as template:
            template._set_failed(problem)
            template._notify_progress()

    def _set_building(self):
        self.sudo().write({"state": "building", "build_error": False, "build_step": self.env._("Waiting")})

    def _set_failed(self, problem):
        self.sudo().write({"state": "failed", "build_error": problem, "build_step": False})

    def _set_ready(self, name, version, recipe, duration):
        self.sudo().write(
            {
                "state": "ready",
                "version": version,
                "previous_db": self.template_db,
                "template_db": name,
                "built_from": recipe,
                "build_date": fields.Datetime.now(),
                "build_duration": duration,
                "build_step": False,
            }
        )

    def _build_database(self, name):
        """Install, prepare and seal database ``name``."""
        postgres, tag = self.server_id._get_postgres__(), self._ownership_tag()
        builder = self._get_builder__()
        self._drop_database(name)
        postgres.create_hidden(name, tag)
        self._set_build_step(self.env._("Installing modules"))
        languages = self.with_context(active_test=False).lang_ids.mapped("code")
        if self.country_id:  # first: it decides what Odoo installs by itself, and the chart of accounts
            builder.install(name, ["base"], languages)
            with postgres.session(name) as connection:
                customizer.write_country(connection, self.country_id.code)
        builder.install(name, self._module_list(), languages)
        self._set_build_step(self.env._("Generating assets"))
        builder.prepare(name, self._strangers())
        self._set_build_step(self.env._("Freezing"))
        postgres.freeze(name)
        postgres.seal(name, tag)

    def _strangers(self):
        """Addons that processes of instances do not see: all that is not Odoo's own."""
        if self.server_id.isolation != "process":
            return []
        own = {str(Path(module.__file__).parents[1]) for module in (odoo.addons.base, odoo.addons.web)}
        return sorted(one.name for one in Manifest.all_addon_manifests() if str(Path(one.path).parent) not in own)

    def _drop_database(self, name):
        """Remove one version, if it is there and ours."""
        if not name:
            return
        self.server_id._get_postgres__().drop(name, self._ownership_tag())
        self.server_id._get_filestore__().remove(name)

    def _ownership_tag(self):
        return self.server_id._ownership_tag(f"template-{self.id}")

    def _set_build_step(self, text):
        with self._own_transaction() as template:
            template.sudo().build_step = text
            template._notify_progress()

    def _notify_progress(self):
        self.env.ref("saas_manager.group_saas_manager_user")._bus_send(BUS_TYPE, {"model": self._name, "id": self.id})

    def _get_builder__(self):
        """Return what runs Odoo's command line with this server's configuration."""
        given = {"addons-path": ",".join(config["addons_path"]), "data-dir": config["data_dir"]}
        given |= {"db_host": config["db_host"], "db_port": config["db_port"], "db_user": config["db_user"]}
        given |= {"pg_path": config["pg_path"]}
        # Bundles depend on the server-wide modules: other ones would make every instance generate its own.
        modules = INSTANCE_MODULES if self.server_id.isolation == "process" else config["server_wide_modules"]
        given |= {"load": ",".join(modules)}
        options = [f"--{name}={value}" for name, value in given.items() if value]
        secrets = {"PGPASSWORD": config["db_password"]} if config["db_password"] else {}
        return Builder(config["config"], options, BUILD_TIMEOUT, secrets)
