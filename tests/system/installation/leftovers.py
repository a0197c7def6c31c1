# Typed into Odoo's shell: installs ADDON on what it depends on, uninstalls it, and prints what is left of it.
# ruff: noqa: F821  (`env` and ADDON come from the shell)
import json

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

DATABASE = env.cr.dbname
# What an addon may leave behind, and how its rows are told apart.
QUERIES = {
    "relation": """SELECT relkind::text || ' ' || relname FROM pg_class
                    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'S', 'i')""",
    "column": """SELECT table_name || '.' || column_name FROM information_schema.columns
                  WHERE table_schema = 'public'""",
    "function": "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "trigger": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    "constraint": "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
    "scheduled action": "SELECT id || ' ' || coalesce(cron_name, '') FROM ir_cron",
    "parameter": "SELECT key FROM ir_config_parameter",
    "group": "SELECT id || ' ' || name::text FROM res_groups",
    "privilege": "SELECT id || ' ' || name::text FROM res_groups_privilege",
    "mail server": "SELECT id || ' ' || name FROM ir_mail_server WHERE active",
    "asset": "SELECT id || ' ' || path FROM ir_asset",
    "asset bundle": "SELECT name || ' ' || url FROM ir_attachment WHERE url LIKE '/web/assets/%'",
    "file": "SELECT id || ' ' || name || ' of ' || res_model FROM ir_attachment WHERE res_model IS NOT NULL",
    "model": "SELECT model FROM ir_model",
    "field": "SELECT model || '.' || name FROM ir_model_fields",
    "view": "SELECT id || ' ' || name FROM ir_ui_view",
    "menu": "SELECT id || ' ' || name::text FROM ir_ui_menu",
    "action": "SELECT id || ' ' || name::text FROM ir_actions",
    "rule": "SELECT id || ' ' || coalesce(name, '') FROM ir_rule",
    "access right": "SELECT id || ' ' || name FROM ir_model_access",
    "mail template": "SELECT id || ' ' || name::text FROM mail_template",
    "sequence": "SELECT id || ' ' || name FROM ir_sequence",
    "default": "SELECT id || ' ' || field_id FROM ir_default",
    # Odoo lists every addon on the disk, installed or not.
    "external id": r"SELECT module || '.' || name FROM ir_model_data WHERE name NOT LIKE 'module\_%'",
}
OPTIONAL = {
    "queue channel": ("queue_job_channel", "SELECT complete_name FROM queue_job_channel"),
    "queue function": ("queue_job_function", "SELECT name FROM queue_job_function"),
}


def fresh():
    return api.Environment(Registry(DATABASE).cursor(), SUPERUSER_ID, {})


def ask(cr, query):
    cr.execute(query)
    return {row[0] for row in cr.fetchall()}


def snapshot():
    with Registry(DATABASE).cursor() as cr:
        relations = ask(cr, "SELECT relname FROM pg_class")
        queries = {**QUERIES, **{what: query for what, (table, query) in OPTIONAL.items() if table in relations}}
        return {what: ask(cr, query) for what, query in queries.items()}


def press(button, names):
    """Press a button of those modules for which it changes something; what it changed is committed."""
    env = fresh()
    before = "uninstalled" if button == "install" else "installed"
    modules = env["ir.module.module"].search([("name", "in", names), ("state", "=", before)])
    if modules:
        getattr(modules, f"button_immediate_{button}")()
    env.cr.close()


def state():
    with Registry(DATABASE).cursor() as cr:
        return ask(cr, f"SELECT state FROM ir_module_module WHERE name = '{ADDON}'")


def install_dependencies():
    """What the addon depends on, without the addon itself, also where it installs automatically."""
    env = fresh()
    module = env["ir.module.module"].search([("name", "=", ADDON)])
    dependencies = module.dependencies_id.mapped("name")
    module.state = "uninstallable"
    env.cr.commit()
    env.cr.close()
    press("install", dependencies)
    env = fresh()
    env["ir.module.module"].search([("name", "=", ADDON)]).state = "uninstalled"
    env.cr.commit()
    env.cr.close()


# Odoo refuses to install while another transaction has the table of modules, be it PostgreSQL's own.
env.cr.execute("ALTER TABLE ir_module_module SET (autovacuum_enabled = false)")
env.cr.commit()
install_dependencies()
before = snapshot()
press("install", [ADDON])
installed = state()
with Registry(DATABASE).cursor() as cr:  # as an administrator sets them; only addons on lokario_base have any
    cr.execute(
        """INSERT INTO ir_config_parameter (key, value)
           SELECT %s, 'x' FROM ir_module_module WHERE name = 'lokario_base' AND state = 'installed'""",
        [f"{ADDON}.set_by_an_administrator"],
    )
press("uninstall", [ADDON])
after = snapshot()
left = {what: sorted(after[what] - names) for what, names in before.items() if after[what] - names}
press("install", [ADDON])
print("RESULT " + json.dumps({"installed": [*installed], "again": [*state()], "left": left}))
