from odoo.addons.lokario_base.module_split import restore_kept, take_over


def take_over_records(env):
    """Campaigns stood in `email_engine_bridge` before: their records keep their identifiers."""
    take_over(env, "email_engine_campaign", "email_engine_bridge")


def keep_edited_records(env):
    restore_kept(env)


def forget_parameters(env):
    """Its parameters are not called after it, so `lokario_base` does not know whose they are."""
    env["ir.config_parameter"].search([("key", "=like", "email\\_engine.%")]).unlink()
