# Typed into Odoo's shell of the last release: some records of every area, as people there have them.
# ruff: noqa: F821  (`env` comes from the shell)
env["ir.config_parameter"].set_param("lokario_inbox.allowed_hosts", "mail.lan")
env["ir.config_parameter"].set_param("iap.partner_autocomplete.endpoint", "http://127.0.0.1:9")  # no network
companies = env["res.company"].create([{"name": "Alpha"}, {"name": "Beta"}])
roles = {
    "agent": "lokario_inbox.group_lokario_inbox_user",
    "inbox_head": "lokario_inbox.group_lokario_inbox_manager",
    "collector": "lokario_billing.group_lokario_billing_manager",
    "hoster": "saas_manager.group_saas_manager_manager",
    "mailer": "email_engine_bridge.group_email_engine_bridge_manager",
    "head": "lokario_base.group_lokario_base_manager",
}
for name, role in roles.items():
    groups = [(4, env.ref("base.group_user").id), (4, env.ref(role).id)]
    env["res.users"].create(
        {
            "name": name,
            "login": f"{name}@up.test",
            "email": f"{name}@up.test",
            "group_ids": groups,
            "company_ids": [(6, 0, companies.ids)],
            "company_id": companies[0].id,
        }
    )
leaving = env["res.users"].create({"name": "leaving", "login": "leaving@up.test", "email": "leaving@up.test"})
env["lokario.account.deletion"].with_user(leaving)._request(leaving)
unverified = env["res.users"].create({"name": "unverified", "login": "unverified@up.test"})
unverified.signup_nonce = "0123456789abcdef"
companies[0].write({"contact_email": "sales@up.test", "contact_creates_partner": True})
companies[1].deletion_suspends_access = False

partner = env["res.partner"].create({"name": "Bêta SARL", "email": "compta@beta.test", "is_company": True})

for company in companies:
    mailbox = env["inbox.integration"].create(
        {
            "name": f"Contact {company.name}",
            "company_id": company.id,
            "email_address": f"contact@{company.name.lower()}.test",
            "imap_host": "imap.up.test",
            "smtp_host": "smtp.up.test",
            "email_password": "canary-password",
        }
    )
    message = {"subject": "Hello", "body_text": "What does it cost?", "identity": company.name, "direction": "in"}
    conversation = env["inbox.conversation"].create({"integration_id": mailbox.id, "subject": "Hello"})
    mail = env["inbox.message"].create(
        {**message, "integration_id": mailbox.id, "company_id": company.id, "conversation_id": conversation.id}
    )
    folder = env["inbox.folder"].create({"integration_id": mailbox.id, "name": "INBOX", "path": "INBOX"})
    at = {"integration_id": mailbox.id, "folder_id": folder.id, "message_id": mail.id}
    env["inbox.placement"].create({**at, "uidvalidity": "1", "uid": 7, "flags": "\\Seen"})
    company.write({"inbox_ai_allowlist": "01 23 45 67 89", "inbox_ai_knowledge": "9 to 5", "inbox_ai_sender_hours": 12})
    env["inbox.ai.policy"].create(
        {"integration_id": mailbox.id, "mode": "auto", "allowed_promises": "refund", "threshold": 0.9}
    )
    asked = {"company_id": company.id, "integration_id": mailbox.id, "message_id": mail.id, "purpose": "reply"}
    env["inbox.ai.decision"].create(
        [
            {
                **asked,
                "state": "done",
                "outcome": "refused",
                "prompt_version": "a",
                "gate_reasons": [["link", "x.test"]],
            },
            {**asked, "state": "done", "outcome": "drafted", "prompt_version": "b", "reason": "sample"},
        ]
    )
    env["inbox.outgoing"].create(
        {"integration_id": mailbox.id, "subject": "Re: Hello", "email_to": "a@b.test", "body_html": "<p>10 euros</p>"}
    )
    written = {"integration_id": mailbox.id, "email_to": "a@b.test", "body_html": "<p>10 euros</p>"}
    names = ("queued", "built", "unclear", "sent", "discarded")
    queued, built, unclear, sent, discarded = env["inbox.outgoing"].create(
        [{**written, "subject": f"Mail {name}"} for name in names]
    )
    for mail in queued | built | unclear | sent:
        mail.action_send()
    for mail in built | unclear | sent:
        mail._fix_bytes()
    unclear.write({"state": "unsettled", "attempts": 1, "handed_over_at": "2026-11-01 10:00:00"})
    sent.write(
        {"state": "sent", "attempts": 1, "handed_over_at": "2026-11-01 10:00:00", "sent_at": "2026-11-01 10:00:00"}
    )
    discarded.action_cancel()
    copy = {"integration_id": mailbox.id, "raw": "U3ViamVjdDogeA=="}
    env["inbox.sent.copy"].create({**copy, "message_id_header": sent.message_id_header, "hidden_copy": True})
    order = env["sale.order"].with_company(company).create({"partner_id": partner.id, "company_id": company.id})
    for state in ("queued", "retry", "hold", "sending", "uncertain", "sent", "failed"):
        mail = env["mail.mail"].create(
            {"model": "sale.order", "res_id": order.id, "subject": f"Quote {state}", "email_to": "a@b.test"}
        )
        delivery = env["lokario.delivery"].search([("mail_id", "=", mail.id)])
        delivery.write({"state": state, "recipients": "a@b.test", "route": "mailbox", "integration_id": mailbox.id})
        if state in ("sending", "uncertain", "sent"):
            delivery.write({"handed_over_at": "2026-11-01 10:00:00", "eml": "U3ViamVjdDogeA=="})
            mail.state = "sent" if state == "sent" else "exception" if state == "uncertain" else "outgoing"
        if state == "sent":
            env["inbox.sent.copy"].create({**copy, "message_id_header": delivery.message_id})
    env["inbox.tag"].create({"name": "Urgent", "company_id": company.id})
    env["inbox.canned.answer"].create({"name": "Hours", "body_html": "<p>9 to 5</p>", "company_id": company.id})
    env["inbox.rule"].create({"name": "Spam", "company_id": company.id})

server = env["saas.server"].create({"name": "Here", "base_domain": "up.test"})
template = env["saas.template"].create({"name": "Small", "code": "small", "server_id": server.id})
plan = env["saas.plan"].create({"name": "Standard", "template_id": template.id, "relay_password": "canary-relay"})
env["saas.instance"].create({"name": "Martin", "subdomain": "martin", "partner_id": partner.id, "plan_id": plan.id})

for company, slug in zip(companies, ("alpha", "beta"), strict=True):
    tenant = env["engine.tenant"].create(
        {"name": slug, "slug": slug, "company_id": company.id, "from_name": slug, "from_email": f"no@{slug}.test"}
    )
    domain = env["engine.domain"].create({"name": f"mail.{slug}.test", "tenant_id": tenant.id})
    env["engine.ip"].create({"address": f"192.0.2.{tenant.id}", "hostname": domain.name, "domain_id": domain.id})
    people = env["engine.contact.list"].create({"name": "Everybody", "tenant_id": tenant.id})
    env["engine.contact"].create({"email": "ann@up.test", "tenant_id": tenant.id, "list_ids": [(4, people.id)]})
    letter = env["engine.template"].create(
        {"name": "News", "tenant_id": tenant.id, "subject": "Hello", "html": "<p>{{ first_name }}</p>"}
    )
    env["engine.campaign"].create(
        {"name": "Spring", "tenant_id": tenant.id, "template_id": letter.id, "list_ids": [(4, people.id)]}
    )
    tenant.write({"mailwizz_url": "https://mailwizz.example.com/api", "mailwizz_key": "canary-mailwizz"})
    env["engine.suppression"].create({"email": "gone@up.test", "tenant_id": tenant.id})
    env["engine.webhook.source"].create({"name": "Pipe", "company_id": company.id, "tenant_id": tenant.id})
    env["engine.webhook.target"].create({"url": "https://example.com/hook", "tenant_id": tenant.id})
    env["engine.api.key"].create({"name": "ERP", "company_id": company.id, "tenant_ids": [(4, tenant.id)]})

policy = env.ref("lokario_billing.followup_policy_invoice", raise_if_not_found=False)
policy = policy or env["lokario.followup.policy"].search([], limit=1)
policy.copy({"name": "My own levels"})
env.ref("lokario_billing.ir_cron_process_followups").interval_number = 3  # what people change
task = env["project.task"].create({"name": "Roof", "partner_id": partner.id})
event = env["calendar.event"].create({"name": "Visit", "start": "2026-05-01 08:00:00", "stop": "2026-05-01 09:00:00"})
followup = {"company_id": env.company.id, "partner_id": partner.id}
env["lokario.followup"].create(
    [
        {**followup, "kind": "project", "source": "project", "task_id": task.id},
        {**followup, "kind": "appointment", "source": "appointment", "event_id": event.id},
        {
            "company_id": conversation.company_id.id,
            "partner_id": partner.id,
            "kind": "missing_info",
            "source": "conversation",
            "conversation_id": conversation.id,
        },
    ]
)
reader = env["res.users"].search([("login", "=", "collector@up.test")])
env["lokario.due.notice"].create(
    [
        {
            "kind": kind,
            "res_model": record._name,
            "res_id": record.id,
            "user_id": reader.id,
            "company_id": reader.company_id.id,
            "occurrence": "1",
            "title": record.display_name,
        }
        for kind, record in (("invoice", partner), ("task_late", task), ("appointment", event))
    ]
)
env["ir.config_parameter"].set_param("lokario_billing.critical_hours", "36")
env["ir.config_parameter"].set_param("lokario_billing.appointment_hours", "12")
env.ref("lokario_billing.ir_cron_check_due").interval_number = 2
env.ref("saas_manager.mail_template_instance_suspended").subject = "Edited by hand"
env.ref("lokario_base.ir_cron_account_deletions").write({"interval_number": 1, "interval_type": "hours"})
env.ref("lokario_base.mail_template_deletion_notice_7").subject = "Edited by hand too"
env.cr.commit()
print("SEEDED")
