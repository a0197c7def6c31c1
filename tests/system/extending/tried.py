# Odoo's shell on a database with the examples of docs/extending.md: one line "TRIED <file> ok" for each that works.
import traceback


def tried(check):
    try:
        with env.cr.savepoint():  # noqa: F821  the shell's
            assert check(env), "it does nothing"  # noqa: F821
        print("TRIED", check.__name__, "ok")
    except Exception:  # noqa: BLE001  whatever is wrong is the example's answer
        print("TRIED", check.__name__, traceback.format_exc().replace("\n", " | "))


@tried
def ai_provider(env):
    provider = env["inbox.ai.provider"].create({"name": "F", "base_url": "https://x.example/v1", "model_name": "fixed"})
    return "ok" in provider.action_test()["params"]["message"]


@tried
def followup_channel(env):
    policy = env["lokario.followup.policy"].search([("kind", "=", "invoice")], limit=1)
    level = policy.level_ids[:1]
    level.channel = "fax"
    customer = env["res.partner"].create({"name": "Camille", "email": "camille@example.com"})
    reminder = env["lokario.followup.reminder"].create(
        {"company_id": env.company.id, "customer_id": customer.id, "partner_id": customer.id, "level_id": level.id}
    )
    reminder._schedule_activities()
    return reminder.state == "sent" and "Camille" in reminder.message_ids[0].body


@tried
def warmup_plan(env):
    return env.ref("lokario_example.plan_careful").total_emails == 50 * 7 + 500 * 7


@tried
def mail_provider(env):
    mailbox = env["inbox.integration"].new({"email_address": "anna@village.example"})
    mailbox._onchange_email_address()
    return mailbox.smtp_host == "smtp.village.example"


@tried
def saas_step(env):
    return env["saas.instance"]._provisioning_steps()[-1][0] == "welcome"


@tried
def bounce_phrase(env):
    from odoo.addons.email_engine_bridge.tools.bounce import classify

    phrases = env["engine.event.ingest"]._bounce_phrases()
    return classify("5.0.0", "550 she has left the village", phrases=phrases).reason == "moved away"


@tried
def mail_rule(env):
    from odoo.addons.lokario_inbox.tools.rule_match import RuleMail

    rules = env["inbox.rule"].search([])
    mailbox = env["inbox.integration"]
    return rules._first_match(RuleMail(subject="Candidature"), mailbox) == env.ref("lokario_example.rule_applications")


@tried
def scheduled_job(env):
    cron = env.ref("lokario_example.ir_cron_greet")
    return env["ir.cron"].search([("endpoint_path", "=", "/example/greet")]) == cron and cron.interval_type == "hours"


@tried
def dns_check(env):
    class NoZone:
        def __getattr__(self, name):
            return lambda *arguments: []

    domain = env["engine.domain"].new({"name": "example.com"})
    checks = env["engine.dns.check"]._domain_checks(domain, NoZone(), [], None)
    return checks[-1].kind == "caa" and checks[-1].verdict == "warning"


@tried
def transport(env):
    field = env["engine.campaign"]._fields["transport"]
    return "pigeon" in field.get_values(env) and hasattr(env["engine.transport.pigeon"], "_pause")
