from odoo import fields, models


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

    _host_uniq = models.Constraint("UNIQUE(host)", "This address already leads to an instance.")

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
