{
    "name": "Lokario Contact Form: Leads",
    "version": "19.0.1.0.0",
    "summary": "Each message of the contact form is a lead",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_contact", "crm"],
    "data": [
        "views/res_config_settings_views.xml",
    ],
    "auto_install": True,
    "installable": True,
}
