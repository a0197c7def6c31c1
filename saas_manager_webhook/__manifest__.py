{
    "name": "SaaS Manager: Webhooks",
    "version": "19.0.1.0.0",
    "summary": "Signed notifications of what happens to instances, for a client's or your own systems",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["saas_manager"],
    "data": [
        "security/ir.model.access.csv",
        "security/saas_manager_webhook_rules.xml",
        "data/ir_cron_data.xml",
        "views/saas_webhook_views.xml",
        "views/res_config_settings_views.xml",
    ],
    "installable": True,
}
