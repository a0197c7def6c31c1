from .models.saas_server import MANAGER_PARAMETER


def uninstall_hook(env):
    """The function of the gate's trigger has no record that Odoo could delete; the tag of this manager owns nothing."""
    env.cr.execute("DROP FUNCTION IF EXISTS lokario_gate_notify() CASCADE")
    env["ir.config_parameter"].search([("key", "=", MANAGER_PARAMETER)]).unlink()
