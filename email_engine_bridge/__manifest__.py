{
    "name": "Email Engine",
    "version": "19.0.1.0.0",
    "summary": "Multi-tenant e-mail engine around PowerMTA and MailWizz",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_base", "mail", "queue_job", "fastapi"],
    "external_dependencies": {
        "python": ["cryptography", "dnspython", "fastapi", "pydantic"],
    },
    "data": [
        "security/email_engine_bridge_groups.xml",
        "security/ir.model.access.csv",
        "security/email_engine_bridge_rules.xml",
        "data/fastapi_endpoint_data.xml",
        "data/ir_cron_data.xml",
        "views/engine_tenant_views.xml",
        "views/email_engine_bridge_menus.xml",
    ],
    "installable": True,
    "application": True,
}
