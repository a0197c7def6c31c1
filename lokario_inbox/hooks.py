def give_everybody_the_role(env):
    """Every employee may connect a mailbox of his own; from whom shall not, an administrator takes the role away."""
    role = env.ref("lokario_inbox.group_lokario_inbox_user")
    env.ref("base.default_user_group").implied_ids |= role
    role.user_ids |= env["res.users"].search([("share", "=", False)])
