from odoo import fields, models

from odoo.addons.lokario_base.fields import get_vault


class LokarioGateRoute(models.Model):
    """Which database answers for which host; read by `lokario_gate` in every server process.

    A trigger tells the gate of each change in the transaction that makes it.
    """

    _name = "lokario.gate.route"
    _inherit = ["lokario.access.mixin"]
    _table = "lokario_gate_route"
    _description = "Route of a Host to its Database"
    _rec_name = "host"
    _order = "host"

    host = fields.Char(required=True, help="Lower case, without port.")
    database = fields.Char(required=True)
    state = fields.Selection([("active", "Active"), ("suspended", "Suspended")], required=True, default="active")
    message = fields.Text(help="On the page that visitors of a suspended instance see.")
    contact = fields.Char(help="Whom visitors of a suspended instance can ask.")
    instance_uuid = fields.Char(index=True)
    tenant_role = fields.Char(help="PostgreSQL role of an instance with a process of its own; empty: the manager's.")
    tenant_secret = fields.Char(groups="base.group_system", help="Its password, encrypted for `lokario_host`.")
    tenant_uid = fields.Integer(help="Operating-system user of its process, where the machine gives each its own.")
    idle_minutes = fields.Float(help="Minutes without visitors after which its process ends.")
    modules = fields.Char(help="What its template has, separated by commas: imported before its process starts.")

    limits = fields.Char(help="What its processes may take of the machine: JSON.")
    runs_on = fields.Char(help="Name of the host that runs its process; empty: the one beside the manager.")

    _host_uniq = models.Constraint("UNIQUE(host)", "This address already leads to an instance.")

    def _of(self, instances):
        """Their routes; the table is nobody's to edit by hand."""
        return self.sudo().search([("instance_uuid", "in", instances.mapped("uuid"))])

    def _lead_to(self, instance):
        """Make its address lead to the instance."""
        self._replace(instance, {"state": "active"})

    def _lead_to_page(self, instance):
        """Make its address lead to a page: the gate's own words, and what its server says besides."""
        server = instance.server_id
        page = {"message": server.suspension_message, "contact": server.contact or instance.company_id.email}
        self._replace(instance, {"state": "suspended", **page})

    def _replace(self, instance, vals):
        self._of(instance).unlink()
        self.sudo().create(self._values_of(instance) | vals)

    def _values_of(self, instance):
        values = {"host": instance.host, "database": instance.database_name, "instance_uuid": instance.uuid}
        tenant = instance._database().tenant
        if not tenant:
            return values
        return values | {
            "tenant_role": tenant.role,
            "tenant_secret": get_vault().seal(tenant.password, f"lokario.gate.route/{instance.database_name}"),
            "tenant_uid": tenant.uid,
            "idle_minutes": instance.plan_id.idle_minutes,
            "modules": ",".join(instance.template_id._module_list()),
            "limits": instance.plan_id._limits(),
            "runs_on": instance.server_id.runs_on,
        }

    def _refresh_limits(self, instances):
        """Tell the hosts what the plans of these instances grant now."""
        for instance in instances:
            plan = instance.plan_id
            self._of(instance).write({"limits": plan._limits(), "idle_minutes": plan.idle_minutes})

    def init(self):
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION lokario_gate_notify() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_notify('lokario_gate', ''); RETURN NULL; END $$;
            CREATE OR REPLACE TRIGGER lokario_gate_route_changed
            AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON lokario_gate_route
            FOR EACH STATEMENT EXECUTE FUNCTION lokario_gate_notify();
            """
        )
