def uninstall_hook(env):
    """The function of the gate's trigger has no record that Odoo could delete."""
    env.cr.execute("DROP FUNCTION IF EXISTS lokario_gate_notify() CASCADE")
