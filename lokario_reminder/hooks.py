from odoo.addons.lokario_base.module_split import restore_kept, take_over

MANAGER = "lokario_reminder.group_lokario_reminder_manager"
FORMER_READERS = "lokario_billing.group_lokario_billing_user"  # until release 19.0.1.1.0 of lokario_billing


def pre_init_hook(env):
    take_over(env, "lokario_reminder", "lokario_billing")


def post_init_hook(env):
    """Who read every notice of the company while they belonged to lokario_billing reads them still."""
    restore_kept(env)
    group = env.ref(FORMER_READERS, raise_if_not_found=False)
    if group:
        env.ref(MANAGER).user_ids |= group.all_user_ids
