def uninstall_hook(env):
    """Without its company a server would send everybody's mail, under an address that it was never meant for."""
    env["ir.mail_server"].search([("company_id", "!=", False)]).active = False
