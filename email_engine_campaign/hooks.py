from odoo.addons.lokario_base.module_split import restore_kept, take_over

# Scheduled actions that people may have edited, and what they call now.
CRONS = {
    "ir_cron_settle_unknown": ("engine.transport.powermta", "model._cron_reconcile()"),
    "ir_cron_follow_mailwizz": ("engine.transport.mailwizz", "model._cron_follow()"),
}


def take_over_records(env):
    """Campaigns stood in `email_engine_bridge` before: their records keep their identifiers."""
    take_over(env, "email_engine_campaign", "email_engine_bridge")


def keep_edited_records(env):
    restore_kept(env)
    _link_people_at_mailwizz(env)
    for name, (model, code) in CRONS.items():
        env.ref(f"email_engine_campaign.{name}").write({"model_id": env["ir.model"]._get_id(model), "code": code})


def _link_people_at_mailwizz(env):
    """Before, a part had everybody of its subject; now each person names the part."""
    env.cr.execute("UPDATE engine_mailwizz_part SET is_handed_over = true WHERE campaign_uid IS NOT NULL")
    env.cr.execute(
        """UPDATE engine_campaign_recipient r SET mailwizz_part_id = p.id FROM engine_mailwizz_part p
            WHERE p.campaign_id = r.campaign_id AND p.variant = r.variant AND r.mailwizz_part_id IS NULL"""
    )


def forget_parameters(env):
    """Its parameters are not called after it, so `lokario_base` does not know whose they are."""
    env["ir.config_parameter"].search([("key", "=like", "email\\_engine.%")]).unlink()
