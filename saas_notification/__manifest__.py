{
    "name": "SaaS Manager: Contacts and Preferences",
    "version": "19.0.1.0.0",
    "summary": "Several contacts for each client, each with a role; a page where they choose what they get",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["saas_manager"],
    "data": [
        "security/ir.model.access.csv",
        "security/saas_notification_rules.xml",
        "views/saas_contact_views.xml",
        "views/saas_preference_views.xml",
        "views/preferences_templates.xml",
    ],
    "installable": True,
}
