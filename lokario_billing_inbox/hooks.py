from odoo.addons.lokario_base.module_split import take_over


def pre_init_hook(env):
    take_over(env, "lokario_billing_inbox", "lokario_billing")
