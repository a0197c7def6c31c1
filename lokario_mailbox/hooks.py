from odoo.addons.lokario_base.module_split import move_parameters, restore_kept, take_over

PARAMETERS = ("allowed_hosts", "evidence_grace", "google_token_url", "imap_timeout", "sent_copy_wait", "smtp_timeout")


def take_over_from_inbox(env):
    """Mailboxes and the outbox were part of lokario_inbox: their records and settings are this addon's now."""
    take_over(env, "lokario_mailbox", "lokario_inbox")
    move_parameters(env, {f"lokario_inbox.{name}": f"lokario_mailbox.{name}" for name in PARAMETERS})


def give_everybody_the_role(env):
    """Every employee may connect a mailbox of his own; from whom shall not, an administrator takes the role away.

    Where the inbox was there before, its roles imply those of mailboxes: who lost them does not get them back.
    """
    restore_kept(env)
    if env.ref("lokario_inbox.group_lokario_inbox_user", raise_if_not_found=False):
        return
    role = env.ref("lokario_mailbox.group_lokario_mailbox_user")
    env.ref("base.default_user_group").implied_ids |= role
    role.user_ids |= env["res.users"].search([("share", "=", False)])
