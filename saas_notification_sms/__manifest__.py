{
    "name": "SaaS Manager: SMS",
    "version": "19.0.1.0.0",
    "summary": "Clients who choose it get short messages about their instances by SMS",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["saas_notification", "sms"],
    "data": [
        "data/sms_template_data.xml",
        "views/saas_instance_mail_views.xml",
        "views/saas_message_preview_views.xml",
        "views/res_config_settings_views.xml",
    ],
    "auto_install": True,
    "installable": True,
}
