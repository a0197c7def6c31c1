{
    "name": "Lokario Billing: SMS",
    "version": "19.0.1.0.0",
    "summary": "Reminders by SMS",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_billing", "sms"],
    "data": [
        "data/sms_template_data.xml",
        "views/followup_policy_views.xml",
    ],
    "auto_install": True,
    "installable": True,
}
