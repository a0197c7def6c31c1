from odoo.addons.lokario_base.module_split import take_over

from .models.res_config_settings import CRITICAL_HOURS

FORMER_PARAMETER = "lokario_billing.critical_hours"


def pre_init_hook(env):
    take_over(env, "lokario_reminder_project", "lokario_billing")
    parameters = env["ir.config_parameter"]
    if hours := parameters.get_param(FORMER_PARAMETER):
        parameters.set_param(CRITICAL_HOURS, hours)
        parameters.set_param(FORMER_PARAMETER, False)


def uninstall_hook(env):
    env["ir.config_parameter"].set_param(CRITICAL_HOURS, False)
