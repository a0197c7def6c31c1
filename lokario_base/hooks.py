def uninstall_hook(env):
    """Without its mark the global server would send all mail, under addresses that it was never meant for."""
    env["ir.mail_server"]._global_server().active = False
