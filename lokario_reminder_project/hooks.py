from odoo.addons.lokario_base.module_split import move_parameters, take_over

from .models.res_config_settings import CRITICAL_HOURS


def pre_init_hook(env):
    take_over(env, "lokario_reminder_project", "lokario_billing")
    move_parameters(env, {"lokario_billing.critical_hours": CRITICAL_HOURS})


def uninstall_hook(env):
    env["ir.config_parameter"].set_param(CRITICAL_HOURS, False)
