import json
import re
from email.utils import parseaddr

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.lokario_base.fields import Secret
from odoo.addons.lokario_base.tools.email_address import plain_address

from ..tools.customizer import Relay

RELAY_HOST = re.compile(r"[\w.-]+|\[?[0-9a-fA-F:]+\]?", re.ASCII)


class SaasPlan(models.Model):
    _name = "saas.plan"
    _inherit = ["lokario.chatter.mixin", "mail.thread", "lokario.secret.mixin", "lokario.access.mixin"]
    _description = "SaaS Plan"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(copy=False)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company)
    description = fields.Html(translate=True)
    currency_id = fields.Many2one("res.currency", default=lambda self: self.env.company.currency_id, required=True)
    price = fields.Monetary("Price per Month")
    template_id = fields.Many2one("saas.template", help="Proposed for new instances of this plan.")
    country_template_ids = fields.Many2many(
        "saas.template",
        string="Templates of other Countries",
        help="A client gets the template of his country: it decides chart of accounts, taxes and fiscal country.",
    )
    server_id = fields.Many2one("saas.server", help="Proposed for new instances of this plan.")
    purpose = fields.Selection(
        [("production", "Production"), ("staging", "Staging or trial")],
        default="production",
        required=True,
        help="Production: scheduled actions and mail run. Staging or trial: they stay off, with a red banner.",
    )
    credential_mode = fields.Selection(
        [("password", "Password in the e-mail"), ("link", "One-time link to set a password")],
        default="password",
        required=True,
    )
    link_validity = fields.Integer("Link Validity (hours)", default=72, required=True)

    idle_minutes = fields.Float(
        "Minutes until Asleep",
        default=15,
        required=True,
        help="Without a visitor for that long, the instance's process ends. "
        "The next visitor or due action starts it again.",
    )

    memory_mb = fields.Integer(
        "Memory (MB)",
        default=2048,
        required=True,
        help="All processes of an instance together where systemd runs the host, each of them elsewhere.",
    )
    cpu_percent = fields.Integer(
        "Processor (%)", help="Of one processor, where systemd runs the host. 0: as much as the others leave."
    )
    max_processes = fields.Integer("Processes", default=256, required=True)
    max_files = fields.Integer("Open Files", default=1024, required=True, help="Of each process.")

    relay_host = fields.Char("Outgoing Server", help="Empty: instances have no outgoing server until one is set up.")
    relay_port = fields.Integer("Port", default=587)
    relay_encryption = fields.Selection(
        [
            ("starttls_strict", "STARTTLS, certificate checked"),
            ("ssl_strict", "SSL/TLS, certificate checked"),
            ("starttls", "STARTTLS"),
            ("ssl", "SSL/TLS"),
            ("none", "None"),
        ],
        "Encryption",
        default="starttls_strict",
    )
    relay_user = fields.Char("User")
    relay_password = Secret("Password", destination=("relay_host", "relay_port", "relay_encryption", "relay_user"))
    relay_sender = fields.Char("Sender Address", help="The address that invitations and resets come from.")

    instance_ids = fields.One2many("saas.instance", "plan_id")
    instance_count = fields.Integer(compute="_compute_instance_count")

    _code_uniq = models.Constraint("UNIQUE(code)", "Another plan has this code.")
    _link_validity_positive = models.Constraint("CHECK(link_validity > 0)", "A link is valid for at least one hour.")

    _limits_sane = models.Constraint(
        "CHECK(memory_mb >= 256 AND max_processes >= 32 AND max_files >= 128 AND cpu_percent >= 0)",
        "An instance needs at least 256 MB of memory, 32 processes and 128 open files.",
    )

    @api.constrains("relay_host", "relay_sender")
    def _check_relay(self):
        """A slip of the pen is told here, not by the first mail of an instance."""
        for plan in self:
            host, sender = plan.relay_host or "", plan.relay_sender or ""
            if host and not RELAY_HOST.fullmatch(host):
                raise ValidationError(
                    self.env._("Outgoing Server: “%s” is no host name, such as smtp.example.com.", host)
                )
            if sender and not plain_address(parseaddr(sender)[1]):
                raise ValidationError(self.env._("Sender Address: “%s” is no e-mail address.", sender))

    def write(self, vals):
        """New limits are in force as soon as a process starts anew."""
        result = super().write(vals)
        if vals.keys() & {"memory_mb", "cpu_percent", "max_processes", "max_files", "idle_minutes"}:
            self.env["lokario.gate.route"]._refresh_limits(self.sudo().instance_ids)
        return result

    def _limits(self):
        """What a process of its instances may take, as `lokario_host/limits.py` reads it."""
        figures = {"memory_mb": self.memory_mb, "cpu_percent": self.cpu_percent}
        return json.dumps(figures | {"processes": self.max_processes, "files": self.max_files})

    def _compute_instance_count(self):
        counts = dict(
            self.env["saas.instance"]._read_group(
                [("plan_id", "in", self.ids), ("state", "!=", "terminated")], ["plan_id"], ["__count"]
            )
        )
        for plan in self:
            plan.instance_count = counts.get(plan, 0)

    def _template_for(self, country):
        """The template for a client of ``country``; an empty record when the plan has none for it."""
        templates = (self.template_id | self.country_template_ids).filtered("active")
        if not country:
            return self.template_id
        exact = templates.filtered(lambda template: template.country_id == country)
        return exact[:1] or templates.filtered(lambda template: not template.country_id)[:1]

    def _check_template(self, template, country):
        """Refuse a template of another country than the client's; a template without a country fits everywhere."""
        if not country or not template.country_id or template.country_id == country:
            return
        countries = (self.template_id | self.country_template_ids).country_id.mapped("name")
        raise UserError(
            self.env._(
                "The template “%(template)s” is made for %(made_for)s, the client is in %(country)s. "
                "The plan “%(plan)s” has templates for: %(countries)s.",
                template=template.name,
                made_for=template.country_id.name,
                country=country.name,
                plan=self.name,
                countries=", ".join(sorted(countries)),
            )
        )

    def _relay__(self):
        """The outgoing server that this plan's instances get, or None: nothing leaves a staging instance."""
        self.ensure_one()
        if not self.relay_host or self.purpose != "production":
            return None
        plan_sudo = self.sudo()  # the password is nobody's to read; it is written into the instance
        return Relay(
            host=plan_sudo.relay_host,
            port=plan_sudo.relay_port,
            encryption=plan_sudo.relay_encryption or "none",
            user=plan_sudo.relay_user or "",
            password=plan_sudo._reveal_secret__("relay_password") or "",
            sender=plan_sudo.relay_sender or "",
        )
